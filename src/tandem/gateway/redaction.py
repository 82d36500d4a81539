"""Letting a request leave with stand-ins for what is private, and putting the originals back into its answer."""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import cast

from tandem.core.chat import ChatEvent, ChatRequest, Finished, Message, ReasoningDelta, TextDelta, Tool, ToolCallDelta
from tandem.routing.observe import is_data_address, strings_in, texts_of
from tandem.routing.private import Detector
from tandem.routing.private.restoring import Restorer
from tandem.routing.private.standins import Pseudonyms


class Disguise:
    """One request's stand-ins. ``request`` is what may leave, ``undone`` turns its answer back."""

    def __init__(self, request: ChatRequest, detector: Detector) -> None:
        texts = dict.fromkeys(text for _, text in texts_of(request))
        if request.original is not None:
            texts.update(dict.fromkeys(strings_in(request.original.body)))
        self._detector = detector
        self._pseudonyms = Pseudonyms(tuple(texts))
        for text in texts:  # a value found late is hidden in earlier texts too, so everything is read once before
            self._hide(text)
        self.request = _mapped(request, self._hide)

    @property
    def differences(self) -> list[tuple[str, str]]:
        """The label and the stand-in of everything that was hidden."""
        return self._pseudonyms.differences()

    def _hide(self, text: str) -> str:
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
                yield replace(event, arguments=self._calls[index, at].feed(event.arguments))
            case Finished(index=index):
                yield from self._thoughts.ended(index, ReasoningDelta)
                yield from self._texts.ended(index, TextDelta)
                yield from self._ended_calls(index)
                yield event
            case _:
                yield event

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


def _mapped(request: ChatRequest, hide: Callable[[str], str]) -> ChatRequest:
    original, form = request.original, request.response_format
    if original is not None:
        original = replace(original, body=cast("Mapping[str, object]", _mapped_json(original.body, hide)))
    return replace(
        request,
        messages=tuple(_mapped_message(message, hide) for message in request.messages),
        raw_prompt=hide(request.raw_prompt) if isinstance(request.raw_prompt, str) else request.raw_prompt,
        sampling=replace(request.sampling, stop=tuple(hide(stop) for stop in request.sampling.stop)),
        tools=tuple(_mapped_tool(tool, hide) for tool in request.tools),
        response_format=replace(form, schema_json=hide(form.schema_json) if form.schema_json else None),
        attachments_text=(),
        original=original,
    )


def _mapped_message(message: Message, hide: Callable[[str], str]) -> Message:
    calls = tuple(replace(call, name=call.name, arguments=hide(call.arguments)) for call in message.tool_calls)
    return replace(
        message,
        content=hide(message.content),
        name=hide(message.name) if message.name else message.name,
        reasoning=hide(message.reasoning) if message.reasoning else message.reasoning,
        tool_calls=calls,
    )


def _mapped_tool(tool: Tool, hide: Callable[[str], str]) -> Tool:
    return replace(tool, description=hide(tool.description), parameters_json=hide(tool.parameters_json))


def _mapped_json(value: object, hide: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return value if is_data_address(value) else hide(value)
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, object]", value)
        return {hide(key): _mapped_json(one, hide) for key, one in pairs.items()}
    if isinstance(value, list | tuple):
        return [_mapped_json(one, hide) for one in cast("Sequence[object]", value)]
    if isinstance(value, int | float) and not isinstance(value, bool):
        hidden = hide(str(value))
        return value if hidden == str(value) else hidden
    return value
