from collections.abc import Callable

from bench.quiet import WINDOW_SECONDS, Patience, busy_cores


def machine(*cores: float) -> Callable[[], float]:
    seen = iter(cores)
    return lambda: next(seen, 0.0)


def test_a_turn_begins_after_two_quiet_windows() -> None:
    patience = Patience(60, machine(1.5, 0.1, 0.9, 0.1, 0.1))
    patience.settle()
    assert patience.waited == 5 * WINDOW_SECONDS


def test_patience_ends_and_is_shared_by_the_whole_run() -> None:
    patience = Patience(4 * WINDOW_SECONDS, lambda: 2.0)
    patience.settle()
    patience.settle()
    assert patience.waited == 4 * WINDOW_SECONDS


def test_without_patience_nobody_waits() -> None:
    patience = Patience(0, machine())
    patience.settle()
    assert patience.waited == 0


def test_busy_cores_lie_between_none_and_all() -> None:
    import psutil

    assert 0 <= busy_cores() <= (psutil.cpu_count() or 1)
