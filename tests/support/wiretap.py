"""A wire between two servers that keeps what goes out, and that can refuse or be cut."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

_REFUSED = b"HTTP/1.1 503 No\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"


@dataclass
class Wire:
    """``sent`` is every byte that went out. ``refuses`` answers 503 itself; ``cuts`` closes after the first words."""

    port: int = 0
    way: Literal["passes", "refuses", "cuts"] = "passes"
    sent: bytearray = field(default_factory=bytearray)

    @property
    def url(self) -> str:
        """Where to ask."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def wiretap(upstream: str) -> Generator[Wire]:
    """A wire to a server, for as long as the block runs."""
    wire, ready, stop = Wire(), threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def main() -> None:
        place = urlsplit(upstream)

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(ConnectionError):
                far_reader, far_writer = await asyncio.open_connection(place.hostname, place.port)
                there = asyncio.create_task(_out(wire, reader, far_writer, writer))
                await _back(wire, far_reader, writer)
                there.cancel()
                far_writer.close()
            writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        wire.port = server.sockets[0].getsockname()[1]
        loops.append(asyncio.get_running_loop())
        ready.set()
        async with server:
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield wire
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join(10)


async def _out(wire: Wire, reader: asyncio.StreamReader, far: asyncio.StreamWriter, near: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while piece := await reader.read(65536):
            wire.sent += piece
            if wire.way == "refuses":
                near.write(_REFUSED)
                await near.drain()
                break
            far.write(piece)
            await far.drain()
    far.close()


async def _back(wire: Wire, far: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    heard = 0
    while piece := await far.read(65536):
        writer.write(piece)
        await writer.drain()
        heard += piece.count(b"data: ")
        if wire.way == "cuts" and heard >= 2:
            break
