"""Tiny wheels made on the fly, and pip told to look nowhere else."""

import base64
import hashlib
import zipfile
from pathlib import Path

import pytest

from tandem.catalog.sources import Member, Wheel


def make_wheel(folder: Path, files: dict[str, bytes], *, name: str = "tiny_model", version: str = "1.0") -> Wheel:
    """Write a valid wheel with ``files`` into ``folder``; returns its pins."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    about = f"{name}-{version}.dist-info"
    extra = {
        f"{about}/METADATA": b"Metadata-Version: 2.1\nName: %s\nVersion: %s\nRequires-Dist: torch\n"
        % (name.encode(), version.encode()),
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        record: list[str] = []
        for inner, content in {**files, **extra}.items():
            archive.writestr(inner, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append(f"{inner},sha256={digest},{len(content)}")
        archive.writestr(f"{about}/RECORD", "\n".join([*record, f"{about}/RECORD,,", ""]))
    return Wheel(
        requirement=f"{name.replace('_', '-')}=={version}",
        file_name=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        size_bytes=path.stat().st_size,
        members=tuple(
            Member(path=inner, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
            for inner, content in files.items()
        ),
    )


def only_from(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let pip take packages from ``folder`` alone, as on a machine with an offline wheel folder."""
    _forget_settings(monkeypatch)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))


def only_from_index(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Let pip ask the package index at ``address`` alone."""
    _forget_settings(monkeypatch)
    monkeypatch.setenv("PIP_INDEX_URL", address)


def _forget_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
