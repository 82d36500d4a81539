"""What an answer's headers say."""

import pytest

from tandem.core.chat import Started
from tandem.server.exchange import Exchange, header_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("cloud-large", b"cloud-large"),
        (" two  words ", b"two words"),
        ("a\r\nset-cookie: b", b"a set-cookie: b"),
        ("a\tb\x7f", b"a b?"),
        ("łódź", b"??d?"),
        ("", b""),
    ],
)
def test_a_header_holds_printable_ascii_on_one_line(text: str, value: bytes) -> None:
    assert header_value(text) == value


def test_an_answer_says_who_gives_it_and_why() -> None:
    exchange = Exchange(request_id="req_1")

    exchange.began(Started(model="phi", place="device", because=("A", "B"), fallbacks=2, note="one left"))

    assert exchange.headers == [
        (b"x-tandem-model", b"phi"),
        (b"x-tandem-place", b"device"),
        (b"x-tandem-because", b"A,B"),
        (b"x-tandem-fallbacks", b"2"),
        (b"x-tandem-note", b"one left"),
    ]
