"""A closed loop of clients over bare sockets: each sends its next request when its answer is whole."""

import asyncio
import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import cast
from urllib.parse import urlsplit

from bench.overhead_prompts import word_of

_PATIENCE_SECONDS = 60.0
_MARK = "qqqqqqq"
_NUMBERS = itertools.count()
"""Requests of this process: no prompt is ever asked twice."""


class WrongAnswer(Exception):
    """Somebody answered with another status than 200, or hung up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Seconds of every request of one visit, and of the visit itself."""

    latencies: Sequence[float]
    seconds: float

    @property
    def median_ms(self) -> float:
        """Of a request, from its first byte sent to its last byte read."""
        return median(self.latencies) * 1e3

    @property
    def requests_per_second(self) -> float:
        """Of all clients together."""
        return len(self.latencies) / self.seconds


def requests_of(url: str, prompts: Sequence[str], *, model: str, key: str, stream: bool) -> list[bytes]:
    """Every prompt as a whole HTTP request, with a mark that `drive` replaces by another word each time."""
    made: list[bytes] = []
    for prompt in prompts:
        asked = {
            "model": model,
            "messages": [{"role": "user", "content": f"{prompt[: -len(_MARK)]}{_MARK}"}],
            "stream": stream,
        }
        body = json.dumps(asked, ensure_ascii=False).encode()
        head = (
            f"POST {urlsplit(url).path}/chat/completions HTTP/1.1\r\nhost: {urlsplit(url).netloc}\r\n"
            f"content-type: application/json\r\nauthorization: Bearer {key}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


async def drive(url: str, requests: Sequence[bytes], *, clients: int, seconds: float) -> Visit:
    """Ask for so long, and let what is under way end. Raises `WrongAnswer`; `TimeoutError` after a minute."""
    loop = asyncio.get_running_loop()
    place = urlsplit(url)
    host, port = place.hostname or "", place.port or 0
    lines = [(await loop.create_connection(_Line, host, port))[1] for _ in range(clients)]
    latencies: list[float] = []
    began = time.perf_counter()

    async def one(line: "_Line") -> None:
        while time.perf_counter() - began < seconds:
            at = next(_NUMBERS)
            request = requests[at % len(requests)].replace(_MARK.encode(), word_of(at).encode())
            latencies.append(await line.ask(request))

    try:
        async with asyncio.timeout(seconds + _PATIENCE_SECONDS):
            await asyncio.gather(*(one(line) for line in lines))
    finally:
        for line in lines:
            line.close()
    return Visit(latencies=latencies, seconds=time.perf_counter() - began)


def end_of_answer(held: bytes) -> bool:
    """Whether an answer is whole. Raises `WrongAnswer` for another status than 200."""
    at = held.find(b"\r\n\r\n")
    if at < 0:
        return False
    head = held[:at].lower()
    if not head.startswith(b"http/1.1 200"):
        raise WrongAnswer(held[:500].decode(errors="replace"))
    if b"\r\ncontent-length:" in head:
        size = int(head.split(b"\r\ncontent-length:", 1)[1].split(b"\r\n", 1)[0])
        return len(held) >= at + 4 + size
    return held.endswith(b"\r\n0\r\n\r\n")


class _Line(asyncio.Protocol):
    """One connection that is kept."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its type
        self._held = b""
        self._answered: asyncio.Future[float] | None = None

    async def ask(self, request: bytes) -> float:
        """Seconds until the answer is whole."""
        self._held = b""
        self._answered = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        self._transport.write(request)
        return await self._answered - began

    def data_received(self, data: bytes) -> None:
        self._held += data
        waiting = self._answered
        if waiting is None or waiting.done():
            return
        try:
            if end_of_answer(self._held):
                waiting.set_result(time.perf_counter())
        except WrongAnswer as error:
            waiting.set_exception(error)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(WrongAnswer(f"the connection was closed: {exc}"))

    def close(self) -> None:
        """Hang up."""
        self._answered = None
        self._transport.close()
