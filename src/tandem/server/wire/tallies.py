"""Token counts and log-probabilities as OpenAI writes them."""

from collections.abc import Sequence

from msgspec import Struct

from tandem.core.chat import RankedToken, TokenLogprob, Usage

LEAST_LOGPROB = -9999.0
"""What OpenAI writes for a token that could not have come: JSON has no minus infinity."""


class PromptDetails(Struct, kw_only=True):
    """Of the prompt's tokens, those whose KV was reused."""

    cached_tokens: int = 0
    audio_tokens: int = 0


class CompletionDetails(Struct, kw_only=True):
    """Of the answer's tokens, those that were thought and not said."""

    reasoning_tokens: int = 0
    audio_tokens: int = 0
    accepted_prediction_tokens: int = 0
    rejected_prediction_tokens: int = 0


class Counts(Struct, kw_only=True):
    """OpenAI's ``usage``."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails
    completion_tokens_details: CompletionDetails


class Rival(Struct, kw_only=True):
    """A token that could have come; ``bytes`` are its UTF-8 bytes."""

    token: str
    logprob: float
    bytes: list[int] | None


class Chosen(Rival, kw_only=True):
    """The token that came, and its best rivals."""

    top_logprobs: list[Rival]


class ChatLogprobs(Struct, kw_only=True):
    """Log-probabilities of a piece of an answer."""

    content: list[Chosen] | None
    refusal: list[Chosen] | None = None


class PlainLogprobs(Struct, kw_only=True):
    """Log-probabilities in the older form: parallel lists. Offsets count code points of the choice's text."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]] | None
    text_offset: list[int]


def counts_of(usage: Usage) -> Counts:
    """Token counts on the wire."""
    return Counts(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
        prompt_tokens_details=PromptDetails(cached_tokens=usage.cached_tokens),
        completion_tokens_details=CompletionDetails(reasoning_tokens=usage.reasoning_tokens),
    )


def chat_logprobs(tokens: Sequence[TokenLogprob]) -> ChatLogprobs | None:
    """Log-probabilities for chat, or ``None`` where there are none."""
    if not tokens:
        return None
    return ChatLogprobs(content=[_chosen(token) for token in tokens])


def plain_logprobs(tokens: Sequence[TokenLogprob], offset: int, *, rivals: bool) -> PlainLogprobs | None:
    """Log-probabilities for completions; ``offset`` is where the first token begins. Top lists hold the chosen one."""
    if not tokens:
        return None
    offsets: list[int] = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token.chosen.text)
    return PlainLogprobs(
        tokens=[token.chosen.text for token in tokens],
        token_logprobs=[_finite(token.chosen.logprob) for token in tokens],
        top_logprobs=[_top(token) for token in tokens] if rivals else None,
        text_offset=offsets,
    )


def _chosen(token: TokenLogprob) -> Chosen:
    own = token.chosen
    return Chosen(
        token=own.text,
        logprob=_finite(own.logprob),
        bytes=list(own.raw),
        top_logprobs=[_rival(rival) for rival in token.top],
    )


def _rival(token: RankedToken) -> Rival:
    return Rival(token=token.text, logprob=_finite(token.logprob), bytes=list(token.raw))


def _top(token: TokenLogprob) -> dict[str, float]:
    ranked = {rival.text: _finite(rival.logprob) for rival in token.top}
    return {**ranked, token.chosen.text: _finite(token.chosen.logprob)}


def _finite(logprob: float) -> float:
    return max(logprob, LEAST_LOGPROB) if logprob == logprob else LEAST_LOGPROB  # noqa: PLR0124
