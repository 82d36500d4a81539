"""A far side that plays a script on a real socket and remembers every byte that it was sent.

    async with scripted_cloud(Reply.events(body)) as cloud:
        ...  # ask cloud.url
    assert b"secret" not in cloud.received

A reply says what it is: bytes in chosen pieces, a pause between them, a cut. The script is played from its beginning,
its last reply again and again.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One request as it came: method, path with query, headers (names in lower case), body."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer. ``pieces`` are written one after another, ``pause_seconds`` apart, each as a chunk of its own.

    ``stall_after``: after so many pieces nothing more comes, though the connection stays. ``cut_after``: after so many
    pieces the connection is closed. ``raw`` replaces the whole answer, head included. ``silent``: no head ever comes.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    pieces: Sequence[bytes] = ()
    pause_seconds: float = 0.0
    stall_after: int | None = None
    cut_after: int | None = None
    raw: bytes | None = None
    silent: bool = False
    close: bool = False

    @staticmethod
    def events(body: bytes, *, sizes: int | Sequence[int] = 0) -> "Reply":
        """A stream of server-sent events, split after so many bytes each time, or at these positions."""
        return Reply(headers={"content-type": "text/event-stream; charset=utf-8"}, pieces=split(body, sizes))

    @staticmethod
    def json(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> "Reply":
        """An answer in one piece."""
        return Reply(status=status, headers={"content-type": "application/json", **(headers or {})}, pieces=(body,))

    def slowly(self, seconds: float) -> "Reply":
        """The same, with a pause between pieces."""
        return replace(self, pause_seconds=seconds)


Script = Reply | Sequence[Reply] | Callable[[Heard], Reply]


def split(body: bytes, sizes: int | Sequence[int] = 0) -> tuple[bytes, ...]:
    """Pieces of a text: of a size (0: one piece), or cut at positions."""
    if isinstance(sizes, int):
        return tuple(body[at : at + sizes] for at in range(0, len(body), sizes)) if sizes else (body,)
    edges = [0, *sizes, len(body)]
    return tuple(body[a:b] for a, b in pairwise(edges))


@dataclass
class Cloud:
    """A far side that runs. ``closed_early`` counts answers whose client left before their end.

    ``asked`` is set when a request has come, ``left`` when a connection has ended.
    """

    url: str
    script: Script
    requests: list[Heard] = field(default_factory=list[Heard])
    received: bytearray = field(default_factory=bytearray)
    connections: int = 0
    open_now: int = 0
    closed_early: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def bodies(self) -> list[bytes]:
        """The body of each request."""
        return [heard.body for heard in self.requests]

    def next_reply(self, heard: Heard) -> Reply:
        """What to play for the request that was just kept."""
        if isinstance(self.script, Reply):
            return self.script
        if callable(self.script):
            return self.script(heard)
        return self.script[min(len(self.requests), len(self.script)) - 1]


@asynccontextmanager
async def scripted_cloud(script: Script) -> AsyncGenerator[Cloud]:
    """Play a script on a free port of this machine for as long as the block runs."""
    cloud = Cloud(url="", script=script)
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(_serve(cloud, reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    cloud.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield cloud
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _serve(cloud: Cloud, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    cloud.connections += 1
    cloud.open_now += 1
    try:
        ahead = b""
        while (heard := await _heard(cloud, reader, ahead)) is not None:
            cloud.requests.append(heard)
            cloud.asked.set()
            playing = asyncio.ensure_future(_play(cloud.next_reply(heard), writer))
            watching = asyncio.ensure_future(reader.read(1))
            await asyncio.wait((playing, watching), return_when=asyncio.FIRST_COMPLETED)
            watching.cancel()
            await asyncio.wait((watching,))
            ahead = b"" if watching.cancelled() else watching.result()
            if not playing.done() and not ahead:
                playing.cancel()
                cloud.closed_early += 1
                break
            if await playing:
                break
    except (ConnectionError, asyncio.IncompleteReadError):
        cloud.closed_early += 1
    finally:
        cloud.open_now -= 1
        cloud.left.set()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def _heard(cloud: Cloud, reader: asyncio.StreamReader, ahead: bytes) -> Heard | None:
    """The next request; ``ahead`` is its first byte, where that came already."""
    try:
        head = ahead + await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        cloud.received += error.partial
        return None
    cloud.received += head
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = await _chunked(cloud, reader)
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        cloud.received += body
    method, path, _ = first.split(" ")
    return Heard(method=method, path=path, headers=headers, body=body)


async def _chunked(cloud: Cloud, reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line, 16)
        chunk = await reader.readexactly(size + 2)
        cloud.received += line + chunk
        if not size:
            return bytes(body)
        body += chunk[:-2]


async def _play(reply: Reply, writer: asyncio.StreamWriter) -> bool:
    """Write one answer. Gives whether the connection ends with it."""
    if reply.silent:
        await asyncio.Event().wait()
    if reply.raw is not None:
        writer.write(reply.raw)
        await writer.drain()
        return True
    writer.write(_head(reply))
    await writer.drain()
    for at, piece in enumerate(reply.pieces):
        if await _stops(reply, at):
            return True
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        await writer.drain()
        if reply.pause_seconds:
            await asyncio.sleep(reply.pause_seconds)
    if await _stops(reply, len(reply.pieces)):
        return True
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    return reply.close


async def _stops(reply: Reply, at: int) -> bool:
    if reply.stall_after is not None and at >= reply.stall_after:
        await asyncio.Event().wait()
    return reply.cut_after is not None and at >= reply.cut_after


def _head(reply: Reply) -> bytes:
    headers = {"transfer-encoding": "chunked", **reply.headers}
    lines = [f"HTTP/1.1 {reply.status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
