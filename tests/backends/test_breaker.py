"""A far side that fails is left in peace for a while, then tried with one request."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.backends.breaker import Breaker, BreakerRules
from tandem.core.errors import Busy, TandemError, Unreachable

RULES = BreakerRules(failures=3, rest_seconds=10, longest_rest_seconds=60, longest_wait_seconds=100)


@dataclass
class Clock:
    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


def a_breaker() -> tuple[Breaker, Clock]:
    clock = Clock()
    return Breaker("far", clock, RULES), clock


def opened() -> tuple[Breaker, Clock]:
    breaker, clock = a_breaker()
    breaker.failed(breaker.admit(), "Nobody answers at far.", at_once=True)
    return breaker, clock


def test_failures_in_a_row_open_it_and_a_success_between_them_does_not() -> None:
    breaker, _ = a_breaker()
    for fails in (True, True, False, True, True):
        ticket = breaker.admit()
        if fails:
            breaker.failed(ticket, "It failed.")
        else:
            breaker.succeeded(ticket)
    assert breaker.why() == ""

    breaker.failed(breaker.admit(), "It failed.")

    assert breaker.why() == "It failed. It is asked again in 10 s."
    with pytest.raises(Unreachable, match="It failed"):
        breaker.admit()


def test_a_refused_connection_opens_it_at_once() -> None:
    breaker, _ = opened()
    assert breaker.why().startswith("Nobody answers at far.")


def test_after_its_rest_one_request_is_let_through_and_its_success_closes_it() -> None:
    breaker, clock = opened()
    clock.seconds += 10

    assert breaker.why() == ""
    trial = breaker.admit()
    with pytest.raises(Unreachable, match="being tried again now"):
        breaker.admit()
    breaker.spoke(trial)

    assert breaker.admit() == trial


def test_each_failed_trial_doubles_the_rest_up_to_a_longest() -> None:
    breaker, clock = opened()
    rests: list[int] = []
    for _ in range(5):
        clock.seconds += 60
        breaker.failed(breaker.admit(), "It failed.")
        rests.append(int(breaker.why().split(" in ")[1].split(" ")[0]))

    assert rests == [20, 40, 60, 60, 60]


def test_a_trial_whose_caller_leaves_makes_room_for_another() -> None:
    breaker, clock = opened()
    clock.seconds += 10
    breaker.abandoned(breaker.admit())

    breaker.succeeded(breaker.admit())

    assert breaker.why() == ""


def test_a_wait_that_was_asked_for_is_kept_and_told_as_busy() -> None:
    breaker, clock = a_breaker()
    breaker.told_to_wait(breaker.admit(), 30, "far asks to be left alone for a while.")

    with pytest.raises(Busy) as raised:
        breaker.admit()
    assert raised.value.retry_after_seconds == 30
    clock.seconds += 30
    breaker.succeeded(breaker.admit())
    assert breaker.why() == ""


def test_a_wait_without_end_is_cut_short() -> None:
    breaker, clock = a_breaker()
    breaker.told_to_wait(breaker.admit(), 1e9, "far asks to be left alone for a while.")
    clock.seconds += 100

    assert breaker.admit()


def test_requests_from_before_it_opened_say_nothing_about_now() -> None:
    breaker, clock = a_breaker()
    old = [breaker.admit() for _ in range(4)]
    breaker.failed(old[0], "It failed.", at_once=True)

    breaker.failed(old[1], "It failed.", at_once=True)
    breaker.succeeded(old[2])
    clock.seconds += 10
    trial = breaker.admit()
    breaker.failed(old[3], "It failed.")
    breaker.succeeded(trial)

    assert breaker.why() == ""


@given(st.lists(st.tuples(st.sampled_from(["ask", "fail", "speak", "leave", "wait"]), st.integers(0, 40)), max_size=60))
def test_whatever_happens_it_lets_one_through_at_most_while_open_and_never_stays_shut(
    steps: list[tuple[str, int]],
) -> None:
    breaker, clock = a_breaker()
    held: list[int] = []
    for act, seconds in steps:
        clock.seconds += seconds
        if act == "ask":
            try:
                held.append(breaker.admit())
            except TandemError:
                assert breaker.why() or held
        elif held:
            ticket = held.pop(0)
            match act:
                case "fail":
                    breaker.failed(ticket, "It failed.")
                case "speak":
                    breaker.spoke(ticket)
                case "wait":
                    breaker.told_to_wait(ticket, seconds, "Wait.")
                case _:
                    breaker.abandoned(ticket)
    for ticket in held:
        breaker.abandoned(ticket)
    clock.seconds += 200

    assert breaker.why() == ""
    breaker.succeeded(breaker.admit())
    breaker.admit()
