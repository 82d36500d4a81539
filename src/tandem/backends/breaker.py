"""A circuit breaker: after failures, a far side is left in peace for a while, then tried with one request.

A pure state machine: the clock is passed in, nothing waits here. Closed lets everything through; open nothing; when
its time is over, one request (the trial) goes through, and its fate closes the breaker or opens it for longer.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tandem.core.errors import Busy, TandemError, Unreachable


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRules:
    """``failures`` in a row open it, for ``rest_seconds``, doubled at each failed trial up to ``longest_rest_seconds``.

    ``longest_wait_seconds`` bounds what a far side may ask for with ``Retry-After``.
    """

    failures: int = 3
    rest_seconds: float = 5.0
    longest_rest_seconds: float = 120.0
    longest_wait_seconds: float = 3600.0


class Breaker:
    """The breaker of one provider. ``clock`` gives monotonic seconds.

    `admit` gives a ticket; whoever has one reports by it what became of the request. Tickets from before the last
    opening are worth nothing: an old request that fails late says nothing about now.
    """

    def __init__(self, provider: str, clock: Callable[[], float], rules: BreakerRules | None = None) -> None:
        self._provider = provider
        self._clock = clock
        self._rules = rules or BreakerRules()
        self._failures = 0
        self._openings = 0
        self._ticket = 0
        self._until: float | None = None
        self._why = ""
        self._busy = False
        self._trial = False

    def admit(self) -> int:
        """A ticket for one request. Raises `Unreachable`, or `Busy` where the far side told us to wait."""
        if self._until is None:
            return self._ticket
        if self._trial or self._clock() < self._until:
            raise self._refusal()
        self._trial = True
        return self._ticket

    def why(self) -> str:
        """Why nothing is let through now, as a sentence; empty where something is."""
        if self._until is None:
            return ""
        left = self._until - self._clock()
        if left > 0:
            return f"{self._why} It is asked again in {max(round(left), 1)} s."
        return f"{self._why} It is being tried again now." if self._trial else ""

    def spoke(self, ticket: int) -> None:
        """The far side has begun to answer: a trial that comes so far closes the breaker."""
        if ticket == self._ticket and self._until is not None:
            self._until, self._trial, self._openings = None, False, 0

    def succeeded(self, ticket: int) -> None:
        """The far side has done what it was asked, or said rightly that it cannot."""
        if ticket == self._ticket:
            self.spoke(ticket)
            self._failures = 0

    def failed(self, ticket: int, why: str, *, at_once: bool = False) -> None:
        """The far side has failed; ``why`` is a sentence. ``at_once`` opens without waiting for more failures."""
        if ticket != self._ticket:
            return
        self._failures += 1
        if at_once or self._trial or self._failures >= self._rules.failures:
            rest = self._rules.rest_seconds * 2.0 ** min(self._openings, 16)
            self._openings += 1
            self._open(min(rest, self._rules.longest_rest_seconds), why, busy=False)

    def told_to_wait(self, ticket: int, seconds: float, why: str) -> None:
        """The far side asks to be left alone for so long."""
        if ticket == self._ticket:
            self._open(min(max(seconds, 0.0), self._rules.longest_wait_seconds), why, busy=True)

    def abandoned(self, ticket: int) -> None:
        """The caller left before anything was known: the next one may be the trial."""
        if ticket == self._ticket:
            self._trial = False

    def _open(self, seconds: float, why: str, *, busy: bool) -> None:
        self._until = self._clock() + seconds
        self._ticket += 1
        self._trial = False
        self._failures = 0
        self._why, self._busy = why, busy

    def _refusal(self) -> TandemError:
        message = self.why()
        if self._busy and self._until is not None:
            return Busy(message, retry_after_seconds=max(round(self._until - self._clock()), 1))
        return Unreachable(message)
