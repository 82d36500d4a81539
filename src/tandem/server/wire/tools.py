"""Tools and the shape of the answer, as OpenAI writes them, read into the core's values."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct, field

from tandem.core.chat import Demand, ResponseFormat, Tool, ToolChoice
from tandem.core.demands import demanded
from tandem.core.errors import BadRequest, Unsupported

Name = Annotated[str, Meta(pattern="^[a-zA-Z0-9_.-]+$", max_length=128)]
SchemaText = Annotated[Raw, Meta(extra_json_schema={"type": ["object", "null"]})]


def _no_schema() -> Raw:
    return Raw(b"null")


class FunctionTool(Struct, kw_only=True):
    """A function that the model may ask for; ``parameters`` is a JSON Schema."""

    name: Name
    description: str | None = None
    parameters: SchemaText = field(default_factory=_no_schema)
    strict: bool | None = None


class OfferedFunction(Struct, tag_field="type", tag="function", kw_only=True):
    """A tool that is a function."""

    function: FunctionTool


class OfferedCustom(Struct, tag_field="type", tag="custom", kw_only=True):
    """A tool that takes free text; no model here knows such tools."""

    custom: dict[str, object]


class NamedFunction(Struct, kw_only=True):
    """A function by its name."""

    name: str


class ChosenFunction(Struct, tag_field="type", tag="function", kw_only=True):
    """A function that must be called."""

    function: NamedFunction


class ChosenCustom(Struct, tag_field="type", tag="custom", kw_only=True):
    """A free-text tool that must be called; no model here knows such tools."""

    custom: dict[str, object]


class AllowedTools(Struct, kw_only=True):
    """A smaller choice of the tools that were offered."""

    mode: Literal["auto", "required"]
    tools: list[ChosenFunction | ChosenCustom]


class ChosenAllowed(Struct, tag_field="type", tag="allowed_tools", kw_only=True):
    """Only these tools may be called."""

    allowed_tools: AllowedTools


OfferedTool = OfferedFunction | OfferedCustom
Choice = Literal["none", "auto", "required"] | ChosenFunction | ChosenCustom | ChosenAllowed


class PlainText(Struct, tag_field="type", tag="text"):
    """Any text."""


class JsonObject(Struct, tag_field="type", tag="json_object"):
    """Any JSON object."""


class NamedSchema(Struct, kw_only=True):
    """A JSON Schema with a name, as OpenAI wraps it."""

    name: Name
    description: str | None = None
    schema: SchemaText = field(default_factory=_no_schema)
    strict: bool | None = None


class JsonSchema(Struct, tag_field="type", tag="json_schema", kw_only=True):
    """JSON that fits a schema."""

    json_schema: NamedSchema


Format = PlainText | JsonObject | JsonSchema


def tools_of(
    offered: list[OfferedTool], choice: Choice | None, demands: list[Demand]
) -> tuple[tuple[Tool, ...], ToolChoice]:
    """Which tools may be called, and how; tools that no model here knows are added to ``demands``.

    Raises `BadRequest` where the choice does not fit the tools.
    """
    tools = tuple(_tool(tool, f"tools[{at}]") for at, tool in enumerate(offered) if isinstance(tool, OfferedFunction))
    for at, tool in enumerate(offered):
        if isinstance(tool, OfferedCustom):
            demands.append(_no_custom(f"tools[{at}]"))
    if not offered and (choice == "required" or isinstance(choice, Struct)):
        raise BadRequest("'tool_choice' is only allowed when 'tools' are given.", param="tool_choice")
    match choice:
        case None | "auto":
            return tools, ToolChoice(mode="auto")
        case "none":
            return tools, ToolChoice(mode="none")
        case "required":
            return tools, ToolChoice(mode="required")
        case ChosenFunction(function=NamedFunction(name=name)):
            return _only(tools, {name}), ToolChoice(mode="named", name=name)
        case ChosenAllowed(allowed_tools=allowed):
            return _only(tools, _names(allowed, demands)), ToolChoice(mode=allowed.mode)
        case ChosenCustom():
            demands.append(_no_custom("tool_choice"))
            return tools, ToolChoice(mode="auto")


def format_of(wanted: Format | None) -> ResponseFormat:
    """The shape that the text must have. Raises `BadRequest` where a schema is not an object."""
    match wanted:
        case None | PlainText():
            return ResponseFormat()
        case JsonObject():
            return ResponseFormat(kind="json_object")
        case JsonSchema(json_schema=named):
            text = _schema(named.schema, "response_format.json_schema.schema")
            return ResponseFormat(kind="json_schema", schema_json=text or '{"type":"object"}')


def _tool(offered: OfferedFunction, where: str) -> Tool:
    function = offered.function
    parameters = _schema(function.parameters, f"{where}.function.parameters")
    return Tool(
        name=function.name,
        description=function.description or "",
        parameters_json=parameters or '{"type":"object","properties":{}}',
        strict=bool(function.strict),
    )


def _only(tools: tuple[Tool, ...], names: set[str]) -> tuple[Tool, ...]:
    if missing := names - {tool.name for tool in tools}:
        raise BadRequest(
            f"Invalid value for 'tool_choice': there is no tool named '{min(missing)}' in 'tools'.", param="tool_choice"
        )
    return tuple(tool for tool in tools if tool.name in names)


def _names(allowed: AllowedTools, demands: list[Demand]) -> set[str]:
    if any(isinstance(tool, ChosenCustom) for tool in allowed.tools):
        demands.append(_no_custom("tool_choice.allowed_tools.tools"))
    return {tool.function.name for tool in allowed.tools if isinstance(tool, ChosenFunction)}


def _no_custom(param: str) -> Demand:
    why = f"Invalid value for '{param}': custom tools are not supported. Use function tools."
    return demanded(Unsupported(why, param=param))


def _schema(raw: Raw, where: str) -> str | None:
    """The text of a JSON Schema as it was sent, or ``None`` where there is none."""
    text = bytes(raw)
    if text == b"null":
        return None
    try:
        msgspec.json.decode(text, type=dict[str, Any])
    except (ValueError, RecursionError) as error:
        raise BadRequest(
            f"Invalid type for '{where}': expected an object.", param=where, code="invalid_type"
        ) from error
    return text.decode()
