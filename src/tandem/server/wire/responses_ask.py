"""What a caller of the Responses API sends, and which of it can be honoured.

Fields that OpenAI knows and that would change the answer are honoured or refused; unknown ones are let pass.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from tandem.core.chat import ResponseFormat, Sampling, Tool, ToolChoice
from tandem.core.errors import BadRequest, Unsupported
from tandem.server.wire.fields import TokenCount, missing, refuse, top_p_of
from tandem.server.wire.json_text import JsonObject, json_text
from tandem.server.wire.tools import Name

LOGPROBS = "message.output_text.logprobs"
_INCLUDABLE = frozenset(
    {
        LOGPROBS,
        "code_interpreter_call.outputs",
        "computer_call_output.output.image_url",
        "file_search_call.results",
        "message.input_image.image_url",
        "reasoning.encrypted_content",
        "web_search_call.action.sources",
        "web_search_call.results",
    }
)
"""All but the first belong to items that no answer of ours holds, so that asking for them changes nothing."""


class Part(Struct, kw_only=True):
    """A piece of a message, of a function's output or of a reasoning item."""

    type: str
    text: str | None = None
    refusal: str | None = None
    metadata: object = None


class Item(Struct, kw_only=True):
    """One input item of any type; which fields it needs depends on ``type``."""

    type: str = "message"
    id: str | None = None
    role: str | None = None
    content: str | list[Part] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | list[Part] | None = None
    summary: list[Part] | None = None
    metadata: object = None


class Format(Struct, kw_only=True):
    """The shape that the text must have."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    name: str | None = None
    description: str | None = None
    schema: dict[str, object] | None = None
    strict: bool | None = None


class Text(Struct, kw_only=True):
    """Options for the text."""

    format: Format | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class ToolOffer(Struct, kw_only=True):
    """A tool; only functions can be offered here."""

    type: str
    name: Name | None = None
    description: str | None = None
    parameters: dict[str, object] | None = None
    strict: bool | None = None


class ToolName(Struct, kw_only=True):
    """A tool by its name."""

    type: str
    name: str | None = None


class ToolUse(Struct, kw_only=True):
    """Which tool is to be used, or which ones may be."""

    type: str
    name: str | None = None
    mode: Literal["auto", "required"] | None = None
    tools: list[ToolName] | None = None


class Reasoning(Struct, kw_only=True):
    """How a model is to think."""

    effort: str | None = None
    summary: str | None = None
    mode: str | None = None
    context: str | None = None


class CacheOptions(Struct, kw_only=True):
    """How a prompt is to be remembered. ``prewarm`` asks for no answer at all."""

    prewarm: bool | None = None


class Ask(Struct, kw_only=True):
    """The body of ``POST /v1/responses`` (and of ``/v1/responses/input_tokens``, which knows fewer fields)."""

    model: str | None = None
    input: str | list[Item] | None = None
    instructions: str | None = None
    previous_response_id: str | None = None
    stream: bool | None = None
    store: bool | None = None
    background: bool | None = None
    conversation: str | dict[str, object] | None = None
    prompt: dict[str, object] | None = None
    moderation: dict[str, object] | None = None
    context_management: list[dict[str, object]] | None = None
    include: list[str] | None = None
    max_output_tokens: TokenCount | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    parallel_tool_calls: bool | None = None
    text: Text | None = None
    tools: list[ToolOffer] | None = None
    tool_choice: Literal["none", "auto", "required"] | ToolUse | None = None
    reasoning: Reasoning | None = None
    truncation: Literal["auto", "disabled"] | None = None
    metadata: dict[str, str] | None = None
    service_tier: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: CacheOptions | None = None
    max_tool_calls: int | None = None
    personality: str | None = None
    private: bool | None = None


def refuse_what_cannot_be_honoured(ask: Ask, *, reasons: bool) -> None:
    """Raise `Unsupported` for a field that would change the answer. ``reasons`` tells of a model that thinks."""
    wrong = (
        ("background", bool(ask.background), "an answer is given while the caller waits. Leave it out."),
        ("conversation", ask.conversation is not None, "conversations are continued with 'previous_response_id'."),
        ("prompt", ask.prompt is not None, "no templates are kept here. Send 'instructions' and 'input'."),
        ("moderation", ask.moderation is not None, "nothing here moderates. Leave it out."),
        ("context_management", bool(ask.context_management), "a conversation is never compacted. Leave it out."),
        ("truncation", ask.truncation == "auto", "input is never truncated. Send less, or leave it out."),
        ("personality", ask.personality is not None, "no model here has several. Use 'instructions'."),
    )
    for param, asked, why in wrong:
        if asked:
            raise refuse(param, why)
    _check_style(ask, reasons=reasons)
    for at, name in enumerate(ask.include or ()):
        if name not in _INCLUDABLE:
            raise BadRequest(f"'include[{at}]' names nothing that can be included.", param=f"include[{at}]")
    _check_metadata(ask.metadata or {})


def _check_style(ask: Ask, *, reasons: bool) -> None:
    wish = ask.reasoning or Reasoning()
    if wish.effort is not None and (reasons or wish.effort != "none"):
        raise refuse("reasoning.effort", "the model decides for itself how long it thinks. Leave it out.")
    if wish.mode not in {None, "standard"}:
        raise refuse("reasoning.mode", "models here think in one way. Leave it out.")
    if wish.context not in {None, "auto"}:
        raise refuse("reasoning.context", "the model's template decides which thoughts it sees again. Leave it out.")
    if ask.prompt_cache_options and ask.prompt_cache_options.prewarm:
        raise refuse("prompt_cache_options.prewarm", "a prompt is remembered by being answered. Leave it out.")
    if ask.text and ask.text.verbosity not in {None, "medium"}:
        raise refuse("text.verbosity", "no model here knows it; say in 'instructions' how long answers should be.")


def _check_metadata(metadata: dict[str, str]) -> None:
    if len(metadata) > 16:
        raise BadRequest("'metadata' may hold 16 pairs at most.", param="metadata")
    for key, value in metadata.items():
        if len(key) > 64 or len(value) > 512:
            raise BadRequest("A key in 'metadata' has 64 characters at most, a value 512.", param="metadata")


def sampling_of(ask: Ask) -> Sampling:
    """How tokens are chosen."""
    return Sampling(
        temperature=ask.temperature,
        top_p=top_p_of(ask.top_p),
        max_tokens=ask.max_output_tokens,
        logprobs=LOGPROBS in (ask.include or ()) or bool(ask.top_logprobs),
        top_logprobs=ask.top_logprobs or 0,
    )


def format_of(ask: Ask) -> ResponseFormat:
    """The shape that the text must have. A JSON Schema is enforced, strict or not."""
    wanted = ask.text.format if ask.text else None
    if wanted is None or wanted.type == "text":
        return ResponseFormat()
    if wanted.type == "json_object":
        return ResponseFormat(kind="json_object")
    for name, value in (("name", wanted.name), ("schema", wanted.schema)):
        if value is None:
            raise missing(f"text.format.{name}")
    return ResponseFormat(kind="json_schema", schema_json=json_text(wanted.schema, "text.format.schema"))


def tools_of(ask: Ask) -> tuple[Tool, ...]:
    """The functions that are offered. Raises `Unsupported` for a tool that would have to run here."""
    tools = tuple(_tool(offer, f"tools[{at}]") for at, offer in enumerate(ask.tools or ()))
    if isinstance(ask.tool_choice, ToolUse) and ask.tool_choice.type == "allowed_tools":
        allowed = _allowed_names(ask.tool_choice.tools)
        if allowed - {tool.name for tool in tools}:
            raise BadRequest("'tool_choice.tools' allows a tool that is not among 'tools'.", param="tool_choice.tools")
        return tuple(tool for tool in tools if tool.name in allowed)
    return tools


def _tool(offer: ToolOffer, param: str) -> Tool:
    if offer.type != "function":
        raise Unsupported(
            f"'{param}.type' must be 'function': tools that run at the provider's do not exist here.",
            param=f"{param}.type",
        )
    if not offer.name:
        raise missing(f"{param}.name")
    parameters: JsonObject = {"type": "object", "properties": {}} if offer.parameters is None else offer.parameters
    return Tool(
        name=offer.name,
        description=offer.description or "",
        parameters_json=json_text(parameters, f"{param}.parameters"),
        strict=bool(offer.strict),
    )


def _allowed_names(tools: Sequence[ToolName] | None) -> frozenset[str]:
    if not tools:
        raise missing("tool_choice.tools")
    for at, tool in enumerate(tools):
        if tool.type != "function":
            param = f"tool_choice.tools[{at}].type"
            raise Unsupported(f"'{param}' must be 'function'.", param=param)
    return frozenset(tool.name for tool in tools if tool.name)


def tool_choice_of(ask: Ask, tools: Sequence[Tool]) -> ToolChoice:
    """How tools are to be used. Raises `BadRequest` where a tool is demanded that is not offered."""
    match ask.tool_choice:
        case None | "auto":
            return ToolChoice()
        case "none":
            return ToolChoice(mode="none")
        case "required":
            return _required(tools)
        case ToolUse(type="allowed_tools", mode=mode):
            return ToolChoice(mode=mode or "auto")
        case ToolUse(type="function", name=name):
            if name not in {tool.name for tool in tools}:
                raise BadRequest("'tool_choice.name' is not among 'tools'.", param="tool_choice.name")
            return ToolChoice(mode="named", name=name)
        case ToolUse():
            raise Unsupported("'tool_choice.type' must be 'function' or 'allowed_tools'.", param="tool_choice.type")


def _required(tools: Sequence[Tool]) -> ToolChoice:
    if not tools:
        raise BadRequest("'tool_choice' requires a tool, but 'tools' offers none.", param="tool_choice")
    return ToolChoice(mode="required")


def echo_of(ask: Ask) -> JsonObject:
    """The request's own part of the response object: what was asked, as it took effect."""
    wanted = (ask.text.format if ask.text else None) or Format()
    return {
        "instructions": ask.instructions,
        "max_output_tokens": ask.max_output_tokens,
        "max_tool_calls": ask.max_tool_calls,
        "metadata": ask.metadata or {},
        "parallel_tool_calls": ask.parallel_tool_calls is not False,
        "previous_response_id": ask.previous_response_id,
        "prompt_cache_key": ask.prompt_cache_key,
        "reasoning": {"effort": None, "summary": ask.reasoning.summary if ask.reasoning else None},
        "safety_identifier": ask.safety_identifier,
        "service_tier": "default",
        "temperature": ask.temperature,
        "text": {"format": _format_echo(wanted), "verbosity": "medium"},
        "tool_choice": _choice_echo(ask.tool_choice),
        "tools": [_tool_echo(offer) for offer in ask.tools or ()],
        "top_logprobs": ask.top_logprobs or 0,
        "top_p": ask.top_p,
        "truncation": "disabled",
        **({} if ask.user is None else {"user": ask.user}),
    }


def _format_echo(wanted: Format) -> JsonObject:
    if wanted.type != "json_schema":
        return {"type": wanted.type}
    described: JsonObject = {} if wanted.description is None else {"description": wanted.description}
    return {"type": "json_schema", "name": wanted.name, "schema": wanted.schema, "strict": True, **described}


def _tool_echo(offer: ToolOffer) -> JsonObject:
    return {
        "type": "function",
        "name": offer.name,
        "description": offer.description,
        "parameters": offer.parameters,
        "strict": bool(offer.strict),
    }


def _choice_echo(choice: str | ToolUse | None) -> object:
    match choice:
        case ToolUse(type="function", name=name):
            return {"type": "function", "name": name}
        case ToolUse():
            allowed = [{"type": tool.type, "name": tool.name} for tool in choice.tools or ()]
            return {"type": "allowed_tools", "mode": choice.mode or "auto", "tools": allowed}
        case _:
            return choice or "auto"
