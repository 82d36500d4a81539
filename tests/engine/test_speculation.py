"""Drafts by lookup, and the measurements that decide about them."""

from hypothesis import given
from hypothesis import strategies as st

from tandem.engine.speculation import NGRAM_TOKENS, Lookup, Pace, Wager


def naive_draft(text: list[int], limit: int) -> list[int]:
    """The last place before the end where the last n-gram stood, found by looking everywhere."""
    if len(text) < NGRAM_TOKENS:
        return []
    for end in range(len(text) - 1, NGRAM_TOKENS - 1, -1):
        if text[end - NGRAM_TOKENS : end] == text[-NGRAM_TOKENS:]:
            return text[end : end + limit]
    return []


@given(st.lists(st.integers(0, 3), max_size=80), st.integers(0, 80), st.integers(1, 6))
def test_a_draft_is_what_followed_the_last_ngram_before(text: list[int], cut: int, limit: int) -> None:
    lookup = Lookup(text[:cut])
    lookup.extend(text[cut:])
    assert lookup.draft(limit) == naive_draft(text, limit)


def test_a_text_that_never_repeats_gives_no_draft() -> None:
    assert Lookup(range(1000)).draft(8) == []


def test_guesses_that_come_true_make_drafts_longer() -> None:
    pace, wager = Pace(), Wager()
    assert wager.plan(pace, 15) == 0
    lengths: list[int] = []
    for _ in range(12):
        wager.observe(1, 1)
        lengths.append(wager.plan(pace, 15))
    assert lengths == sorted(lengths)
    assert lengths[-1] >= 4


def test_guesses_that_fail_end_drafting() -> None:
    pace, wager = Pace(), Wager()
    for _ in range(12):
        wager.observe(4, 4)
    assert wager.plan(pace, 15) > 0
    for _ in range(12):
        wager.observe(4, 0)
    assert wager.plan(pace, 15) == 0


def test_where_reading_more_costs_as_much_as_single_steps_nothing_is_drafted() -> None:
    pace, wager = Pace(), Wager()
    for _ in range(40):
        pace.observe(1, 0.010)
        pace.observe(5, 0.050)
        wager.observe(4, 4)
    assert wager.plan(pace, 15) == 0


def test_where_reading_more_is_nearly_free_drafts_are_as_long_as_allowed() -> None:
    pace, wager = Pace(), Wager()
    for _ in range(60):
        pace.observe(1, 0.010)
        pace.observe(5, 0.0101)
        wager.observe(15, 15)
    assert wager.plan(pace, 15) == 15
    assert wager.plan(pace, 3) == 3


@given(st.lists(st.tuples(st.integers(1, 15), st.integers(0, 15)), max_size=60))
def test_hope_is_a_probability(history: list[tuple[int, int]]) -> None:
    wager = Wager()
    for offered, accepted in history:
        wager.observe(offered, min(offered, accepted))
    assert 0.0 <= wager.hope <= 1.0
