"""A ZIP of parts, as Office, OpenDocument and EPUB files are: nothing is unpacked beyond the limit, nothing to disk."""

import io
import posixpath
import zipfile
import zlib
from urllib.parse import unquote

from tandem.rag.read.document import Unreadable
from tandem.rag.read.limits import Limits
from tandem.rag.read.xml import Element, parse_xml

OLE_MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PARTS_MOST = 20_000
_CHUNK = 1 << 20


class Package:
    """Parts by name. Raises `Unreadable`: ``broken``, ``encrypted``, ``bomb``."""

    def __init__(self, raw: bytes, limits: Limits) -> None:
        self._limits = limits
        self._unpacked = 0
        if raw.startswith(OLE_MARK):
            raise Unreadable(
                "encrypted" if "EncryptedPackage".encode("utf-16-le") in raw else "unsupported", detail=_OLD
            )
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(raw))
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise Unreadable("broken", detail="no readable ZIP") from error
        entries = self._zip.infolist()
        if len(entries) > _PARTS_MOST:
            raise Unreadable("bomb", detail=f"{len(entries):,} parts")
        self._entries = {entry.filename: entry for entry in entries}

    @property
    def names(self) -> list[str]:
        """The parts' names, in the archive's order."""
        return list(self._entries)

    def has(self, name: str) -> bool:
        """Whether there is such a part."""
        return name in self._entries

    def part(self, name: str) -> bytes:
        """A part's bytes."""
        entry = self._entries.get(name)
        if entry is None:
            raise Unreadable("broken", detail="a part is missing")
        if entry.flag_bits & 1:
            raise Unreadable("encrypted")
        chunks: list[bytes] = []
        try:
            with self._zip.open(entry) as stream:
                while chunk := stream.read(_CHUNK):
                    self._unpacked += len(chunk)
                    if self._unpacked > self._limits.unpacked_bytes:
                        raise Unreadable("bomb", detail=f"more than {self._limits.unpacked_bytes >> 20} MiB")
                    chunks.append(chunk)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
            raise Unreadable("broken", detail="a part cannot be unpacked") from error
        return b"".join(chunks)

    def xml(self, name: str) -> Element:
        """A part as a tree."""
        return parse_xml(self.part(name), self._limits)

    def relations(self, name: str) -> dict[str, str]:
        """What the part ``name`` of an Office file points to inside the package: relation id to part name."""
        folder, base = posixpath.split(name)
        where = posixpath.join(folder, "_rels", base + ".rels")
        if not self.has(where):
            return {}
        found: dict[str, str] = {}
        for relation in self.xml(where).all("Relationship"):
            if relation.get("TargetMode") != "External":
                found[relation.get("Id")] = resolve(name, relation.get("Target"))
        return found


_OLD = "an encrypted or old binary Office file"


def resolve(base: str, target: str) -> str:
    """A part's name from a reference in the part ``base``."""
    target = unquote(target.partition("#")[0])
    joined = target if target.startswith("/") else posixpath.join(posixpath.dirname(base), target)
    return posixpath.normpath(joined).lstrip("/")
