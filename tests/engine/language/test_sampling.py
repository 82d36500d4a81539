"""Sampling against plain float64 references."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tandem.core.errors import Unavailable
from tandem.engine.language.sampling import Choosing, NothingAllowed, Sampler, log_probabilities, nucleus

Floats = NDArray[np.float32]


def choosing(**changes: object) -> Choosing:
    plain: dict[str, object] = {
        "temperature": 1.0,
        "top_p": 1.0,
        "top_k": 0,
        "seed": 7,
        "frequency_penalty": 0.0,
        "presence_penalty": 0.0,
        "logit_bias": {},
        "banned": frozenset[int](),
    }
    return Choosing(**(plain | changes))  # pyright: ignore[reportArgumentType]


def reference_probabilities(logits: Floats, temperature: float, top_k: int, top_p: float) -> NDArray[np.float64]:
    """Temperature, then top-k, then top-p, by sorting everything in float64."""
    scaled = logits.astype(np.float64) / temperature
    order = np.argsort(-scaled, kind="stable")
    masses = np.exp(scaled - scaled.max())
    kept = order[:top_k] if top_k else order
    shares = np.cumsum(masses[kept]) / masses[kept].sum()
    kept = kept[: int(np.searchsorted(shares, top_p - 1e-12)) + 1]
    out = np.zeros_like(masses)
    out[kept] = masses[kept] / masses[kept].sum()
    return out


def test_a_repetition_penalty_makes_what_occurred_less_likely_on_either_side_of_zero() -> None:
    logits = np.array([4.0, 3.0, -1.0, -1.5, 2.5], dtype=np.float32)
    sampler = Sampler(choosing(temperature=0.0, repetition_penalty=2.0, prompt=(0, 2, 99)), 5, 0)
    said: list[int] = []
    for _ in range(4):
        said.append(sampler.choose(logits))
        sampler.note(said[-1])
    assert said == [1, 4, 0, 0]
    only_negative = np.array([-9.0, -9.0, -1.0, -1.5, -9.0], dtype=np.float32)
    assert Sampler(choosing(temperature=0.0, repetition_penalty=2.0, prompt=(2,)), 5, 0).choose(only_negative) == 3


@pytest.mark.parametrize("size", [7, 256, 1000])
@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"),
    [(1.0, 0, 1.0), (0.7, 0, 0.9), (1.5, 5, 1.0), (0.9, 6, 0.8), (2.0, 0, 0.99), (1.0, 0, 0.3)],
)
def test_tokens_fall_as_often_as_the_plain_distribution_says(
    size: int, temperature: float, top_k: int, top_p: float
) -> None:
    logits = np.random.default_rng(size).normal(0, 2.5, size).astype(np.float32)
    sampler = Sampler(choosing(temperature=temperature, top_k=top_k, top_p=top_p), size, 0)
    expected = reference_probabilities(logits, temperature, top_k, top_p)
    draws = 20_000

    counted = Counter(sampler.choose(logits) for _ in range(draws))

    seen = np.array([counted[at] for at in range(size)])
    assert not seen[expected == 0].any()
    common = expected * draws >= 5
    excess = ((seen[common] - expected[common] * draws) ** 2 / (expected[common] * draws)).sum()
    freedom = max(int(common.sum()) - 1, 1)
    assert excess < freedom + 5 * np.sqrt(2 * freedom)  # five standard deviations of chi-square


@settings(max_examples=150)
@given(
    st.integers(1, 3000),
    st.floats(0.01, 0.999),
    st.floats(0.001, 8.0),
    st.integers(0, 2**32 - 1),
)
def test_the_nucleus_is_the_smallest_set_that_holds_its_share(
    size: int, top_p: float, spread: float, seed: int
) -> None:
    logits = np.random.default_rng(seed).normal(0, spread, size).astype(np.float32)
    scaled = logits - logits.max()
    masses = np.exp(scaled)

    kept = nucleus(scaled, masses, top_p)

    total = masses.sum(dtype=np.float64)
    share = masses[kept].sum(dtype=np.float64)
    assert share >= top_p * total * (1 - 1e-6)
    assert share - float(masses[kept].min()) <= top_p * total * (1 + 1e-6)
    outside = np.delete(masses, kept)
    assert outside.size == 0 or outside.max() <= masses[kept].min()
    assert (np.diff(kept) > 0).all()


def test_equal_tokens_are_kept_in_the_order_of_their_ids() -> None:
    flat = np.zeros(5000, dtype=np.float32)
    assert nucleus(flat, np.exp(flat), 0.5).tolist() == list(range(2500))


def test_the_same_seed_repeats_and_another_choice_differs() -> None:
    rows = np.random.default_rng(1).normal(0, 1, (40, 500)).astype(np.float32)

    def tokens(seed: int | None, index: int) -> list[int]:
        sampler = Sampler(choosing(seed=seed), 500, index)
        return [sampler.choose(row) for row in rows]

    assert tokens(42, 0) == tokens(42, 0)
    assert tokens(-42, 0) == tokens(-42, 0)
    assert len({tuple(tokens(42, 0)), tuple(tokens(42, 1)), tuple(tokens(43, 0)), tuple(tokens(-42, 0))}) == 4
    assert tokens(None, 0) != tokens(None, 0)


def test_noise_in_the_last_bits_does_not_change_the_drawn_text() -> None:
    rows = np.random.default_rng(2).normal(0, 3, (200, 2000)).astype(np.float32)
    shaken = rows * np.float32(1 + 1e-6)
    calm, other = (Sampler(choosing(temperature=0.8, top_p=0.95), 2000, 0) for _ in range(2))
    same = [calm.choose(row) == other.choose(moved) for row, moved in zip(rows, shaken, strict=True)]
    assert sum(same) >= 199


@given(
    st.lists(st.integers(0, 9), max_size=30),
    st.floats(-2, 2),
    st.floats(-2, 2),
    st.dictionaries(st.integers(0, 9), st.floats(-100, 100)),
)
def test_penalties_and_bias_follow_openais_formula(
    spoken: list[int], frequency: float, presence: float, bias: dict[int, float]
) -> None:
    logits = np.linspace(0, 3, 10, dtype=np.float32)
    sampler = Sampler(
        choosing(temperature=0.0, frequency_penalty=frequency, presence_penalty=presence, logit_bias=bias), 10, 0
    )
    for token in spoken:
        sampler.note(token)

    counts = Counter(spoken)
    expected = [
        float(logits[at]) + bias.get(at, 0.0) - counts[at] * frequency - (counts[at] > 0) * presence for at in range(10)
    ]

    chosen = sampler.choose(logits)
    assert expected[chosen] >= max(expected) - 1e-3
    assert logits.tolist() == np.linspace(0, 3, 10, dtype=np.float32).tolist()


def test_a_mask_and_a_ban_bind_greedy_and_drawn_tokens_alike() -> None:
    logits = np.arange(50, dtype=np.float32)
    allowed = np.zeros(50, dtype=np.bool_)
    allowed[[3, 4, 5]] = True
    for temperature in (0.0, 1.0):
        sampler = Sampler(choosing(temperature=temperature, banned=frozenset([5])), 50, 0)
        assert {sampler.choose(logits, allowed) for _ in range(50)} <= {3, 4}


def test_where_nothing_is_left_the_sampler_says_so() -> None:
    sampler = Sampler(choosing(banned=frozenset([1])), 3, 0)
    with pytest.raises(NothingAllowed):
        sampler.choose(np.zeros(3, dtype=np.float32), np.array([False, True, False]))


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("top_p", [0.5, 1.0])
def test_a_model_that_computes_no_numbers_is_unavailable(temperature: float, top_p: float) -> None:
    sampler = Sampler(choosing(temperature=temperature, top_p=top_p), 4, 0)
    with pytest.raises(Unavailable):
        sampler.choose(np.array([0.0, np.nan, 3.0, 1.0], dtype=np.float32))


@pytest.mark.parametrize("temperature", [0.0, 1e-9, 1e-5])
def test_a_temperature_near_zero_is_greedy(temperature: float) -> None:
    logits = np.array([1.0, 1.01, 0.5], dtype=np.float32)
    sampler = Sampler(choosing(temperature=temperature), 3, 0)
    assert {sampler.choose(logits) for _ in range(50)} == {1}


@given(st.integers(1, 400), st.integers(0, 20), st.integers(0, 2**32 - 1))
def test_log_probabilities_are_those_of_the_whole_vocabulary(size: int, top: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    logits = (random.normal(0, 4, size)).round(1).astype(np.float32)
    exact = logits.astype(np.float64)
    exact -= exact.max() + np.log(np.exp(exact - exact.max()).sum())
    chosen = int(random.integers(size))

    logprob, best = log_probabilities(logits, chosen, top)

    assert logprob == pytest.approx(exact[chosen], abs=1e-5)
    assert [at for at, _ in best] == np.argsort(-exact, kind="stable")[:top].tolist()
    assert [value for _, value in best] == pytest.approx(exact[[at for at, _ in best]], abs=1e-5)
