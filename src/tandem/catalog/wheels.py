"""Wheels fetched once and kept, checked to the bit at each use, and opened without trust."""

import asyncio
import hashlib
import zipfile
import zlib
from pathlib import Path

from tandem.catalog.child import run_errand
from tandem.catalog.locks import hold
from tandem.catalog.manifest import sha256_of
from tandem.catalog.shelf import Shelf
from tandem.catalog.sources import Member, Wheel
from tandem.core.errors import CorruptFile
from tandem.core.ports import Progress

_CHUNK_BYTES = 1 << 20


class WheelStore:
    """The wheels below the data folder's `wheels/`. With ``offline``, pip may look into its folders only."""

    def __init__(self, shelf: Shelf, *, offline: bool) -> None:
        self._shelf = shelf
        self._folder = shelf.home / "wheels"
        self._offline = offline

    def path(self, wheel: Wheel) -> Path:
        """Where the wheel is kept once it is here."""
        return self._folder / wheel.file_name

    async def fetch(self, wheel: Wheel, progress: Progress) -> Path:
        """The wheel's file, downloaded where it is not here yet or no longer what it was.

        Raises `Offline`, `CorruptFile` or `CatalogError`.
        """
        async with hold(self._shelf.lock(wheel.file_name), wheel.requirement, progress):
            if await self._is_here(wheel, progress):
                return self.path(wheel)
            with self._shelf.staging(wheel.file_name) as staging:
                arrived = await self._download(wheel, staging, progress)
                self._folder.mkdir(parents=True, exist_ok=True)
                return arrived.replace(self.path(wheel))

    def forget(self, wheel: Wheel) -> int:
        """Delete the kept file; returns the bytes that were freed."""
        path = self.path(wheel)
        freed = path.stat().st_size if path.is_file() else 0
        path.unlink(missing_ok=True)
        return freed

    async def _is_here(self, wheel: Wheel, progress: Progress) -> bool:
        path = self.path(wheel)
        if not path.is_file():
            return False
        progress(0, 0, f"Checking {wheel.file_name}")
        if await asyncio.to_thread(sha256_of, path) == wheel.sha256:
            return True
        path.unlink()
        return False

    async def _download(self, wheel: Wheel, staging: Path, progress: Progress) -> Path:
        progress(0, wheel.size_bytes, f"Downloading {wheel.requirement}")
        request = {
            "requirement": wheel.requirement,
            "sha256": wheel.sha256,
            "target": str(staging),
            "no_index": self._offline,
        }
        arrived = Path(str(await run_errand("download", dict(request), progress)))
        if await asyncio.to_thread(sha256_of, arrived) != wheel.sha256:
            raise CorruptFile(f"{arrived.name} was altered on its way to the disk. Try again.")
        return arrived


def unpack(archive: Path, members: tuple[Member, ...], target: Path) -> tuple[Path, ...]:
    """Write the named members into ``target``, flat, by their last names; nothing else of the archive is touched.

    Raises `CorruptFile` where a member is missing, larger than announced, or not what was pinned.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            return tuple(_unpack_one(opened, member, target) for member in members)
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
        raise CorruptFile(
            f"{archive.name} cannot be opened as the package it should be ({error}). Try again."
        ) from error


def _unpack_one(archive: zipfile.ZipFile, member: Member, target: Path) -> Path:
    path = target / member.path.rpartition("/")[2]
    digest = hashlib.sha256()
    left = member.size_bytes
    with archive.open(member.path) as packed, path.open("wb") as file:
        while left >= 0 and (chunk := packed.read(_CHUNK_BYTES)):
            left -= len(chunk)
            digest.update(chunk)
            file.write(chunk)
    if left != 0 or digest.hexdigest() != member.sha256:
        raise CorruptFile(
            f"{member.path} inside its package is not what Tandem knows. Remove the package and try again."
        )
    return path
