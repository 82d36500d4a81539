"""A ledger line in the words of OpenTelemetry's semantic conventions for generative AI, release 0.1.0.

https://github.com/open-telemetry/semantic-conventions-genai; all that is used here has the status "Development".
"""

from collections.abc import Mapping

from tandem.core.ledger import LedgerLine

_PROVIDERS = {"azure": "azure.ai.openai", "mistral": "mistral_ai", "xai": "x_ai", "gemini": "gcp.gemini"}


def operation_name(line: LedgerLine) -> str:
    """``gen_ai.operation.name``: what was asked for, from the route or the dialect that asked."""
    name = line.route.removeprefix("/v1/").removeprefix("openai.")
    return {"embeddings": "embeddings", "completions": "text_completion"}.get(name, "chat")


def provider_name(line: LedgerLine) -> str:
    """``gen_ai.provider.name``: the conventions' name where they have one, else the owner's; ``tandem`` on the device.

    Empty where nobody answered.
    """
    if line.place == "device":
        return "tandem"
    return _PROVIDERS.get(line.evidence, line.evidence) if line.model else ""


def request_model(line: LedgerLine) -> str:
    """``gen_ai.request.model``: the name that the caller gave, where it led to an answer: else it could be any text."""
    return line.asked if line.model else ""


def attributes(line: LedgerLine) -> Mapping[str, str | int | float | tuple[str, ...]]:
    """The line as a span's attributes: the decision and its cost, never the text. What says nothing is left out."""
    told: Mapping[str, str | int | float | tuple[str, ...] | None] = {
        "gen_ai.operation.name": operation_name(line),
        "gen_ai.provider.name": provider_name(line),
        "gen_ai.request.model": request_model(line),
        "gen_ai.response.model": line.model,
        "gen_ai.usage.input_tokens": line.prompt_tokens if line.model else None,
        "gen_ai.usage.output_tokens": line.completion_tokens if line.model else None,
        "gen_ai.usage.cache_read.input_tokens": line.cached_tokens,
        "gen_ai.response.time_to_first_chunk": line.first_word_seconds,
        "error.type": line.error,
        "tandem.request_id": line.request_id,
        "tandem.outcome": line.outcome,
        "tandem.place": line.place,
        "tandem.policy": line.policy,
        "tandem.policy_hash": line.policy_hash,
        "tandem.because": line.because,
        "tandem.removed": line.removed,
        "tandem.private": line.private,
        "tandem.redacted": line.redacted,
        "tandem.fallbacks": line.fallbacks,
        "tandem.purpose": line.purpose,
        "tandem.task": line.task,
        "tandem.difficulty": line.difficulty,
        "tandem.evidence": line.evidence,
        "tandem.seal": line.seal,
        "tandem.left_to": line.left_to,
        "tandem.cost_usd": None if line.cost_usd is None else float(line.cost_usd),
    }
    kept = {name: value for name, value in told.items() if value not in (None, "", 0, ())}
    return kept | {"tandem.left_bytes": line.left_bytes}
