"""Reading an answer costs the gateway little. The bounds are ten times what a quiet machine needs."""

import time

from support.far_sides import DONE, USAGE, chunk
from tandem.backends.converse import together
from tandem.backends.openai_answer import ChatAnswer
from tandem.backends.sse import EventReader

CHUNKS = 2000
PIECE = chunk({"content": " word"})


def seconds_to_read(pieces: list[bytes]) -> float:
    lines, answer, words = EventReader(1 << 20, "far"), ChatAnswer("far"), 0
    before = time.process_time()
    for piece in pieces:
        for event in together([event for frame in lines.feed(piece) for event in answer.frame(frame)]):
            words += len(getattr(event, "text", ""))
    spent = time.process_time() - before
    assert answer.done
    assert words == CHUNKS * len(" word")
    return spent


def test_a_chunk_costs_less_than_40_microseconds_alone_and_among_others() -> None:
    end = [chunk(finish="stop") + USAGE + DONE]
    alone = min(seconds_to_read([PIECE] * CHUNKS + end) for _ in range(3))
    together_ = min(seconds_to_read([PIECE * 100] * (CHUNKS // 100) + end) for _ in range(3))

    assert alone < CHUNKS * 40e-6
    assert together_ < CHUNKS * 40e-6
