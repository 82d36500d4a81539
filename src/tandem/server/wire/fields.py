"""What the dialects share on the way in: how tokens are chosen, who may wait, and what is refused in the same words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, TypeVar

from msgspec import Meta, Struct

from tandem.core.chat import NO_BIAS, ChatRequest, Priority, Sampling
from tandem.core.errors import BadRequest, Unsupported
from tandem.core.models import ModelCard
from tandem.core.ports import Directory
from tandem.server.wire.labels import label_of

T = TypeVar("T")
Text = Annotated[str, Meta(min_length=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
TokenId = Annotated[int, Meta(ge=0, le=2**31 - 1)]
TokenCount = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Bias = Annotated[dict[TokenId, Annotated[float, Meta(ge=-100, le=100)]], Meta(max_length=300)]
Stop = Text | Annotated[list[Text], Meta(max_length=16)]
Metadata = Annotated[dict[str, str], Meta(max_length=16)]
LEAST_MASS = 1e-6
PERSONS_OWN = frozenset({"chat", "default", "generation", "moa_response_generation"})
"""What ``X-Task`` may say of a person's own question. The last merges answers of several models (Open WebUI 0.5 to
0.12): its button is pressed by a person, who waits for the words."""
_TASK = re.compile(r"[a-z][a-z0-9_.-]{0,63}")


class StreamOptions(Struct, kw_only=True):
    """What a stream carries besides the answer."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class Generation(Struct, kw_only=True):
    """The fields that chat and plain completions have in common. ``top_k`` and ``priority`` are not OpenAI's."""

    model: Text
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=-1, le=2**31 - 1)] | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    stop: Stop | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    logit_bias: Bias | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    ignore_eos: bool | None = None
    user: str | None = None


def sampling_of(body: Generation, *, max_tokens: int | None, top_logprobs: int | None) -> Sampling:
    """How tokens are chosen. ``top_logprobs`` of ``None`` means no log-probabilities at all."""
    bias: Mapping[int, float] = body.logit_bias or NO_BIAS
    return Sampling(
        temperature=body.temperature,
        top_p=top_p_of(body.top_p),
        top_k=None if body.top_k is None else max(body.top_k, 0),
        seed=body.seed,
        stop=(body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ()),
        max_tokens=max_tokens,
        frequency_penalty=body.frequency_penalty or 0.0,
        presence_penalty=body.presence_penalty or 0.0,
        logit_bias=bias,
        logprobs=top_logprobs is not None,
        top_logprobs=top_logprobs or 0,
    )


def choice_count(body: Generation, limit: int) -> int:
    """How many choices are wanted. Raises `BadRequest` above the server's own limit."""
    wanted = body.n or 1
    if wanted > limit:
        raise BadRequest(f"Invalid value for 'n': this server gives at most {limit} choices.", param="n")
    return wanted


def check_stream_options(body: Generation) -> None:
    """Options of a stream without a stream are a mistake. Raises `BadRequest`."""
    if body.stream_options is not None and not body.stream:
        raise BadRequest("'stream_options' is only allowed when 'stream' is true.", param="stream_options")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the keys of a body say about how it is to be treated, whatever it asks. ``metadata`` is as it was sent."""

    priority: object = None
    private: bool | None = None
    metadata: object = None


def treated(asked: ChatRequest, headers: Mapping[str, str], wishes: Wishes) -> ChatRequest:
    """The request with what its headers and its body wish. Raises `BadRequest` for a label that is no text."""
    purpose = purpose_of(headers)
    label = label_of(wishes.metadata, "metadata")
    return replace(
        asked,
        priority=_priority(headers, wishes.priority, purpose),
        private=asked.private or bool(wishes.private) or _wants_privacy(headers),
        labels=asked.labels if label is None or label in asked.labels else (*asked.labels, label),
        purpose=purpose,
    )


def purpose_of(headers: Mapping[str, str]) -> str | None:
    """What a program asks for on its own account, as Open WebUI tells in ``X-Task``; ``None`` for a person's words."""
    task = headers.get("x-task", "").strip().lower()
    return task if _TASK.fullmatch(task) and task not in PERSONS_OWN else None


def _priority(headers: Mapping[str, str], asked: object, purpose: str | None) -> Priority:
    """Who may wait, by ``priority`` in the body, by ``x-tandem-priority``, or since a program asks for itself.

    Other programs give ``priority`` other meanings; values that are not ours are let pass.
    """
    for wish in (asked, headers.get("x-tandem-priority", "").strip().lower()):
        if wish == "background":
            return "background"
        if wish == "interactive":
            return "interactive"
    return "background" if purpose else "interactive"


def _wants_privacy(headers: Mapping[str, str]) -> bool:
    """Whether a header wants this request to stay on the device. Anything but a clear no is a yes."""
    return headers.get("x-tandem-private", "").strip().lower() not in {"", "0", "false", "no", "off"}


def refuse(param: str, why: str) -> Unsupported:
    """A parameter of OpenAI's that would change the answer and that nothing here can honour."""
    return Unsupported(f"'{param}' is not supported: {why}", param=param, code="unsupported_parameter")


def needed(value: T | None, param: str) -> T:
    """The value of a field that this request cannot do without. Raises `BadRequest` where it is not there."""
    if value is None:
        raise missing(param)
    return value


def missing(param: str) -> BadRequest:
    """A field that is not there."""
    return BadRequest(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")


def chat_card(directory: Directory, model: str) -> ModelCard:
    """The card of a model that chats. Raises `NotFound`, or `BadRequest` for one that embeds."""
    card = directory.card(model)
    if card.kind != "chat":
        raise BadRequest(
            f"The model '{model}' makes embeddings and does not answer. GET /v1/models lists those that do.",
            param="model",
            code="model_not_supported",
        )
    return card


def top_p_of(share: float | None) -> float | None:
    """``top_p`` as the core wants it, above nothing: 0, which the dialects allow, means the likeliest token alone."""
    return None if share is None else max(share, LEAST_MASS)
