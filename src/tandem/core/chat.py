"""What is asked and what is answered: one request shape and one stream of events, whoever answers.

Streaming is the only path; `collect` gathers a whole reply from the same events.
The order of events is: one `Started`, then any number of deltas, one `Finished` for each choice, and one `Usage` last.
"""

from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Role = Literal["system", "developer", "user", "assistant", "tool"]
Place = Literal["device", "cloud"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]
Priority = Literal["interactive", "background"]
Dialect = Literal["openai.chat", "anthropic.messages"]
NO_BIAS: Mapping[int, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call that a model asked for. ``arguments`` is JSON text, as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation. ``image_count`` tells of pictures that came along; text models refuse them.

    ``label`` says how confidential the text is, in the owner's own words (``internal``); it travels with the text.
    """

    role: Role
    content: str
    name: str | None = None
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    image_count: int = 0
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function that the model may ask for. ``parameters_json`` is a JSON Schema as text; ``strict`` enforces it."""

    name: str
    description: str = ""
    parameters_json: str = '{"type":"object","properties":{}}'
    strict: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolChoice:
    """How tools are to be used. ``name`` is set where ``mode`` is ``named``."""

    mode: Literal["auto", "none", "required", "named"] = "auto"
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseFormat:
    """The shape that the text must have. ``schema_json`` is a JSON Schema as text where ``kind`` is ``json_schema``."""

    kind: Literal["text", "json_object", "json_schema"] = "text"
    schema_json: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How tokens are chosen. ``None`` means the model's own default.

    ``temperature`` 0 is greedy; ``top_p`` in (0, 1]; ``top_k`` 0 is off; penalties in [-2, 2] as OpenAI defines them;
    ``logit_bias`` maps token ids to additive logits in [-100, 100]; ``top_logprobs`` in 0..20, and ``logprobs``
    switches both kinds on.
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    logit_bias: Mapping[int, float] = field(default_factory=lambda: NO_BIAS)
    logprobs: bool = False
    top_logprobs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A request as its caller wrote it: a decoded JSON object in a dialect.

    A far side that speaks the same dialect is sent this, with only what must change replaced, so that fields which
    the core does not know reach it whole.
    """

    dialect: Dialect
    body: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Something that this request cannot do without and that the models of this device do not have.

    ``param`` names the field that asks for it, ``why`` is the sentence that a caller reads where nobody can honour it
    (see `tandem.core.demands.refuse`), with its ``code``. Only a far side that is sent the `Original` may be asked.
    """

    param: str
    why: str
    code: str = "unsupported_value"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One request, whatever wire format it came in.

    ``messages`` is a conversation; or, where it is empty, ``raw_prompt`` is text (or token ids) that is completed
    without any template. ``n`` is the number of choices. ``ignore_eos`` serves benchmarks: decode exactly
    ``max_tokens``.

    ``private`` is the caller's wish that nothing leaves the device, ``labels`` are those of the request as a whole
    (messages may have their own). ``purpose`` is set where a program asks for itself and not for its person, such as
    ``title_generation``. ``streamed`` is false where the caller wants the answer in one piece.

    ``attachments_text`` is what else leaves with the `Original` and can be read: texts of attached files, and strings
    of fields that no other attribute here holds. ``unreadable`` counts attachments that cannot be searched.
    """

    id: str
    model: str
    messages: tuple[Message, ...] = ()
    raw_prompt: str | tuple[int, ...] | None = None
    sampling: Sampling = field(default_factory=Sampling)
    n: int = 1
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = field(default_factory=ToolChoice)
    parallel_tool_calls: bool = True
    response_format: ResponseFormat = field(default_factory=ResponseFormat)
    priority: Priority = "interactive"
    private: bool = False
    labels: tuple[str, ...] = ()
    purpose: str | None = None
    unreadable: int = 0
    attachments_text: tuple[str, ...] = ()
    demands: tuple[Demand, ...] = ()
    original: Original | None = None
    streamed: bool = True
    ignore_eos: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedToken:
    """A token and its natural-log probability under the model. ``raw`` is its exact bytes."""

    text: str
    raw: bytes
    logprob: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLogprob:
    """The chosen token and its best rivals, best first (``top`` may be empty)."""

    chosen: RankedToken
    top: tuple[RankedToken, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """Who answers, and why. Comes before any word; a fallback can only happen before the event after it.

    ``prompt_tokens`` is ``None`` where the count is not known before the end.
    """

    model: str
    place: Place
    because: tuple[str, ...] = ()
    fallbacks: int = 0
    note: str | None = None
    prompt_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDelta:
    """The next piece of the answer of choice ``index``. ``text`` may be empty where only ``logprobs`` come.

    ``refused``: the piece belongs to a refusal, which OpenAI's dialect keeps apart from an answer.
    """

    text: str
    index: int = 0
    logprobs: tuple[TokenLogprob, ...] = ()
    refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasoningDelta:
    """The next piece of what a reasoning model thinks before it answers."""

    text: str
    index: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallDelta:
    """The next piece of a tool call. ``id`` and ``name`` come with the first piece of each ``call_index``."""

    call_index: int
    arguments: str
    id: str | None = None
    name: str | None = None
    index: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """Choice ``index`` is complete. ``stop_sequence`` is the stop string that ended it, if one did."""

    reason: FinishReason
    index: int = 0
    stop_sequence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts. ``cached_tokens`` of the prompt had their KV reused; ``reasoning_tokens`` are within completion.

    ``estimated``: whoever answered told no counts, and these are guessed, rather too high, from the length of the text.
    """

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False

    @property
    def total_tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens


ChatEvent = Started | TextDelta | ReasoningDelta | ToolCallDelta | Finished | Usage


@dataclass(slots=True, kw_only=True)
class Choice:
    """One gathered answer. ``refused`` tells that its text is a refusal."""

    index: int
    text: str = ""
    refused: bool = False
    reasoning: str = ""
    tool_calls: list[ToolCall] = field(default_factory=list[ToolCall])
    logprobs: list[TokenLogprob] = field(default_factory=list[TokenLogprob])
    finish_reason: FinishReason = "stop"
    stop_sequence: str | None = None


@dataclass(slots=True, kw_only=True)
class ChatReply:
    """A whole reply, gathered from its events."""

    started: Started
    choices: list[Choice]
    usage: Usage


async def collect(events: AsyncIterable[ChatEvent]) -> ChatReply:
    """Gather a whole reply. Raises what the stream raises; ``ValueError`` where it lacks its first or last event."""
    started: Started | None = None
    usage: Usage | None = None
    choices: dict[int, Choice] = {}
    async for event in events:
        match event:
            case Started():
                started = event
            case Usage():
                usage = event
            case _:
                _add(choices.setdefault(event.index, Choice(index=event.index)), event)
    if started is None or usage is None:
        raise ValueError("a stream of chat events begins with Started and ends with Usage")
    return ChatReply(started=started, choices=[choices[i] for i in sorted(choices)], usage=usage)


def _add(choice: Choice, event: TextDelta | ReasoningDelta | ToolCallDelta | Finished) -> None:
    match event:
        case TextDelta(text=text, logprobs=logprobs, refused=refused):
            choice.text += text
            choice.refused |= refused
            choice.logprobs.extend(logprobs)
        case ReasoningDelta(text=text):
            choice.reasoning += text
        case ToolCallDelta(call_index=at, arguments=arguments, id=call_id, name=name):
            if at == len(choice.tool_calls):
                choice.tool_calls.append(ToolCall(id=call_id or "", name=name or "", arguments=arguments))
            else:
                call = choice.tool_calls[at]
                choice.tool_calls[at] = ToolCall(id=call.id, name=call.name, arguments=call.arguments + arguments)
        case Finished(reason=reason, stop_sequence=stop_sequence):
            choice.finish_reason = reason
            choice.stop_sequence = stop_sequence
