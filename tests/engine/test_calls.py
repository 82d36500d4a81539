"""Calls of a worker: who waits for what, and how long a full queue asks to wait."""

import asyncio

import pytest

from support.fake_engine import FakeClock
from tandem.core.errors import Unsupported, WorkerDied
from tandem.engine.calls import RETRY_SECONDS_MOST, Calls, Turnover
from tandem.engine.frames import Began, Failed, fault_of


def test_a_full_queue_asks_to_wait_about_as_long_as_answers_take() -> None:
    clock = FakeClock()
    turnover = Turnover(clock)
    for _ in range(20):
        clock.now += 4.0
        turnover.completed()
    assert turnover.retry_after_seconds == 4


def test_time_without_requests_says_nothing_about_the_pace() -> None:
    clock = FakeClock()
    turnover = Turnover(clock)
    clock.now += 3600
    turnover.began(others=0)
    clock.now += 2.0
    turnover.completed()
    assert turnover.retry_after_seconds <= 2


def test_the_time_to_wait_is_at_least_a_second_and_bounded() -> None:
    clock = FakeClock()
    turnover = Turnover(clock)
    for _ in range(20):
        clock.now += 0.01
        turnover.completed()
    assert turnover.retry_after_seconds == 1
    clock.now += 10_000
    assert turnover.retry_after_seconds == RETRY_SECONDS_MOST


def test_frames_reach_whoever_waits_and_nobody_else() -> None:
    async def scene() -> None:
        calls = Calls("m")
        one, other = calls.open(), calls.open()
        calls.deliver(Began(other))
        calls.deliver(Failed(one, fault_of(Unsupported("no", param="tools"))))
        assert await calls.next(other) == Began(other)
        with pytest.raises(Unsupported):
            await calls.next(one)
        calls.close(one)
        calls.deliver(Began(one))
        assert len(calls) == 1

    asyncio.run(scene())


def test_the_end_of_a_worker_reaches_running_calls_and_later_ones() -> None:
    async def scene() -> None:
        calls = Calls("m")
        running = calls.open()
        calls.end()
        with pytest.raises(WorkerDied, match="m ended"):
            await calls.next(running)
        with pytest.raises(WorkerDied):
            calls.open()

    asyncio.run(scene())
