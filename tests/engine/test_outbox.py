"""Frames leave a worker at once, except words that can wait a moment for the next ones."""

import io

from support.fake_engine import FakeClock
from tandem.core.chat import Finished, TextDelta, Usage
from tandem.engine.frames import Began, Said, say
from tandem.engine.worker import TOGETHER_SECONDS, PipeOutbox


class Pipe(io.BytesIO):
    """Counts how often the parent would wake."""

    def __init__(self) -> None:
        super().__init__()
        self.wakes = 0

    def flush(self) -> None:
        self.wakes += 1


def word() -> Said:
    return Said(1, [say(TextDelta(text="word "))])


def test_words_travel_together_and_never_wait_longer_than_told() -> None:
    clock, pipe = FakeClock(), Pipe()
    outbox = PipeOutbox(pipe, clock)
    for _ in range(100):
        outbox.put(word())
        outbox.flush_if_due()
        clock.now += 0.004
    assert pipe.wakes <= 0.4 / TOGETHER_SECONDS + 1
    assert pipe.wakes >= 0.4 / (TOGETHER_SECONDS + 0.004) - 1


def test_slow_words_leave_one_by_one() -> None:
    clock, pipe = FakeClock(), Pipe()
    outbox = PipeOutbox(pipe, clock)
    for _ in range(10):
        outbox.put(word())
        outbox.flush_if_due()
        clock.now += 0.05
    assert pipe.wakes == 10


def test_the_beginning_and_the_end_of_an_answer_leave_at_once() -> None:
    clock, pipe = FakeClock(), Pipe()
    outbox = PipeOutbox(pipe, clock)
    outbox.put(Began(1))
    outbox.flush_if_due()
    outbox.put(word())
    outbox.flush_if_due()
    assert pipe.wakes == 1
    outbox.put(Said(1, [say(Finished(reason="stop")), say(Usage(prompt_tokens=1, completion_tokens=1))]))
    outbox.flush_if_due()
    assert pipe.wakes == 2
