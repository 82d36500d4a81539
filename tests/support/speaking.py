"""A model that wants to say a given text: logits whose peak is the next token of a script."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tandem.core.chat import ChatRequest, Finished, ReasoningDelta, Sampling, TextDelta, ToolCallDelta
from tandem.engine.language import Language, Utterance

Event = TextDelta | ReasoningDelta | ToolCallDelta | Finished


def wanting(language: Language, token: int, *, second: int | None = None) -> NDArray[np.float32]:
    """Logits whose best is ``token`` and whose next best is ``second``; the others fall by their id."""
    logits = np.arange(language.vocabulary_size, dtype=np.float32) * np.float32(-0.001)
    if second is not None:
        logits[second] = 10.0
    logits[token] = 20.0
    return logits


def tokens_of(language: Language, text: str) -> list[int]:
    """Token ids of a text that may hold control tokens."""
    return list(language.prepare(ChatRequest(id="t", model="m", raw_prompt=text)).tokens)


def hear(language: Language, request: ChatRequest, script: str | Sequence[int]) -> tuple[list[Event], Utterance]:
    """Let the model want the script, then the end; give all events and the utterance.

    Where a grammar forbids what the script wants, the lowest allowed id is spoken and the script waits.
    """
    wanted = tokens_of(language, script) if isinstance(script, str) else list(script)
    utterance = language.speak(request, language.prepare(request), 0)
    events: list[Event] = []
    end = min(language.eos_ids)
    while not utterance.finished:
        token = wanted[0] if wanted else end
        if utterance.next_token(wanting(language, token, second=end)) == token and wanted:
            wanted.pop(0)
        events += utterance.take_events()
    return events, utterance


def text_of(events: Sequence[Event]) -> str:
    """The visible text."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def thoughts_of(events: Sequence[Event]) -> str:
    """The reasoning."""
    return "".join(event.text for event in events if isinstance(event, ReasoningDelta))


def calls_of(events: Sequence[Event]) -> list[tuple[str, str]]:
    """Name and arguments of every call, its pieces put together."""
    calls: list[tuple[str, str]] = []
    for event in events:
        if isinstance(event, ToolCallDelta):
            assert (event.name is None) == (event.id is None) == (event.call_index < len(calls))
            name, arguments = calls.pop() if event.name is None else (event.name, "")
            calls.append((name, arguments + event.arguments))
    return calls


def end_of(events: Sequence[Event]) -> Finished:
    """The last event, which must be the only one of its kind."""
    ends = [event for event in events if isinstance(event, Finished)]
    assert len(ends) == 1
    assert events[-1] is ends[0]
    return ends[0]


def greedy(**more: object) -> Sampling:
    """Greedy sampling, with more of its fields."""
    return Sampling(temperature=0.0, **more)  # pyright: ignore[reportArgumentType]
