"""Letting a request leave with stand-ins for what is private, and putting the originals back into its answer."""

import unicodedata
from base64 import b64decode
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import cast

import msgspec

from tandem.core.chat import ChatEvent, ChatRequest, Finished, Message, ReasoningDelta, TextDelta, Tool, ToolCallDelta
from tandem.core.errors import Forbidden
from tandem.routing.observe import as_json, is_data_address, number_text, strings_within, texts_of
from tandem.routing.private import Detector
from tandem.routing.private.restoring import Restorer
from tandem.routing.private.standins import Pseudonyms
from tandem.routing.private.view import View

Hide = Callable[[str], str]
_TELLING = 6
"""Letters and digits from which on a value is looked for in all that leaves; shorter ones occur by chance."""


class Disguise:
    """One request's stand-ins. ``request`` is what may leave, ``undone`` turns its answer back.

    Raises `Forbidden` where something private would still leave: within an encoded file, or in pieces that only
    together tell it.
    """

    def __init__(self, request: ChatRequest, detector: Detector) -> None:
        leaving = dict.fromkeys(filter(None, _strings_of(request)))
        texts = dict.fromkeys((*(text for _, text in texts_of(request)), *leaving))
        self._detector = detector
        self._pseudonyms = Pseudonyms(tuple(texts))
        secrets: set[str] = set()
        for text in texts:  # a value found late is hidden in earlier texts too, so everything is read once before
            found = detector.find(text)
            secrets.update(_bare(text[span.start : span.end]) for span in found)
            self._pseudonyms.hide(text, found)
        encoded = (text for text in request.attachments_text if text not in leaving)
        if any(text.partition(": ")[2] not in leaving and detector.find(text) for text in encoded):
            raise Forbidden("An attachment holds private text that cannot be replaced within it.")
        self.request = _mapped(request, self._hide)
        left = _bare("".join(_strings_of(self.request)))
        if any(len(secret) >= _TELLING and secret in left for secret in secrets):
            raise Forbidden("Private text stands in several pieces, which cannot be replaced.")

    @property
    def differences(self) -> list[tuple[str, str]]:
        """The label and the stand-in of everything that was hidden."""
        return self._pseudonyms.differences()

    def _hide(self, text: str) -> str:
        if is_data_address(text):
            if self._detector.find(_content(text)):
                raise Forbidden("A file holds private text that cannot be replaced within it.")
            return text
        return self._pseudonyms.hide(text, self._detector.find(text))

    async def undone(self, events: AsyncGenerator[ChatEvent]) -> AsyncGenerator[ChatEvent]:
        """The same events with the originals put back; what may be the beginning of a stand-in waits for its end."""
        answer = _Answer(self._pseudonyms)
        async with aclosing(events):
            async for event in events:
                for restored in answer.restored(event):
                    yield restored


class _Answer:
    """What waits in one answer: for each choice its text, its thoughts and its calls."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._texts = _Streams(pseudonyms.restorer)
        self._thoughts = _Streams(pseudonyms.restorer)
        self._calls: dict[tuple[int, int], Restorer] = {}

    def restored(self, event: ChatEvent) -> Iterator[ChatEvent]:
        """An event as the caller may read it; what waited comes before the end of its choice."""
        match event:
            case TextDelta():
                yield from self._texts.fed(event)
            case ReasoningDelta():
                yield from self._thoughts.fed(event)
            case ToolCallDelta(index=index, call_index=at):
                if (index, at) not in self._calls:
                    self._calls[index, at] = self._pseudonyms.restorer(in_json=True)
                name = self._whole(event.name) if event.name else event.name
                yield replace(event, name=name, arguments=self._calls[index, at].feed(event.arguments))
            case Finished(index=index):
                yield from self._thoughts.ended(index, ReasoningDelta)
                yield from self._texts.ended(index, TextDelta)
                yield from self._ended_calls(index)
                yield event
            case _:
                yield event

    def _whole(self, text: str) -> str:
        restorer = self._pseudonyms.restorer()
        return restorer.feed(text) + restorer.end()

    def _ended_calls(self, choice: int) -> Iterator[ChatEvent]:
        for (index, at), restorer in self._calls.items():
            if index == choice and (left := restorer.end()):
                yield ToolCallDelta(call_index=at, arguments=left, index=index)


class _Streams:
    """One restorer for each choice of one kind of text."""

    def __init__(self, make: Callable[[], Restorer]) -> None:
        self._make = make
        self._by_choice: dict[int, Restorer] = {}

    def fed(self, event: TextDelta | ReasoningDelta) -> Iterator[ChatEvent]:
        if event.index not in self._by_choice:
            self._by_choice[event.index] = self._make()
        text = self._by_choice[event.index].feed(event.text)
        if text and isinstance(event, TextDelta):
            # log-probabilities are of stand-ins, whose tokens are not those of the text that is shown
            yield replace(event, text=text, logprobs=())
        elif text:
            yield replace(event, text=text)

    def ended(self, index: int, kind: type[TextDelta] | type[ReasoningDelta]) -> Iterator[ChatEvent]:
        text = self._by_choice[index].end() if index in self._by_choice else ""
        if text:
            yield kind(text=text, index=index)


def _strings_of(request: ChatRequest) -> Iterator[str]:
    """Every string that leaves, those within JSON that is written as text included."""
    if request.original is not None:
        yield from strings_within(request.original.body)
    for message in request.messages:
        yield from (message.content, message.name or "", message.reasoning or "", message.tool_call_id or "")
        for call in message.tool_calls:
            yield from (call.id, call.name, *strings_within(call.arguments))
    yield request.raw_prompt if isinstance(request.raw_prompt, str) else ""
    for tool in request.tools:
        yield from (tool.name, tool.description, *strings_within(tool.parameters_json))
    yield from strings_within(request.response_format.schema_json)
    yield from (*request.sampling.stop, request.tool_choice.name or "")


def _content(address: str) -> str:
    """The text of a file in a data address; nothing where it is no text."""
    try:
        return b64decode(address.partition(",")[2].replace("-", "+").replace("_", "/")).decode()
    except ValueError:
        return ""


def _mapped(request: ChatRequest, hide: Hide) -> ChatRequest:
    original, form, choice = request.original, request.response_format, request.tool_choice
    if original is not None:
        original = replace(original, body=cast("Mapping[str, object]", _mapped_json(original.body, hide)))
    return replace(
        request,
        messages=tuple(_mapped_message(message, hide) for message in request.messages),
        raw_prompt=hide(request.raw_prompt) if isinstance(request.raw_prompt, str) else request.raw_prompt,
        sampling=replace(request.sampling, stop=tuple(hide(stop) for stop in request.sampling.stop)),
        tools=tuple(_mapped_tool(tool, hide) for tool in request.tools),
        tool_choice=replace(choice, name=hide(choice.name) if choice.name else None),
        response_format=replace(form, schema_json=_mapped_text(form.schema_json, hide) if form.schema_json else None),
        attachments_text=(),
        original=original,
    )


def _mapped_message(message: Message, hide: Hide) -> Message:
    calls = tuple(
        replace(call, id=hide(call.id), name=hide(call.name), arguments=_mapped_text(call.arguments, hide))
        for call in message.tool_calls
    )
    return replace(
        message,
        content=_mapped_text(message.content, hide),
        name=hide(message.name) if message.name else message.name,
        reasoning=hide(message.reasoning) if message.reasoning else message.reasoning,
        tool_calls=calls,
        tool_call_id=hide(message.tool_call_id) if message.tool_call_id else message.tool_call_id,
    )


def _mapped_tool(tool: Tool, hide: Hide) -> Tool:
    parameters = _mapped_text(tool.parameters_json, hide)
    return replace(tool, name=hide(tool.name), description=hide(tool.description), parameters_json=parameters)


def _mapped_text(text: str, hide: Hide) -> str:
    """Text with stand-ins; within JSON that is written as text, string by string, so that its escapes hide nothing."""
    written = as_json(text)
    if written is None:
        return hide(text)
    mapped = _mapped_json(written, hide)
    return text if mapped == written else msgspec.json.encode(mapped).decode()


def _mapped_json(value: object, hide: Hide) -> object:
    if isinstance(value, str):
        return _mapped_text(value, hide)
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, object]", value)
        return {hide(key): _mapped_json(one, hide) for key, one in pairs.items()}
    if isinstance(value, list | tuple):
        return [_mapped_json(one, hide) for one in cast("Sequence[object]", value)]
    if isinstance(value, int | float) and not isinstance(value, bool):
        hidden = hide(number_text(value))
        return value if hidden == number_text(value) else hidden
    return value


def _bare(text: str) -> str:
    """Letters and digits alone, in small letters and compatibility form, escapes read."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", View(text).text).casefold()))
