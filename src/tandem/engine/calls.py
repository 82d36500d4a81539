"""Who waits for which answer of a worker, and how soon a place in its queue becomes free."""

import asyncio
import math
from collections.abc import Callable
from time import monotonic

from tandem.core.errors import WorkerDied
from tandem.engine.frames import Failed, FromWorker, Ready, error_of

RETRY_SECONDS_MOST = 60
SMOOTHING = 0.3


class Calls:
    """A number and a queue for each running call. After the end there is nothing to wait for."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._waiting: dict[int, asyncio.Queue[FromWorker | None]] = {}
        self._last = 0
        self.over = False

    def __len__(self) -> int:
        return len(self._waiting)

    def open(self) -> int:
        """The number of a new call. Raises `WorkerDied` when the worker is gone."""
        if self.over:
            raise self._death()
        self._last += 1
        self._waiting[self._last] = asyncio.Queue()
        return self._last

    def close(self, call: int) -> None:
        """Nobody waits any more."""
        self._waiting.pop(call, None)

    def deliver(self, frame: FromWorker) -> None:
        """Hand a frame to whoever waits for it, if somebody still does."""
        if not isinstance(frame, Ready) and (queue := self._waiting.get(frame.call)) is not None:
            queue.put_nowait(frame)

    async def next(self, call: int) -> FromWorker:
        """The next frame of a call. Raises the error that it ended with, or `WorkerDied`."""
        frame = await self._waiting[call].get()
        if frame is None:
            raise self._death()
        if isinstance(frame, Failed):
            raise error_of(frame.fault)
        return frame

    def end(self) -> None:
        """The worker is gone."""
        self.over = True
        for queue in self._waiting.values():
            queue.put_nowait(None)

    def _death(self) -> WorkerDied:
        return WorkerDied(
            f"The process that ran {self._model} ended. It starts again with the next request: ask again."
        )


class Turnover:
    """How often a place becomes free while there is work, smoothed over recent completions."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._last = clock()
        self._gap_seconds = 1.0

    def began(self, others: int) -> None:
        """A call begins beside so many others; the time that nobody asked anything says nothing about the pace."""
        if others == 0:
            self._last = self._clock()

    def completed(self) -> None:
        """A call is answered."""
        now = self._clock()
        self._gap_seconds += SMOOTHING * (now - self._last - self._gap_seconds)
        self._last = now

    @property
    def retry_after_seconds(self) -> int:
        """When the next place should be free: the usual gap, or what has passed since the last where that is longer."""
        expected = max(self._gap_seconds, self._clock() - self._last)
        return min(RETRY_SECONDS_MOST, max(1, math.ceil(expected)))
