"""RouteLLM's metrics, on cases whose answers are known."""

import numpy as np
import pytest
from bench.routing_metrics import apgr, cpt, recovered, reliability

GAINS = np.array([1.0, 0.0, 0.0, 0.0] * 250)


def test_chance_recovers_half_of_the_area() -> None:
    areas = [apgr(recovered(np.random.default_rng(seed).random(1000), GAINS)) for seed in range(50)]

    assert np.mean(areas) == pytest.approx(0.5, abs=0.01)


def test_perfect_knowledge_sends_only_what_gains() -> None:
    curve = recovered(GAINS, GAINS)

    assert apgr(curve) == pytest.approx(1 - 0.25 / 2)
    assert cpt(curve, 0.5) == pytest.approx(0.125)
    assert cpt(curve, 1.0) == pytest.approx(0.25)


def test_perfect_error_sends_what_gains_last() -> None:
    assert apgr(recovered(-GAINS, GAINS)) == pytest.approx(0.25 / 2)


def test_a_loss_where_the_weak_model_is_better_is_counted() -> None:
    curve = recovered(np.array([3.0, 2.0, 1.0]), np.array([-1.0, 1.0, 1.0]))

    assert curve.tolist() == [0.0, -1.0, 0.0, 1.0]


def test_honest_chances_have_no_calibration_error() -> None:
    chances = np.repeat([0.2, 0.8], 100)
    events = np.concatenate([np.repeat([1.0, 0.0], [20, 80]), np.repeat([1.0, 0.0], [80, 20])])

    lines, error = reliability(chances, events, bins=2)

    assert error == pytest.approx(0.0)
    assert lines == ["| 0.200 | 0.200 | 100 |", "| 0.800 | 0.800 | 100 |"]
