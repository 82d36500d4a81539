"""The messages of a chat as OpenAI writes them, read into the core's `Message`."""

from dataclasses import dataclass
from typing import Annotated, Literal, assert_never

from msgspec import Meta, Struct

from tandem.core.chat import Demand, Message, Role, ToolCall
from tandem.core.demands import demanded
from tandem.core.errors import Unsupported
from tandem.server.wire.labels import label_of


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
    """A sound; no model here listens."""

    input_audio: dict[str, object]


class FilePart(Struct, tag_field="type", tag="file", kw_only=True):
    """A file; no model here reads any."""

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
    """One call of a free-text tool by an assistant; no model here knows such tools."""

    id: str
    custom: dict[str, object]


class System(Struct, tag_field="role", tag="system", kw_only=True):
    """What the program wants."""

    content: Content
    name: str | None = None
    metadata: object = None


class Developer(Struct, tag_field="role", tag="developer", kw_only=True):
    """What the program wants, by its newer name."""

    content: Content
    name: str | None = None
    metadata: object = None


class User(Struct, tag_field="role", tag="user", kw_only=True):
    """What the person says."""

    content: Content
    name: str | None = None
    metadata: object = None


class Assistant(Struct, tag_field="role", tag="assistant", kw_only=True):
    """What the model said. ``reasoning_content`` is what it thought before; OpenAI does not know the field."""

    content: Content | None = None
    name: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[FunctionCall | CustomCall] | None = None
    audio: dict[str, object] | None = None
    function_call: CalledFunction | None = None
    metadata: object = None


class ToolResult(Struct, tag_field="role", tag="tool", kw_only=True):
    """What a tool answered."""

    content: Content
    tool_call_id: str
    metadata: object = None


class FunctionResult(Struct, tag_field="role", tag="function", kw_only=True):
    """What a function answered, in the form before tools; no model here is told of it."""

    content: str | None
    name: str
    metadata: object = None


Turn = System | Developer | User | Assistant | ToolResult | FunctionResult


def messages_of(turns: list[Turn], demands: list[Demand]) -> tuple[Message, ...]:
    """Read a conversation, and add to ``demands`` what no model here can be told.

    Raises `BadRequest` that names the message which cannot be read.
    """
    reading = _Reading(demands)
    return tuple(reading.message(turn, f"messages[{at}]") for at, turn in enumerate(turns))


@dataclass(frozen=True, slots=True)
class _Reading:
    demands: list[Demand]

    def message(self, turn: Turn, where: str) -> Message:
        match turn:
            case System() | Developer() | User():
                return self._plain(turn, where)
            case Assistant():
                return self._assistant(turn, where)
            case ToolResult():
                text, pictures = self._content(turn.content, where)
                return Message(
                    role="tool",
                    content=text,
                    image_count=pictures,
                    tool_call_id=turn.tool_call_id,
                    label=_label(turn, where),
                )
            case FunctionResult():
                self._demand(where, "messages of the role 'function' are not supported. Use the role 'tool'.")
                return Message(role="tool", content=turn.content or "", name=turn.name, label=_label(turn, where))
            case _:
                assert_never(turn)

    def _plain(self, turn: System | Developer | User, where: str) -> Message:
        text, pictures = self._content(turn.content, where)
        role = _ROLES[type(turn)]
        return Message(role=role, content=text, name=turn.name, image_count=pictures, label=_label(turn, where))

    def _assistant(self, turn: Assistant, where: str) -> Message:
        if turn.audio is not None:
            self._demand(f"{where}.audio", "no model here speaks.")
        calls = [call for at, sent in enumerate(turn.tool_calls or ()) if (call := self._call(sent, where, at))]
        if turn.function_call is not None:
            self._demand(f"{where}.function_call", "calls are read from 'tool_calls'.")
            calls.append(ToolCall(id="", name=turn.function_call.name, arguments=turn.function_call.arguments))
        text, pictures = ("", 0) if turn.content is None else self._content(turn.content, where)
        return Message(
            role="assistant",
            content=text or turn.refusal or "",
            name=turn.name,
            reasoning=turn.reasoning_content,
            tool_calls=tuple(calls),
            image_count=pictures,
            label=_label(turn, where),
        )

    def _call(self, call: FunctionCall | CustomCall, where: str, at: int) -> ToolCall | None:
        if isinstance(call, CustomCall):
            self._demand(f"{where}.tool_calls[{at}]", "custom tools are not supported. Use function tools.")
            return None
        return ToolCall(id=call.id, name=call.function.name, arguments=call.function.arguments)

    def _content(self, content: Content, where: str) -> tuple[str, int]:
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
                    self._demand(f"{where}.content[{at}]", "no model here listens to audio.")
                case FilePart():
                    self._demand(f"{where}.content[{at}]", "files are not read from messages. Send their text.")
                case _:
                    assert_never(part)
        if pictures:
            self.demands.append(demanded(no_pictures(where)))
        return "\n".join(texts), pictures

    def _demand(self, param: str, why: str) -> None:
        self.demands.append(demanded(Unsupported(f"Invalid value for '{param}': {why}", param=param)))


def no_pictures(message: str) -> Unsupported:
    """The refusal of pictures in a message, which is named as ``messages[0]`` is."""
    return Unsupported(
        f"Models here read text only: take the pictures out of {message}, or choose a model that sees.",
        param=f"{message}.content",
    )


_ROLES: dict[type[Struct], Role] = {System: "system", Developer: "developer", User: "user"}


def _label(turn: Turn, where: str) -> str | None:
    return label_of(turn.metadata, f"{where}.metadata")
