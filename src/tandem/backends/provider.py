"""One provider: its door, its breaker, and when it is asked again. All its models share them."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

from tandem.backends.breaker import Breaker, BreakerRules
from tandem.backends.door import Answer, Call, Door, NotSent, Stale
from tandem.backends.failures import FarSide, event_failure, failure_of, retry_after_seconds
from tandem.core.errors import Busy, ProviderRefused, TandemError, Unreachable
from tandem.core.ports import Health

_COMPLAINT_BYTES = 64 * 1024
LOG = logging.getLogger(__name__)
Failure = Callable[[int, bytes, Mapping[str, str], FarSide, float], TandemError]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """When a request is made again: ``times`` at most, and only within ``within_seconds`` of the first.

    Only where nothing has left, where a kept connection proved closed, or where the far side asks for a wait of at
    most ``longest_wait_seconds``. ``pause_seconds`` is the middle of the random pause before it.
    """

    times: int = 1
    within_seconds: float = 2.0
    longest_wait_seconds: float = 2.0
    pause_seconds: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Temper:
    """How a provider is treated, and by which clocks: ``clock`` is monotonic, ``now`` Unix seconds."""

    breaker: BreakerRules = field(default_factory=BreakerRules)
    retries: Retries = field(default_factory=Retries)
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    chance: Callable[[], float] = random.random


class Provider:
    """Somebody who answers. ``unusable`` is a sentence where it cannot be asked at all, such as for want of a key.

    ``failure`` translates an answer that is none (`failure_of`).
    """

    def __init__(
        self,
        door: Door,
        *,
        key_env: str = "",
        unusable: str = "",
        temper: Temper | None = None,
        failure: Failure = failure_of,
    ) -> None:
        endpoint = door.endpoint
        self.door = door
        self.far = FarSide(name=endpoint.name, key_env=key_env, key=endpoint.api_key)
        self._unusable = unusable
        self._temper = temper or Temper()
        self._failure = failure
        self._breaker = Breaker(endpoint.name, self._temper.clock, self._temper.breaker)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self.door.close()

    def health(self) -> Health:
        """How it is now, from what it did last."""
        why = self._unusable or self._breaker.why()
        return Health(reachable=not why, why=why, queued=self.door.under_way)

    @asynccontextmanager
    async def answering(self, call: Call) -> AsyncGenerator["Exchange"]:
        """Ask, and give the answer once its status is 200. What the block raises is told to the breaker.

        Raises `Unreachable`, `ProviderRefused`, `Busy`, `BadRequest` by what the far side does.
        """
        if self._unusable:
            raise ProviderRefused(self._unusable, status=401)
        ticket = self._breaker.admit()
        exchange: Exchange | None = None
        try:
            exchange = Exchange(await self._asked(call, ticket), self._breaker, ticket)
            yield exchange
            exchange.succeeded()
        except TandemError as error:
            self._judge(error, ticket)
            raise
        except BaseException:
            self._breaker.abandoned(ticket)
            raise
        finally:
            if exchange is not None:
                await exchange.answer.close(complete=exchange.complete)

    def broke_off(self, payload: bytes) -> TandemError:
        """The error of an error event in mid-answer."""
        return event_failure(payload, self.far)

    async def _asked(self, call: Call, ticket: int) -> Answer:
        """Ask, and ask again where that is safe."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        retries = self._temper.retries
        patience = self.door.patience
        deadline = began + (patience.first_token_seconds if call.streamed else patience.whole_seconds)
        for tries_left in range(retries.times, -1, -1):
            pause = retries.pause_seconds * (0.5 + self._temper.chance())
            try:
                answer = await self.door.post(call, deadline)
            except (NotSent, Stale) as error:
                if not tries_left or loop.time() - began > retries.within_seconds:
                    raise
                pause = 0.0 if isinstance(error, Stale) else pause
            else:
                if answer.status == 200:
                    return answer
                wait, error = await self._refused(answer, ticket, tries_left=tries_left)
                pause += wait
                if not tries_left or wait < 0 or loop.time() + pause > deadline:
                    raise error
            await asyncio.sleep(pause)
        raise AssertionError("the last try returns or raises")

    async def _refused(self, answer: Answer, ticket: int, *, tries_left: int) -> tuple[float, TandemError]:
        """The error of a refusal, and the seconds after which asking again is welcome; negative where it is not."""
        try:
            body = await answer.whole(_COMPLAINT_BYTES)
        finally:
            await answer.close()
        now = self._temper.now()
        error = self._failure(answer.status, body, answer.headers, self.far, now)
        asked = retry_after_seconds(answer.headers, now)
        if (
            answer.status not in {429, 503}
            or asked is None
            or (isinstance(error, ProviderRefused) and answer.status == 429)
        ):
            return -1.0, error
        if asked <= self._temper.retries.longest_wait_seconds and tries_left:
            return asked, error
        self._breaker.told_to_wait(ticket, asked, f"{self.far.name} asks to be left alone for a while.")
        return -1.0, error

    def _judge(self, error: TandemError, ticket: int) -> None:
        """Tell the breaker, in our own words: a far side's may repeat what was asked, and others read the breaker's."""
        name = self.far.name
        match error:
            case NotSent(nobody=nobody):
                self._breaker.failed(ticket, error.message, at_once=nobody)
            case Unreachable() | ProviderRefused(status=401):
                self._breaker.failed(ticket, error.message, at_once=isinstance(error, ProviderRefused))
            case ProviderRefused(status=402 | 429):
                self._breaker.failed(ticket, f"{name} has no credit left for the key in use.", at_once=True)
            case ProviderRefused(status=status) if status >= 500:
                self._breaker.failed(ticket, f"{name} failed in itself (status {status}).")
            case Busy():
                self._breaker.spoke(ticket)
            case _:
                self._breaker.succeeded(ticket)
        if why := self._breaker.why():
            LOG.warning("%s", why)


class Exchange:
    """One answer being read. ``complete``: it has said that it is over."""

    __slots__ = ("_breaker", "_ticket", "answer", "complete")

    def __init__(self, answer: Answer, breaker: Breaker, ticket: int) -> None:
        self.answer = answer
        self.complete = False
        self._breaker = breaker
        self._ticket = ticket

    def heard(self) -> None:
        """The first event has come."""
        self.answer.heard()
        self._breaker.spoke(self._ticket)

    def succeeded(self) -> None:
        """The answer is complete."""
        self.complete = True
        self._breaker.succeeded(self._ticket)
