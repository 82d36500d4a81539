"""Prompts of exactly the length that is asked for."""

from collections.abc import Sequence

import pytest
from bench.asking import Turn

from bench import passages


def pieces(turns: Sequence[Turn]) -> int:
    """A count of tokens: a word costs one for each five letters begun, a turn costs four."""
    return sum(4 + sum(1 + (len(word) - 1) // 5 for word in turn.content.split(" ") if word) for turn in turns)


@pytest.mark.parametrize("tokens", [128, 512, 800, 1500])
@pytest.mark.parametrize("number", range(13))
def test_a_reading_has_exactly_the_tokens_asked_for(tokens: int, number: int) -> None:
    assert pieces(passages.reading(number, tokens, pieces)) == tokens


def test_the_same_number_gives_the_same_prompt() -> None:
    assert passages.reading(3, 512, pieces) == passages.reading(3, 512, pieces)


def test_no_two_readings_share_more_than_their_first_word() -> None:
    openings = {passages.reading(number, 128, pieces)[0].content for number in range(40)}
    assert len(openings) == 40
    assert {opening.split()[0] for opening in openings} == {"Reader"}


def test_a_reading_longer_than_the_prose_is_refused() -> None:
    with pytest.raises(ValueError, match="20000"):
        passages.reading(0, 20000, pieces)


def test_a_follow_up_keeps_the_whole_conversation() -> None:
    turns = passages.story(1)
    again = passages.follow_up(turns, "Once.")
    assert again == (*turns, Turn("assistant", "Once."), Turn("user", passages.FOLLOW_UP))


def test_sentences_for_an_embedder_are_all_different() -> None:
    texts = passages.sentences(64)
    assert len(set(texts)) == 64
