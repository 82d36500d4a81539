"""Providers that are known by name: where they answer, which variable holds their key, and their habits.

To add one, add a row; docs/providers.md shows what each field is for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tandem.backends.quirks import Quirks
from tandem.core.models import Ability

Kind = Literal["openai", "azure", "anthropic"]
_USUAL: frozenset[Ability] = frozenset({"tools", "json_schema"})
_SEEING: frozenset[Ability] = frozenset({"tools", "json_schema", "images"})
_COUNTING: frozenset[Ability] = frozenset({"tools", "json_schema", "logprobs"})
_BOOKKEEPING = frozenset(
    {"metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "service_tier", "store", "user"}
)
_OLD_LIMIT = {"max_completion_tokens": "max_tokens"}
_NEW_LIMIT = {"max_tokens": "max_completion_tokens"}
_NO_LOGPROBS = frozenset({"logprobs", "top_logprobs"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """What is known about a provider. ``base_url`` empty: it differs for every owner.

    ``key_env`` empty: it wants no key. ``local``: it runs on machines of the owner's own.
    """

    kind: Kind = "openai"
    base_url: str = ""
    key_env: str = ""
    local: bool = False
    abilities: frozenset[Ability] = _USUAL
    quirks: Quirks = field(default_factory=Quirks)


OPENAI = Quirks(renames=_NEW_LIMIT, completions=True, developer=True)

UNKNOWN: Mapping[Kind, Preset] = {
    "openai": Preset(quirks=Quirks(renames=_OLD_LIMIT, completions=True)),
    "azure": Preset(kind="azure", quirks=OPENAI),
    "anthropic": Preset(kind="anthropic"),
}
"""What is believed of a provider whose name is not known, by the wire that it speaks."""

PRESETS: Mapping[str, Preset] = {
    "openai": Preset(
        base_url="https://api.openai.com/v1",
        key_env="OPENAI_API_KEY",
        abilities=_SEEING,
        quirks=OPENAI,
    ),
    "azure": Preset(kind="azure", key_env="AZURE_OPENAI_API_KEY", abilities=_SEEING, quirks=OPENAI),
    "anthropic": Preset(
        kind="anthropic",
        base_url="https://api.anthropic.com/v1",
        key_env="ANTHROPIC_API_KEY",
        abilities=_SEEING,
    ),
    "deepseek": Preset(
        base_url="https://api.deepseek.com/v1",
        key_env="DEEPSEEK_API_KEY",
        abilities=frozenset({"tools", "logprobs", "reasoning"}),
        quirks=Quirks(
            renames=_OLD_LIMIT,
            refuses=frozenset({"seed", "n", "logit_bias", "response_format.json_schema"}),
            drops=_BOOKKEEPING | {"parallel_tool_calls"},
        ),
    ),
    "mistral": Preset(
        base_url="https://api.mistral.ai/v1",
        key_env="MISTRAL_API_KEY",
        quirks=Quirks(
            renames={**_OLD_LIMIT, "seed": "random_seed"},
            refuses=_NO_LOGPROBS | {"logit_bias"},
            drops=_BOOKKEEPING,
            stream_usage=False,
        ),
    ),
    "groq": Preset(
        base_url="https://api.groq.com/openai/v1",
        key_env="GROQ_API_KEY",
        quirks=Quirks(renames=_NEW_LIMIT, refuses=_NO_LOGPROBS | {"logit_bias", "n"}),
    ),
    "openrouter": Preset(
        base_url="https://openrouter.ai/api/v1",
        key_env="OPENROUTER_API_KEY",
        quirks=Quirks(renames=_OLD_LIMIT, knows=frozenset({"top_k"}), completions=True),
    ),
    "together": Preset(
        base_url="https://api.together.xyz/v1",
        key_env="TOGETHER_API_KEY",
        quirks=Quirks(renames=_OLD_LIMIT, refuses=_NO_LOGPROBS, knows=frozenset({"top_k"}), completions=True),
    ),
    "ollama": Preset(
        base_url="http://127.0.0.1:11434/v1",
        local=True,
        quirks=Quirks(
            renames=_OLD_LIMIT,
            refuses=frozenset({"logit_bias", "n", "tool_choice"}),
            completions=True,
        ),
    ),
    "lmstudio": Preset(
        base_url="http://127.0.0.1:1234/v1",
        local=True,
        quirks=Quirks(
            renames=_OLD_LIMIT,
            refuses=_NO_LOGPROBS | {"n", "response_format.json_object"},
            knows=frozenset({"top_k"}),
            completions=True,
        ),
    ),
    "vllm": Preset(
        base_url="http://127.0.0.1:8000/v1",
        local=True,
        abilities=_COUNTING,
        quirks=Quirks(knows=frozenset({"top_k", "ignore_eos"}), completions=True),
    ),
    "llamacpp": Preset(
        base_url="http://127.0.0.1:8080/v1",
        local=True,
        abilities=_COUNTING,
        quirks=Quirks(renames=_OLD_LIMIT, knows=frozenset({"top_k", "ignore_eos"}), completions=True),
    ),
    "foundry-local": Preset(
        local=True,
        abilities=frozenset(),
        quirks=Quirks(
            renames={**_OLD_LIMIT, "seed": "random_seed"},
            refuses=_NO_LOGPROBS | {"n", "response_format.json_schema", "response_format.json_object"},
            knows=frozenset({"top_k"}),
        ),
    ),
}
