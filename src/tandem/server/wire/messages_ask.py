"""What a caller of Anthropic's Messages API sends, and which of it can be honoured.

Fields that Anthropic knows and that would change the answer are honoured or refused; unknown ones are let pass.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from tandem.core.chat import Demand, ResponseFormat, Sampling, Tool, ToolChoice
from tandem.core.demands import demanded
from tandem.core.errors import BadRequest, Unsupported
from tandem.server.wire.fields import TokenCount, missing, refuse, top_p_of
from tandem.server.wire.json_text import json_text
from tandem.server.wire.tools import Name

NO_THREADS = "thread_unsupported_request"
"""On this code Anthropic's clients send the whole conversation again, without a thread."""
OUTPUT_SCHEMA = "output_config.format.schema"


class Block(Struct, kw_only=True):
    """One content block of any type; which fields it needs depends on ``type``."""

    type: str
    text: str | None = None
    thinking: str | None = None
    id: str | None = None
    name: str | None = None
    input: dict[str, object] | None = None
    tool_use_id: str | None = None
    content: "str | list[Block] | dict[str, object] | None" = None
    is_error: bool | None = None


class Turn(Struct, kw_only=True):
    """One message of the conversation."""

    role: Literal["user", "assistant", "system"]
    content: str | list[Block]
    metadata: object = None


class TextBlock(Struct, tag_field="type", tag="text", kw_only=True):
    """A piece of the system prompt."""

    text: str


class ToolOffer(Struct, kw_only=True):
    """A tool of the caller's own. Tools that Anthropic defined have another ``type``; no model here knows them."""

    name: Name | None = None
    type: str | None = None
    description: str | None = None
    input_schema: dict[str, object] | None = None
    strict: bool | None = None


class ToolUse(Struct, kw_only=True):
    """How tools are to be used."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(Struct, kw_only=True):
    """Whether the model is to think before it answers, and whether its thoughts are shown."""

    type: str
    budget_tokens: Annotated[int, Meta(ge=1)] | None = None
    display: Literal["summarized", "omitted"] | None = None


class OutputFormat(Struct, kw_only=True):
    """The shape that the text must have."""

    type: Literal["json_schema"]
    schema: dict[str, object]


class OutputConfig(Struct, kw_only=True):
    """Options for the output."""

    format: OutputFormat | None = None
    effort: str | None = None


class CountAsk(Struct, kw_only=True):
    """The body of ``POST /v1/messages/count_tokens``."""

    model: Annotated[str, Meta(min_length=1)]
    messages: Annotated[list[Turn], Meta(min_length=1)]
    system: str | list[TextBlock] | None = None
    tools: list[ToolOffer] | None = None
    tool_choice: ToolUse | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    output_format: OutputFormat | None = None
    mcp_servers: list[dict[str, object]] | None = None
    context_management: dict[str, object] | None = None
    thread: dict[str, object] | None = None
    compaction: dict[str, object] | None = None
    private: bool | None = None
    metadata: dict[str, object] | None = None


class Ask(CountAsk, kw_only=True):
    """The body of ``POST /v1/messages``."""

    max_tokens: TokenCount
    stream: bool | None = None
    stop_sequences: list[Annotated[str, Meta(min_length=1)]] | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    service_tier: str | None = None
    container: str | dict[str, object] | None = None
    inference_geo: str | None = None


def demands_of(ask: CountAsk, *, reasons: bool) -> list[Demand]:
    """Fields that no model here can honour. ``reasons`` tells of a model that thinks.

    Raises `Unsupported` for a thread: the words of one are kept far away, where nobody here could search them.
    """
    if ask.thread is not None:
        raise Unsupported(
            "'thread' is not supported: no conversation is kept here. Send all its messages, and no 'thread'.",
            param="thread",
            code=NO_THREADS,
        )
    container, place = (ask.container, ask.inference_geo) if isinstance(ask, Ask) else (None, None)
    edits = bool(ask.context_management and ask.context_management.get("edits"))
    effort = ask.output_config.effort if ask.output_config else None
    wanted = (
        ("mcp_servers", bool(ask.mcp_servers), "no tool runs here. Connect to them yourself and send their tools."),
        ("context_management", edits, "messages are never edited here. Send those that count."),
        ("compaction", ask.compaction is not None, "a conversation is never compacted here. Leave it out."),
        ("container", bool(container), "no code runs here. Leave it out."),
        (
            "output_config.effort",
            effort not in {None, "high"},
            "no model here knows any but high, the default. Leave it out.",
        ),
        (
            "inference_geo",
            place not in {None, "global"},
            "where an answer is made is decided by the model and the policy. Leave it out.",
        ),
    )
    demands = [demanded(refuse(param, why)) for param, asked, why in wanted if asked]
    return [*demands, *_thinking(ask.thinking, reasons=reasons)]


def _thinking(thinking: Thinking | None, *, reasons: bool) -> list[Demand]:
    match thinking.type if thinking else None:
        case "enabled" if not reasons:
            why = "this model does not think before it answers. Leave it out, or choose another."
        case "disabled" if reasons:
            why = "this model always thinks before it answers. Leave it out, or choose another."
        case None | "enabled" | "disabled" | "adaptive":
            return []
        case _:
            raise refuse("thinking.type", "it must be enabled, disabled or adaptive.")
    return [demanded(refuse("thinking", why))]


def sampling_of(ask: Ask) -> Sampling:
    """How tokens are chosen."""
    return Sampling(
        temperature=ask.temperature,
        top_p=top_p_of(ask.top_p),
        top_k=ask.top_k,
        stop=tuple(ask.stop_sequences or ()),
        max_tokens=ask.max_tokens,
    )


def format_of(ask: CountAsk) -> ResponseFormat:
    """The shape that the text must have. ``output_format`` is the older name of ``output_config.format``."""
    wanted = (ask.output_config.format if ask.output_config else None) or ask.output_format
    if wanted is None:
        return ResponseFormat()
    return ResponseFormat(kind="json_schema", schema_json=json_text(wanted.schema, OUTPUT_SCHEMA))


def tools_of(ask: CountAsk, demands: list[Demand]) -> tuple[Tool, ...]:
    """The tools of the caller's own; those that Anthropic defined are added to ``demands``."""
    own: list[Tool] = []
    for at, offer in enumerate(ask.tools or ()):
        if offer.type in {None, "custom"}:
            own.append(_tool(offer, f"tools[{at}]"))
        else:
            demands.append(demanded(_foreign(f"tools[{at}].type")))
    return tuple(own)


def _foreign(param: str) -> Unsupported:
    return Unsupported(
        f"'{param}' must be 'custom': tools that Anthropic defines are not known to the models here. "
        "Offer a tool of your own with an 'input_schema'.",
        param=param,
    )


def _tool(offer: ToolOffer, param: str) -> Tool:
    for name, value in (("name", offer.name), ("input_schema", offer.input_schema)):
        if value is None:
            raise missing(f"{param}.{name}")
    return Tool(
        name=offer.name or "",
        description=offer.description or "",
        parameters_json=json_text(offer.input_schema, f"{param}.input_schema"),
        strict=bool(offer.strict),
    )


def tool_choice_of(ask: CountAsk) -> ToolChoice:
    """How tools are to be used. Raises `BadRequest` where a tool is demanded that is not offered."""
    choice = ask.tool_choice
    if choice is None or choice.type == "auto":
        return ToolChoice()
    if choice.type == "none":
        return ToolChoice(mode="none")
    if not ask.tools:
        raise BadRequest("'tool_choice' demands a tool, but 'tools' offers none.", param="tool_choice")
    if choice.type == "any":
        return ToolChoice(mode="required")
    if choice.name is None or choice.name not in {offer.name for offer in ask.tools}:
        raise BadRequest("'tool_choice.name' is not among 'tools'.", param="tool_choice.name")
    return ToolChoice(mode="named", name=choice.name)


def parallel_tool_calls_of(ask: CountAsk) -> bool:
    """Whether several tools may be called at once."""
    return not (ask.tool_choice and ask.tool_choice.disable_parallel_tool_use)


def shows_thoughts(ask: CountAsk) -> bool:
    """Whether thoughts are told; where they are not, a thinking block still says that there were some."""
    return not (ask.thinking and ask.thinking.display == "omitted")
