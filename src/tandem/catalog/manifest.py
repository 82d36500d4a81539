"""`tandem.json`, the note inside each installed model that says what it is and where it came from.

It is written last, so a folder that has one is complete; several processes agree because all of them read it.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from tandem.core.errors import CorruptFile
from tandem.core.models import Ability, Kind, ModelCard

MANIFEST_NAME = "tandem.json"
_CHUNK_BYTES = 1 << 20

CONVERTER_VERSIONS: Mapping[Kind, int] = {"chat": 2, "embedding": 1}
"""The version of what our converter makes. It rises when the same source would give other files."""

Runner = Literal["engine", "foundry"]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What one installed model is.

    ``runner`` says who answers: our engine, or Foundry Local's chat session for a variant that needs an execution
    provider of its own. ``max_tokens`` bounds one text of an embedder. ``files`` maps names to sha256, ``bytes`` is
    their sum, ``created`` is in Unix seconds. ``foundry_id`` and ``foundry_provider`` are set where it came from there;
    what begins with ``source_``, the parameters and the converter's version where our converter made it.
    """

    kind: Kind = "chat"
    id: str = ""
    name: str = ""
    description: str = ""
    source: str = ""
    licence: str = ""
    precision: str = ""
    context_tokens: int = 0
    dimensions: int | None = None
    max_tokens: int | None = None
    abilities: tuple[Ability, ...] = ()
    runner: Runner = "engine"
    foundry_id: str = ""
    foundry_provider: str = ""
    architecture: str = ""
    parameters: int | None = None
    source_sha256: str = ""
    source_quantization: str = ""
    converter_version: int | str | None = None
    created: int = 0
    bytes: int = 0
    files: dict[str, str] = {}


def read_manifest(folder: Path) -> Manifest | None:
    """The note in ``folder``; ``None`` where there is none. Raises `CorruptFile` where it cannot be read as one."""
    path = folder / MANIFEST_NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
        raise CorruptFile(
            f"The note {path} of the model {folder.name} cannot be read ({error}). "
            f"Remove the model with `tandem models rm {folder.name}` and get it again."
        ) from error


def is_outdated(manifest: Manifest) -> bool:
    """Whether an earlier version of our converter made the model."""
    made_by = manifest.converter_version
    return isinstance(made_by, int) and made_by < CONVERTER_VERSIONS[manifest.kind]


def write_manifest(folder: Path, manifest: Manifest) -> Manifest:
    """Flush every file of ``folder`` to the disk, note its sha256, and write the note last. Returns the full note."""
    files = {path.relative_to(folder).as_posix(): path for path in files_of(folder) if path.name != MANIFEST_NAME}
    full = msgspec.structs.replace(
        manifest,
        files={name: sha256_of(path, flush=True) for name, path in sorted(files.items())},
        bytes=sum(path.stat().st_size for path in files.values()),
    )
    path = folder / MANIFEST_NAME
    with path.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(full), indent=2))
        file.flush()
        os.fsync(file.fileno())
    return full


def card_of(manifest: Manifest, folder: Path) -> ModelCard:
    """The card of an installed model; its folder's name is its id, whatever its note says."""
    return ModelCard(
        id=folder.name,
        kind=manifest.kind,
        place="device",
        context_tokens=manifest.context_tokens,
        source=manifest.source,
        name=manifest.name or folder.name,
        description=manifest.description,
        licence=manifest.licence,
        installed=True,
        path=str(folder),
        size_bytes=manifest.bytes or None,
        created=manifest.created,
        dimensions=manifest.dimensions,
        abilities=frozenset(manifest.abilities),
    )


def files_of(folder: Path) -> Iterator[Path]:
    """Every plain file below ``folder``."""
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def sha256_of(path: Path, *, flush: bool = False) -> str:
    """The sha256 of a file in hexadecimal; ``flush`` also forces the file to the disk."""
    digest = hashlib.sha256()
    with path.open("rb+" if flush else "rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
        if flush:
            os.fsync(file.fileno())
    return digest.hexdigest()
