"""A lock that several processes respect: the operating system's lock on an open file.

The system frees it when its holder dies, however it dies, so a lock is never left behind.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from tandem.core.errors import Busy
from tandem.core.ports import Progress

_POLL_SECONDS = 0.1


@asynccontextmanager
async def hold(path: Path, what: str, progress: Progress) -> AsyncGenerator[None]:
    """Hold the lock at ``path`` for the length of a `with` block; waits for whoever has it and says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while not _try_lock(handle):
            progress(0, 0, f"Waiting for another Tandem that is busy with {what}")
            await asyncio.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(handle)


@contextmanager
def hold_at_once(path: Path, what: str) -> Generator[None]:
    """Hold the lock at ``path`` for the length of a `with` block; raises `Busy` where somebody else has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _try_lock(handle):
            raise Busy(f"Another Tandem is busy with {what}. Try again when it is done.", retry_after_seconds=10)
        yield
    finally:
        os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
