"""The models on disk. A model is a complete folder under `models/`, or it is not there.

Work happens in `tmp/`; one rename puts a finished folder in place, and one takes it away.
"""

import errno
import logging
import os
import secrets
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tandem.catalog.manifest import Manifest, files_of, read_manifest
from tandem.core.errors import CatalogError, CorruptFile

log = logging.getLogger(__name__)
_MARGIN_BYTES = 64 << 20


class Shelf:
    """The installed models below ``home``, the data folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.models = home / "models"
        self._tmp = home / "tmp"

    def folder(self, model: str) -> Path:
        """Where a model of this id is, or would be."""
        return self.models / model

    def lock(self, name: str) -> Path:
        """The lock file that guards ``name``."""
        return self.home / "locks" / f"{name}.lock"

    def installed(self) -> dict[str, Manifest]:
        """Every complete model by its folder's name; an unreadable one is logged and left out.

        Raises `CatalogError` where the folder of models cannot be read.
        """
        found: dict[str, Manifest] = {}
        for name in self._folders():
            try:
                manifest = read_manifest(self.models / name)
            except CorruptFile as error:
                log.warning("%s", error)
                continue
            if manifest is not None:
                found[name] = manifest
        return found

    def _folders(self) -> list[str]:
        with disk_errors_as_ours("Reading the installed models", self.home):
            try:
                return sorted(one.name for one in os.scandir(self.models) if one.is_dir() and one.name[0] != ".")
            except FileNotFoundError:
                return []

    @contextmanager
    def staging(self, model: str) -> Generator[Path]:
        """A fresh folder to work in for the holder of the model's lock; what earlier work left there is swept first."""
        self.sweep(model)
        folder = self._tmp / f"{model}.{secrets.token_hex(4)}"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def sweep(self, model: str) -> None:
        """Delete what interrupted work on ``model`` left behind. Only the holder of its lock may call this."""
        if not self._tmp.is_dir():
            return
        for entry in os.scandir(self._tmp):
            if entry.name.rpartition(".")[0] == model:
                shutil.rmtree(entry.path, ignore_errors=True)

    def place(self, finished: Path, model: str) -> Path:
        """Put a finished folder on the shelf in one step; a broken one of that id makes way."""
        target = self.folder(model)
        self.models.mkdir(parents=True, exist_ok=True)
        if target.exists():
            self.take_away(model)
        finished.replace(target)
        _flush_folder(self.models)
        return target

    def take_away(self, model: str) -> int:
        """Remove a model in one step, then delete its files; returns the bytes that were freed."""
        gone = self._tmp / f"{model}.{secrets.token_hex(4)}"
        self._tmp.mkdir(parents=True, exist_ok=True)
        freed = sum(path.stat().st_size for path in files_of(self.folder(model)))
        self.folder(model).replace(gone)
        shutil.rmtree(gone, ignore_errors=True)
        return freed

    def require_space(self, needed_bytes: int, what: str) -> None:
        """Raise `CatalogError` with both numbers where the disk has no room for ``needed_bytes`` and a margin."""
        self.home.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.home).free
        needed = needed_bytes + _MARGIN_BYTES
        if free < needed:
            raise CatalogError(
                f"{what} needs {megabytes(needed)} of disk space while it works, and {self.home} has "
                f"{megabytes(free)} free. Free some space, or choose another data folder with TANDEM_HOME."
            )


@contextmanager
def disk_errors_as_ours(what: str, home: Path) -> Generator[None]:
    """Translate the system's errors about files into a `CatalogError` that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise CatalogError(f"{what}: the disk of {home} is full. Free some space and try again.") from error
        raise CatalogError(
            f"{what}: {error.strerror or error}: {error.filename or home}. "
            "Make it readable and writable, or name another folder in TANDEM_HOME."
        ) from error


def megabytes(count: int) -> str:
    """Bytes as people read them: `98 MB`, `1.4 GB`."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count, 0) / 1e6:.0f} MB"


def _flush_folder(folder: Path) -> None:
    """Force a rename to the disk where the system lets a folder be opened (Windows does not)."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
