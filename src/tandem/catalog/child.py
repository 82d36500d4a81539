"""Heavy or blocking work done in a Python process of its own, so that the caller stays free and can stop it.

The child is told what to do by one JSON line on its standard input, and answers with JSON lines.
It ends when its input closes, so it never outlives the process that wanted the work, however that one dies.
"""

import asyncio
import contextlib
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from typing import IO, Any, TypeAlias, cast

import msgspec

from tandem.core import errors
from tandem.core.ports import Progress

Json: TypeAlias = dict[str, "Json"] | list["Json"] | str | int | float | bool | None

_LINE_LIMIT_BYTES = 16 << 20
_LINGER_SECONDS = 5.0
_KNOWN = {
    kind.__name__: kind
    for kind in (
        errors.CatalogError,
        errors.Offline,
        errors.CorruptFile,
        errors.ConversionFailed,
        errors.NotEnoughMemory,
        errors.Unavailable,
        errors.NotFound,
        errors.BadRequest,
    )
}


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line from the child: a step, a result, or the error that ended it (named by its class in our tree)."""

    done: int = 0
    total: int = 0
    what: str = ""
    error: str = ""
    finished: bool = False
    result: Any = None


async def run_errand(name: str, request: dict[str, Json], progress: Progress) -> Json:
    """Run the errand ``name`` (see `tandem.catalog.errands`) and return its result.

    Raises the `TandemError` that the child reports, and `CatalogError` where the child dies without a word.
    Cancelling kills the child before it returns.
    """
    with tempfile.TemporaryFile() as last_words:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "tandem.catalog.errands", name,
            stdin=PIPE, stdout=PIPE, stderr=last_words, limit=_LINE_LIMIT_BYTES,
        )  # fmt: skip
        try:
            return await _talk(process, request, progress, last_words)
        except asyncio.CancelledError:
            _kill(process)
            raise
        finally:
            await _ended(process)


async def _talk(process: Process, request: dict[str, Json], progress: Progress, last_words: IO[bytes]) -> Json:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(msgspec.json.encode(request) + b"\n")
    async for line in process.stdout:
        reply = msgspec.json.decode(line, type=Reply)
        if reply.error:
            raise _KNOWN.get(reply.error, errors.CatalogError)(reply.what)
        if reply.finished:
            return cast("Json", reply.result)
        progress(reply.done, reply.total, reply.what)
    raise _died(await process.wait(), last_words)


async def _ended(process: Process) -> None:
    """Wait for the end of a child that has said its last word; one that lingers is killed."""
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_SECONDS):
                await process.wait()
    finally:
        _kill(process)
        await process.wait()


def _kill(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):  # it ended by itself in this very moment
            process.kill()


def _died(status: int, last_words: IO[bytes]) -> errors.CatalogError:
    if status == -9:
        return errors.CatalogError(
            "The process that prepares the model was ended by the system, most likely for want of memory. "
            "Close other programs or choose a smaller model."
        )
    last_words.seek(0)
    said = last_words.read().decode(errors="replace").strip().splitlines()
    return errors.CatalogError(
        f"The process that prepares the model ended unexpectedly (status {status}: {said[-1] if said else 'no word'}). "
        "Try again; if it happens again, please report it."
    )
