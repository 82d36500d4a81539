"""The one door to the outside: the only module that opens connections, and the only one that has an HTTP client.

A `Door` is one provider's pool of connections. What goes out is told to `Departures` at the moment it is written.
What comes in is bounded in size and in time. No redirect is followed, no environment proxy is used on this machine.
"""

import asyncio
import errno
import importlib
import ipaddress
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Self, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import msgspec

from tandem.backends.unpacking import Unpack, unpacker
from tandem.core.errors import Busy, Unavailable, Unreachable
from tandem.core.ports import Departures

if TYPE_CHECKING:
    import aiohttp

T = TypeVar("T")
KeyHeader = Literal["authorization", "api-key", "x-api-key"]
_FACTS_SECONDS = 5.0
_FACTS_BYTES = 4 * 1024 * 1024
_KEPT_SECONDS = 30.0
_DRAIN_SECONDS = 0.1
_DRAIN_READS = 8
_AGENT = "tandem"


class NotSent(Unreachable):
    """No connection came about: nothing has left, so asking again is safe. ``nobody`` where no one is there at all."""

    def __init__(self, message: str, *, nobody: bool = False) -> None:
        super().__init__(message)
        self.nobody = nobody


class Stale(Unreachable):
    """A kept connection was closed by the far side at the moment it was used again; not one byte was answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where it answers: paths are put behind ``url``. ``provider`` is its name in messages and in receipts.

    ``key_header`` carries the key. ``headers`` go with every request. ``proxied`` lets the proxy of the environment
    be used; never on this machine.
    """

    url: str
    api_key: str | None = field(default=None, repr=False)
    provider: str = ""
    key_header: KeyHeader = "authorization"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    proxied: bool = True

    @property
    def name(self) -> str:
        """How people are told of it."""
        return self.provider or self.url

    def fixed_headers(self) -> dict[str, str]:
        """What goes with every request."""
        headers = {"user-agent": _AGENT, "accept-encoding": "identity", **self.headers}
        if self.api_key:
            headers[self.key_header] = f"Bearer {self.api_key}" if self.key_header == "authorization" else self.api_key
        return headers

    def proxy(self) -> str | None:
        """The proxy of the environment or the system for this address, if there is one and it may be used."""
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        if not self.proxied or is_loopback(host) or proxy_bypass(host):
            return None
        found = getproxies().get(parts.scheme) or getproxies().get("all")
        return found if found and found.startswith("http") else None


def load_client() -> None:
    """Load the HTTP client, which the first request would do otherwise."""
    importlib.import_module("aiohttp")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait, in seconds: for a connection, for the first event, and between two reads after it.

    ``whole_seconds`` is for an answer that was asked for in one piece.
    """

    connect_seconds: float = 5.0
    first_token_seconds: float = 120.0
    silence_seconds: float = 60.0
    whole_seconds: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one answer may be: bytes of one event, and of the whole; and how many requests may be under way at once."""

    event_bytes: int = 4 * 1024 * 1024
    answer_bytes: int = 64 * 1024 * 1024
    requests: int = 512


class NoDepartures:
    """`Departures` that nobody keeps."""

    def left(self, request_id: str, provider: str, body_bytes: int) -> None:
        """Forget it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One POST: its path behind the endpoint's URL, its JSON body, and headers of its own.

    ``streamed`` is false where the answer is wanted in one piece.
    """

    path: str
    body: bytes
    request_id: str
    streamed: bool = True
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class _Sending:
    """What is known about one attempt: whether its connection was a kept one, and whether the body was written."""

    __slots__ = ("reused", "sent")

    def __init__(self) -> None:
        self.reused = False
        self.sent = False


class Door:
    """The connections to one endpoint. Opened at the first request; leaving the block closes them."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        patience: Patience | None = None,
        bounds: Bounds | None = None,
        departures: Departures | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.patience = patience or Patience()
        self.bounds = bounds or Bounds()
        self._departures = departures or NoDepartures()
        self._headers = {"content-type": "application/json", **endpoint.fixed_headers()}
        self._pool: aiohttp.ClientSession | None = None
        self._proxy: str | None = None
        self.under_way = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def post(self, call: Call, deadline: float) -> "Answer":
        """Send one request; gives its answer as soon as its status is known. The caller closes it.

        ``deadline`` is the event loop's time by which the first event must have come.
        Raises `NotSent`, `Stale`, `Unreachable`; `Busy` where too many requests are under way.
        """
        if self.under_way >= self.bounds.requests:
            raise Busy(f"{self.under_way} requests to {self.endpoint.name} are under way.", retry_after_seconds=1)
        import aiohttp

        sending = _Sending()
        self.under_way += 1
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._opened().post(
                    self.endpoint.url + call.path,
                    data=self._body(call, sending),
                    headers={**self._headers, **call.headers, "content-length": str(len(call.body))},
                    allow_redirects=False,
                    proxy=self._proxy,
                    trace_request_ctx=sending,
                )
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self.under_way -= 1
            raise _failure(error, self.endpoint.name, sending) from error
        except BaseException:
            self.under_way -= 1
            raise
        answer = Answer(response, self, deadline)
        try:
            answer.check_encoding()
        except Unreachable:
            await answer.close()
            raise
        return answer

    async def _body(self, call: Call, sending: _Sending) -> AsyncGenerator[bytes]:
        """The body, asked for by the client when its connection stands and the head is ready."""
        sending.sent = True
        self._departures.left(call.request_id, self.endpoint.provider, len(call.body))
        yield call.body

    def _opened(self) -> "aiohttp.ClientSession":
        if self._pool is None:
            import aiohttp

            self._proxy = self.endpoint.proxy()
            trace = aiohttp.TraceConfig()
            trace.on_connection_reuseconn.append(_mark_reused)
            self._pool = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEPT_SECONDS),
                timeout=aiohttp.ClientTimeout(total=None, connect=self.patience.connect_seconds),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trace_configs=[trace],
            )
        return self._pool


async def _mark_reused(_session: object, context: object, _params: object) -> None:
    sending = getattr(context, "trace_request_ctx", None)
    if isinstance(sending, _Sending):
        sending.reused = True


class Answer:
    """An answer whose status is known and whose body is still to be read. ``at_end``: there is nothing more to read."""

    def __init__(self, response: "aiohttp.ClientResponse", door: Door, deadline: float) -> None:
        self._response = response
        self._door = door
        self._deadline = deadline
        self._heard = False
        self._bytes = 0
        self._unpack: Unpack | None = None
        self._closed = False
        self.at_end = False
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    def check_encoding(self) -> None:
        """Be ready for a packed answer, though none was asked for. Raises `Unreachable` for an unknown packing."""
        packing = self.headers.get("content-encoding", "")
        if packing:
            self._unpack = unpacker(packing, self._door.endpoint.name)

    def heard(self) -> None:
        """The first event has come: from now on silence is what is waited for."""
        self._heard = True

    async def read(self) -> bytes:
        """The next bytes, unpacked (none, where they only begin to unpack), until `at_end`.

        Raises `Unreachable` for silence, a cut, or too much.
        """
        import aiohttp

        loop = asyncio.get_running_loop()
        patience = self._door.patience
        until = loop.time() + patience.silence_seconds if self._heard else self._deadline
        try:
            async with asyncio.timeout_at(until):
                piece = await self._response.content.readany()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise _failure(error, self._door.endpoint.name, None) from error
        self.at_end = not piece
        if self._unpack is not None and piece:
            piece = self._unpack(piece, self._door.bounds.answer_bytes)
        self._bytes += len(piece)
        if self._bytes > self._door.bounds.answer_bytes:
            raise Unreachable(
                f"{self._door.endpoint.name} answered with more than {self._door.bounds.answer_bytes} bytes."
            )
        return piece

    async def whole(self, limit: int | None = None) -> bytes:
        """The whole body, or its first ``limit`` bytes."""
        pieces: list[bytes] = []
        size = 0
        while not self.at_end and (limit is None or size < limit):
            piece = await self.read()
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)[:limit]

    async def close(self, *, complete: bool = False) -> None:
        """Give the connection back where everything was read, else close it, which stops the far side's work.

        ``complete``: the answer has said that it is over, so its last bytes are waited for, shortly.
        """
        if self._closed:
            return
        self._closed = True
        self._door.under_way -= 1
        content = self._response.content
        try:
            if complete and not content.at_eof():
                await self._drain()
        finally:
            if content.at_eof():
                self._response.release()
            else:
                self._response.close()

    async def _drain(self) -> None:
        import aiohttp

        with suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                for _ in range(_DRAIN_READS):
                    await self._response.content.readany()
                    if self._response.content.at_eof():
                        return


async def read_json(endpoint: Endpoint, path: str, kind: type[T]) -> T:
    """GET a JSON object as ``kind``, whatever its status. Raises `Unavailable` where it cannot be had soon."""
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=_FACTS_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=endpoint.fixed_headers()) as pool,
            pool.get(endpoint.url + path, allow_redirects=False, proxy=endpoint.proxy()) as response,
        ):
            return msgspec.json.decode(await _bounded(response), type=kind)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise Unavailable(f"{endpoint.url}{path} does not answer as expected ({type(error).__name__}).") from error


async def _bounded(response: "aiohttp.ClientResponse") -> bytes:
    body = await response.content.read(_FACTS_BYTES)
    while not response.content.at_eof() and len(body) < _FACTS_BYTES:
        body += await response.content.read(_FACTS_BYTES - len(body))
    return body


def _failure(error: Exception, name: str, sending: _Sending | None) -> Unreachable:
    """What a failed attempt means. ``sending`` is ``None`` where the answer had begun."""
    import aiohttp

    if sending is not None and not sending.sent:
        return _not_sent(error, name)
    if isinstance(error, TimeoutError):
        return Unreachable(f"{name} has been silent for too long.")
    cut = isinstance(error, aiohttp.ServerDisconnectedError | ConnectionError) or (
        isinstance(error, OSError) and error.errno in {errno.ECONNRESET, errno.EPIPE}
    )
    if cut and sending is not None and sending.reused:
        return Stale(f"{name} closed the connection.")
    return Unreachable(f"{name} broke off ({type(error).__name__}).")


def _not_sent(error: Exception, name: str) -> NotSent:
    import aiohttp

    match error:
        case aiohttp.ClientConnectorDNSError():
            return NotSent(f"The name of {name} cannot be resolved: this machine may be offline.", nobody=True)
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return NotSent(f"{name} has no certificate that this machine trusts.", nobody=True)
        case aiohttp.ClientProxyConnectionError():
            return NotSent(f"The proxy on the way to {name} cannot be reached.", nobody=True)
        case aiohttp.ClientConnectorError() if isinstance(error.os_error, ConnectionRefusedError):
            return NotSent(f"Nobody answers at {name}.", nobody=True)
        case TimeoutError():
            return NotSent(f"{name} did not take the connection in time.")
        case _:
            return NotSent(f"{name} cannot be reached ({type(error).__name__}).")
