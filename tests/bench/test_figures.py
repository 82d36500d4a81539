"""Spreads and ratios of samples."""

from bench.figures import Metric, Samples, Spread
from hypothesis import given
from hypothesis import strategies as st

SPEED = Metric(id="speed", title="speed", unit="tok/s", better="higher")
WAIT = Metric(id="wait", title="wait", unit="s", better="lower")
POSITIVE = st.floats(min_value=0.01, max_value=1e6)


def filled(metric: Metric, **values: list[float]) -> Samples:
    samples = Samples()
    for contender, rounds in values.items():
        for number, value in enumerate(rounds):
            samples.add(metric, contender, number, value)
    return samples


def test_a_spread_is_the_median_and_the_extremes() -> None:
    samples = filled(SPEED, a=[30.0, 10.0, 20.0])
    assert samples.spread(SPEED, "a") == Spread(median=20.0, low=10.0, high=30.0, count=3)
    assert samples.spread(SPEED, "b") is None


def test_ratios_are_taken_within_a_round_and_not_between_medians() -> None:
    # The machine was ten times slower in the second round, for both.
    samples = filled(SPEED, a=[100.0, 10.0, 90.0], b=[50.0, 5.0, 45.0])
    assert samples.advantage(SPEED, "a", "b") == Spread(median=2.0, low=2.0, high=2.0, count=3)


def test_more_than_one_means_better_whichever_direction_is_good() -> None:
    samples = filled(WAIT, a=[1.0], b=[4.0])
    advantage = samples.advantage(WAIT, "a", "b")
    assert advantage is not None
    assert advantage.median == 4.0


def test_a_round_that_one_of_two_missed_is_not_compared() -> None:
    samples = filled(SPEED, a=[10.0, 20.0], b=[5.0])
    advantage = samples.advantage(SPEED, "a", "b")
    assert advantage == Spread(median=2.0, low=2.0, high=2.0, count=1)
    assert samples.advantage(SPEED, "a", "c") is None


def test_a_quotient_divides_two_metrics_of_one_contender_round_by_round() -> None:
    samples = filled(WAIT, a=[8.0, 6.0])
    for number, value in enumerate([2.0, 3.0]):
        samples.add(SPEED, "a", number, value)
    assert samples.quotient(WAIT, SPEED, "a") == Spread(median=3.0, low=2.0, high=4.0, count=2)


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=1, max_size=9))
def test_changing_sides_inverts_the_extremes_of_an_advantage(pairs: list[tuple[float, float]]) -> None:
    samples = filled(SPEED, a=[a for a, _ in pairs], b=[b for _, b in pairs])
    there, back = samples.advantage(SPEED, "a", "b"), samples.advantage(SPEED, "b", "a")
    assert there is not None
    assert back is not None
    assert abs(there.low * back.high - 1) < 1e-9
    assert abs(there.high * back.low - 1) < 1e-9
