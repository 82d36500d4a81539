"""The parent's side: hands files to a reading process one by one, and ends that process when a file overreaches.

A process serves many files, but none after a PDF (whose library is native code) and none after a failure: what one file
has done to its process, no other file meets.
"""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import psutil

import tandem
from tandem.rag.read.document import Document, Unreadable
from tandem.rag.read.formats import format_of
from tandem.rag.read.frames import LENGTH, NO_MEMORY_STATUS, Answer, Ask, frame
from tandem.rag.read.limits import Limits
from tandem.rag.read.opening import open_file, shown

Start = Callable[[], Awaitable[Process]]

BOOTSTRAP = "import sys; sys.path.insert(0, sys.argv.pop()); from tandem.rag.read.child import main; main()"
_CHUNK = 1 << 20
_LOOK_SECONDS = 0.1
_FILES_MOST = 500


async def start_child() -> Process:
    """A reading process under the system's limits. A caller with a stronger seal passes its own to `Reader`."""
    home = str(Path(tandem.__file__).parents[1])
    return await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-c", BOOTSTRAP, home, stdin=PIPE, stdout=PIPE, stderr=DEVNULL
    )


class Reader:
    """Reads one file at a time; several readers read several. Use it as ``async with Reader() as reader``."""

    def __init__(self, limits: Limits | None = None, start: Start = start_child) -> None:
        self._limits = limits or Limits()
        self._start = start
        self._process: Process | None = None
        self._served = 0
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def read(self, path: Path) -> Document:
        """Read a file. Raises `Unreadable`, which names it. Cancelling ends the reading process."""
        name = shown(path)
        if format_of(path.name) is None:
            raise Unreadable("unsupported", name=name)
        async with self._turn:
            descriptor = open_file(path, self._limits)
            try:
                answer = await self._ask(descriptor, name)
            except BaseException:
                await self._end()
                raise
            finally:
                os.close(descriptor)
            if answer.document is None or answer.document.format == "pdf" or self._served >= _FILES_MOST:
                await self._end()
        if answer.document is None:
            raise Unreadable(answer.reason or "broken", name=name, detail=answer.detail)
        return answer.document

    async def _ask(self, descriptor: int, name: str) -> Answer:
        process = self._process = self._process or await self._start()
        self._served += 1
        watch = asyncio.create_task(_too_much_memory(process, self._limits.memory_bytes))
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await self._exchange(process, descriptor, name)
        except TimeoutError as error:
            raise Unreadable("too_slow", name=name, detail=f"{self._limits.seconds:g} s") from error
        except (EOFError, ConnectionError) as error:
            status = await _end_of(process)
            if (watch.done() and watch.result()) or status == NO_MEMORY_STATUS:
                raise Unreadable("too_much_memory", name=name) from error
            slow = sys.platform != "win32" and status == -signal.SIGXCPU
            raise Unreadable("too_slow" if slow else "crashed", name=name, detail=f"status {status}") from error
        except (msgspec.MsgspecError, _TooLong) as error:
            raise Unreadable("crashed", name=name, detail="it answered nonsense") from error
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch

    async def _exchange(self, process: Process, descriptor: int, name: str) -> Answer:
        assert process.stdin is not None
        assert process.stdout is not None
        left = os.fstat(descriptor).st_size
        base = name.replace("\\", "/").rpartition("/")[2]
        process.stdin.write(frame(msgspec.msgpack.encode(Ask(name=base, limits=self._limits))) + LENGTH.pack(left))
        while left:
            chunk = await asyncio.to_thread(os.read, descriptor, min(left, _CHUNK))
            if not chunk:
                raise Unreadable("broken", name=name, detail="it changed while it was read")
            left -= len(chunk)
            process.stdin.write(chunk)
            await process.stdin.drain()
        await process.stdin.drain()
        (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
        if length > self._limits.reply_bytes:
            raise _TooLong
        return msgspec.msgpack.decode(await process.stdout.readexactly(length), type=Answer)

    async def _end(self) -> None:
        process, self._process, self._served = self._process, None, 0
        if process is not None:
            await _end_of(process)


class _TooLong(Exception):
    pass


async def _end_of(process: Process) -> int:
    """End a process and wait for it. Returns its exit status, which is its own where it had ended before."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.5 if process.stdout is not None and process.stdout.at_eof() else 0):
            return await process.wait()
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    return await process.wait()


async def _too_much_memory(process: Process, most: int) -> bool:
    """Look at the process's resident memory now and then; end it, and say so, when it exceeds ``most`` bytes."""
    try:
        looked_at = psutil.Process(process.pid)
        while process.returncode is None:
            if looked_at.memory_info().rss > most:
                process.kill()
                return True
            await asyncio.sleep(_LOOK_SECONDS)
    except (psutil.Error, ProcessLookupError):
        return False
    return False
