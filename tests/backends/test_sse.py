"""Server-sent events are the same however their bytes arrive."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.backends.sse import EventReader, Frame
from tandem.core.errors import Unreachable

STREAM = (
    b": a comment\n\ndata: one\n\nevent: ping\r\ndata: two\r\ndata:  three\r\n\r\nid: 7\rretry: 5\rdata:four\r\r"
    b"data\n\nevent: empty\n\n"
    b"data: Za\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87\n\ndata: [DONE]\n\n"
)
FRAMES = [
    Frame(b"", b"one"),
    Frame(b"ping", b"two\n three"),
    Frame(b"", b"four"),
    Frame(b"", "Zażółć".encode()),
    Frame(b"", b"[DONE]"),
]


def read(pieces: list[bytes], limit: int = 1000) -> list[Frame]:
    reader = EventReader(limit, "far")
    frames = [frame for piece in pieces for frame in reader.feed(piece)]
    return frames + reader.end()


def test_lines_end_with_any_of_three_endings_and_comments_and_unknown_fields_are_let_pass() -> None:
    assert read([STREAM]) == FRAMES


@pytest.mark.parametrize("at", range(1, len(STREAM)))
def test_a_split_at_any_byte_changes_nothing(at: int) -> None:
    assert read([STREAM[:at], STREAM[at:]]) == FRAMES


def test_one_byte_at_a_time_changes_nothing() -> None:
    assert read([STREAM[at : at + 1] for at in range(len(STREAM))]) == FRAMES


def test_an_event_without_its_empty_line_is_read_at_the_end() -> None:
    assert read([b"data: last"]) == [Frame(b"", b"last")]
    assert read([b"data: last\r"]) == [Frame(b"", b"last")]


def test_a_line_that_never_ends_is_refused_before_it_fills_the_memory() -> None:
    reader = EventReader(1000, "far")
    for _ in range(1000):
        reader.feed(b"x")
    with pytest.raises(Unreachable, match="far sent an event of more than 1000 bytes"):
        reader.feed(b"x")


def test_an_event_of_too_many_lines_is_refused() -> None:
    reader = EventReader(1000, "far")
    for _ in range(100):
        reader.feed(b"data: 1234567890\n")
    with pytest.raises(Unreachable):
        reader.feed(b"data: 1\n")


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\r\n", codec="utf-8")), max_size=8), st.data())
def test_any_texts_in_any_pieces_come_back(texts: list[str], data: st.DataObject) -> None:
    body = b"".join(f"data: {text}\n\n".encode() for text in texts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=6)))
    edges = [0, *cuts, len(body)]

    frames = read([body[a:b] for a, b in pairwise(edges)], limit=10_000)

    assert [frame.data.decode() for frame in frames] == texts
