"""The messages of a chat as OpenAI writes them, read into the core's `Message`."""

from typing import Annotated, Literal, assert_never

from msgspec import Meta, Struct

from tandem.core.chat import Message, Role, ToolCall
from tandem.core.errors import BadRequest, Unsupported


class TextPart(Struct, tag_field="type", tag="text", kw_only=True):
    """A piece of text."""

    text: str


class RefusalPart(Struct, tag_field="type", tag="refusal", kw_only=True):
    """What an assistant said when it declined."""

    refusal: str


class ImageUrl(Struct, kw_only=True):
    """Where a picture is, or the picture itself as a data address."""

    url: str
    detail: Literal["auto", "low", "high", "original"] | None = None


class ImagePart(Struct, tag_field="type", tag="image_url", kw_only=True):
    """A picture."""

    image_url: ImageUrl


class AudioPart(Struct, tag_field="type", tag="input_audio", kw_only=True):
    """A sound; refused."""

    input_audio: dict[str, object]


class FilePart(Struct, tag_field="type", tag="file", kw_only=True):
    """A file; refused."""

    file: dict[str, object]


Part = TextPart | RefusalPart | ImagePart | AudioPart | FilePart
Content = str | Annotated[list[Part], Meta(min_length=1)]


class CalledFunction(Struct, kw_only=True):
    """Which function an assistant called, and with what, as JSON text."""

    name: str
    arguments: str = "{}"


class FunctionCall(Struct, tag_field="type", tag="function", kw_only=True):
    """One call of a function by an assistant."""

    id: str
    function: CalledFunction


class CustomCall(Struct, tag_field="type", tag="custom", kw_only=True):
    """One call of a free-text tool by an assistant; refused."""

    id: str
    custom: dict[str, object]


class System(Struct, tag_field="role", tag="system", kw_only=True):
    """What the program wants."""

    content: Content
    name: str | None = None


class Developer(Struct, tag_field="role", tag="developer", kw_only=True):
    """What the program wants, by its newer name."""

    content: Content
    name: str | None = None


class User(Struct, tag_field="role", tag="user", kw_only=True):
    """What the person says."""

    content: Content
    name: str | None = None


class Assistant(Struct, tag_field="role", tag="assistant", kw_only=True):
    """What the model said. ``reasoning_content`` is what it thought before; OpenAI does not know the field."""

    content: Content | None = None
    name: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[FunctionCall | CustomCall] | None = None
    audio: dict[str, object] | None = None
    function_call: CalledFunction | None = None


class ToolResult(Struct, tag_field="role", tag="tool", kw_only=True):
    """What a tool answered."""

    content: Content
    tool_call_id: str


class FunctionResult(Struct, tag_field="role", tag="function", kw_only=True):
    """What a function answered, in the form before tools; refused."""

    content: str | None
    name: str


Turn = System | Developer | User | Assistant | ToolResult | FunctionResult


def messages_of(turns: list[Turn]) -> tuple[Message, ...]:
    """Read a conversation. Raises `BadRequest` that names the message which cannot be read."""
    return tuple(_message(turn, f"messages[{at}]") for at, turn in enumerate(turns))


def _message(turn: Turn, where: str) -> Message:
    match turn:
        case System() | Developer() | User():
            return _plain(turn, where)
        case Assistant():
            return _assistant(turn, where)
        case ToolResult():
            text, pictures = _content(turn.content, where)
            return Message(role="tool", content=text, image_count=pictures, tool_call_id=turn.tool_call_id)
        case FunctionResult():
            raise _unsupported(where, "messages of the role 'function' are not supported. Use the role 'tool'.")
        case _:
            assert_never(turn)


def _plain(turn: System | Developer | User, where: str) -> Message:
    roles: dict[type[Struct], Role] = {System: "system", Developer: "developer", User: "user"}
    text, pictures = _content(turn.content, where)
    return Message(role=roles[type(turn)], content=text, name=turn.name, image_count=pictures)


def _assistant(turn: Assistant, where: str) -> Message:
    if turn.audio is not None:
        raise _unsupported(f"{where}.audio", "no model here speaks.")
    if turn.function_call is not None:
        raise _unsupported(f"{where}.function_call", "calls are read from 'tool_calls'.")
    text, pictures = ("", 0) if turn.content is None else _content(turn.content, where)
    return Message(
        role="assistant",
        content=text or turn.refusal or "",
        name=turn.name,
        reasoning=turn.reasoning_content,
        tool_calls=tuple(_call(call, f"{where}.tool_calls[{at}]") for at, call in enumerate(turn.tool_calls or ())),
        image_count=pictures,
    )


def _call(call: FunctionCall | CustomCall, where: str) -> ToolCall:
    if isinstance(call, CustomCall):
        raise _unsupported(where, "custom tools are not supported. Use function tools.")
    return ToolCall(id=call.id, name=call.function.name, arguments=call.function.arguments)


def _content(content: Content, where: str) -> tuple[str, int]:
    """The text of a message, its parts on lines of their own, and the number of its pictures."""
    if isinstance(content, str):
        return content, 0
    texts: list[str] = []
    pictures = 0
    for at, part in enumerate(content):
        match part:
            case TextPart(text=text) | RefusalPart(refusal=text):
                texts.append(text)
            case ImagePart():
                pictures += 1
            case AudioPart():
                raise _unsupported(f"{where}.content[{at}]", "no model here listens to audio.")
            case FilePart():
                raise _unsupported(f"{where}.content[{at}]", "files are not read from messages. Send their text.")
            case _:
                assert_never(part)
    return "\n".join(texts), pictures


def _unsupported(param: str, why: str) -> BadRequest:
    return Unsupported(f"Invalid value for '{param}': {why}", param=param)
