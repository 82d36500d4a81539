"""Drafts by lookup, and the measurements that decide about them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.fake_engine import FakeClock, FakeModel
from tandem.engine.speculation import NGRAM_TOKENS, Lookup, Wager, drafts_pay


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
    wager = Wager()
    assert wager.plan(15) == 0
    lengths: list[int] = []
    for _ in range(12):
        wager.observe(1, 1)
        lengths.append(wager.plan(15))
    assert lengths == sorted(lengths)
    assert lengths[-1] >= 4
    assert wager.plan(2) <= 2


def test_guesses_that_fail_end_drafting() -> None:
    wager = Wager()
    for _ in range(12):
        wager.observe(4, 4)
    assert wager.plan(15) > 0
    for _ in range(12):
        wager.observe(4, 0)
    assert wager.plan(15) == 0


@pytest.mark.parametrize(("token_cost", "pays"), [(0.3, True), (0.45, True), (0.6, False), (1.0, False)])
def test_drafts_are_for_machines_where_reading_several_tokens_at_once_is_cheap(
    token_cost: float, *, pays: bool
) -> None:
    clock = FakeClock()
    model = FakeModel(clock, token_cost=token_cost)
    assert drafts_pay(model, clock) is pays
    assert model.open_sequences == 0


@given(st.lists(st.tuples(st.integers(1, 15), st.integers(0, 15)), max_size=60))
def test_hope_is_a_probability(history: list[tuple[int, int]]) -> None:
    wager = Wager()
    for offered, accepted in history:
        wager.observe(offered, min(offered, accepted))
    assert 0.0 <= wager.hope <= 1.0
