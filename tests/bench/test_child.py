"""The process that a contender runs in speaks in lines."""

import io
import json
import time
from collections.abc import Mapping, Sequence
from typing import cast

from bench.asking import Answer, Ask, Json, Turn, answer_from_json
from bench.child import serve
from bench.contenders.sse import SSEClient
from bench.runner import Entry
from bench.stable import Stall


class Parrot:
    """A talker that says the last turn."""

    closed = 0

    def open(self) -> float | None:
        return 1.5

    def answer_all(self, asks: Sequence[Ask]) -> list[Answer]:
        if not asks:
            raise RuntimeError("nothing was asked")
        return [
            Answer(
                sent=0.25,
                chunks=(0.5, 0.75),
                prompt_tokens=len(ask.turns),
                completion_tokens=2,
                cached_tokens=-1,
                text=ask.turns[-1].content,
            )
            for ask in asks
        ]

    def processes(self) -> Mapping[str, int]:
        return {"process": 1}

    def facts(self) -> Mapping[str, str]:
        return {"parrot": "1.0"}

    def close(self) -> None:
        self.closed += 1


def conversed(*requests: dict[str, object], parrot: Parrot | None = None) -> list[dict[str, object]]:
    replies = io.StringIO()
    serve(parrot or Parrot(), io.StringIO("".join(json.dumps(request) + "\n" for request in requests)), replies)
    return [json.loads(line) for line in replies.getvalue().splitlines()]


def test_a_child_answers_each_line_with_a_line() -> None:
    ask = {"conversation": "c", "turns": [["user", "hello"]], "max_tokens": 2, "after_seconds": 0.0}
    opened, answered, told, closed = conversed(
        {"do": "open"}, {"do": "answer", "asks": [ask]}, {"do": "describe"}, {"do": "close"}
    )
    assert opened == {"began": 1.5}
    [row] = cast("list[Json]", answered["answers"])
    answer = answer_from_json(row)
    assert answer.text == "hello"
    assert answer.ttft_seconds == 0.25
    assert answer.tokens_per_second == 4.0
    assert told == {"processes": {"process": 1}, "facts": {"parrot": "1.0"}}
    assert closed == {}


def test_a_failure_is_told_and_the_child_goes_on() -> None:
    failed, embedded, opened = conversed({"do": "answer", "asks": []}, {"do": "embed", "texts": []}, {"do": "open"})
    assert failed == {"error": "RuntimeError: nothing was asked"}
    assert embedded == {"error": "ValueError: Parrot cannot 'embed'"}
    assert opened == {"began": 1.5}


def test_a_child_closes_once_whether_it_is_asked_to_or_its_other_side_is_gone() -> None:
    asked, abandoned = Parrot(), Parrot()
    conversed({"do": "open"}, {"do": "close"}, parrot=asked)
    conversed({"do": "open"}, parrot=abandoned)
    assert (asked.closed, abandoned.closed) == (1, 1)


def test_the_lean_client_reads_our_own_stream_in_another_process() -> None:
    words = "one two three four five"
    stall = Stall(Entry(name="echo", title="echo", kind="echo", options={}))
    try:
        assert stall.open() > 0
        client = SSEClient(stall.facts()["url"].removeprefix("http://"), "echo")
        ask = Ask(conversation="c", turns=(Turn("user", words),), max_tokens=4)
        answer = client.answer(ask, time.perf_counter())
        again = client.answer(ask, time.perf_counter())
        client.close()
    finally:
        stall.close()
    assert answer.text == again.text == "one two three four"
    assert answer.completion_tokens == 4
    assert answer.prompt_tokens == 5
    assert answer.ttft_seconds > 0
    assert len(answer.chunks) >= 1
