"""Listening: one socket, one uvicorn, quiet, and gone within ten seconds of being asked to."""

import asyncio
import contextlib
import errno
import ipaddress
import signal
import socket
import sys
import threading
from collections.abc import Callable, Generator
from functools import lru_cache
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import HANDLED_SIGNALS

from tandem.core.errors import SettingsError

HEAD_BYTES = 64 * 1024
"""The largest request head (line and headers) that is read."""
_GRACE_SECONDS = 8


def check_binding(host: str, *, has_key: bool) -> None:
    """Refuse to listen where others can reach it without a key. Raises `SettingsError` with the remedy."""
    if has_key or is_loopback(host):
        return
    raise SettingsError(
        f"Listening on {host} would let everybody on the network ask your models. Set a key first: put the name of an "
        "environment variable into server.api_key_env of tandem.toml and the key into that variable, "
        "or listen on 127.0.0.1."
    )


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether a name or an address (IPv6 with or without brackets) means this machine only."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket; port 0 takes a free one. Raises `SettingsError` where that cannot be."""
    if not 0 <= port <= 65535:
        raise SettingsError(f"{port} is no port: choose one from 1 to 65535.")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=512)
    except socket.gaierror as error:
        raise SettingsError(f"{host} is no address of this machine. Listen on 127.0.0.1.") from error
    except OSError as error:
        raise SettingsError(_cannot_listen(error, host, port)) from error


def url_of(listening: socket.socket) -> str:
    """The address that people type, such as ``http://127.0.0.1:8000``."""
    host, port = listening.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}"


async def serve(app: ASGIApp, listening: socket.socket, *, ready: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGINT or SIGTERM, or until cancelled; ``ready`` is called once when requests are accepted.

    Running answers get 8 seconds to end. Signals end this call, not the process, so that the owners of models
    can close them.
    """
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = _Server(config, ready)
    try:
        await server.serve(sockets=[listening])
    except asyncio.CancelledError:
        await server.shutdown(sockets=[listening])
        raise
    finally:
        listening.close()


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The fastest event loop of this platform, for `asyncio.Runner`."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's parser, which by itself gathers a request head of any size, with a bound on the head."""

    _in_head = False
    _unparsed_bytes = 0
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Send every event at once: with Nagle's algorithm a small one waits 40 ms for the client's delayed ACK."""
        connection = transport.get_extra_info("socket")
        if connection is not None and connection.family in {socket.AF_INET, socket.AF_INET6}:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)

    def on_message_begin(self) -> None:
        """A new head begins."""
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Count a piece of the request line."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole; what follows is a body, which the door counts."""
        self._in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Read on, unless a head (one endless header, perhaps) has no end."""
        super().data_received(data)
        self._unparsed_bytes = self._unparsed_bytes + len(data) if self._in_head else 0
        if self._unparsed_bytes > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The request head is too large.")

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > HEAD_BYTES:
            raise ValueError("the request head is too large")


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """As uvicorn does, but without raising the signal again afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before: dict[int, Any] = {number: signal.signal(number, self.handle_exit) for number in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _cannot_listen(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"Port {port} on {host} is taken by another program. Stop that one, "
                f"or choose another port: --port {port + 1 if port < 65535 else 8000}."
            )
        case errno.EACCES:
            return f"Port {port} needs more rights than this user has. Choose one from 1024 on: --port 8000."
        case errno.EADDRNOTAVAIL:
            return f"{host} is no address of this machine. Listen on 127.0.0.1."
        case _:
            return f"Listening on {host} port {port} failed: {error.strerror}. Choose another: --port 8000."
