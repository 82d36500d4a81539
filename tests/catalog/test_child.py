"""Work in a child process: its words come back, its errors are ours, and its death is told."""

import asyncio
import errno
from pathlib import Path

import psutil
import pytest

from support.steps import Steps
from tandem.catalog.child import run_errand
from tandem.catalog.shelf import disk_errors_as_ours
from tandem.core.errors import CatalogError, ConversionFailed


def test_an_error_of_ours_keeps_its_class_and_its_words(tmp_path: Path) -> None:
    with pytest.raises(ConversionFailed, match="ONNX Runtime GenAI cannot run the model"):
        asyncio.run(run_errand("try_opening", {"folder": str(tmp_path), "kind": "chat", "name": "x"}, Steps()))


def test_a_file_that_is_missing_is_a_catalog_error_that_names_it(tmp_path: Path) -> None:
    request = {"requirement": "a==1", "sha256": "0", "target": str(tmp_path / "absent"), "no_index": True}

    with pytest.raises(CatalogError, match=r"No such file or directory: .*absent"):
        asyncio.run(run_errand("download", dict(request), Steps()))


def test_a_child_that_breaks_is_told_with_its_last_words() -> None:
    with pytest.raises(CatalogError, match=r"ended unexpectedly \(status 1: KeyError: 'no-such-errand'"):
        asyncio.run(run_errand("no-such-errand", {}, Steps()))


def test_a_child_that_the_system_ends_is_told_as_want_of_memory(tmp_path: Path) -> None:
    async def killed() -> None:
        request = {"requirement": "a==1", "sha256": "0" * 64, "target": str(tmp_path), "no_index": True}
        task = asyncio.ensure_future(run_errand("download", dict(request), Steps()))
        await asyncio.sleep(0.1)
        for child in psutil.Process().children():
            child.kill()
        await task

    with pytest.raises(CatalogError, match="for want of memory"):
        asyncio.run(killed())


@pytest.mark.parametrize(
    ("number", "says"), [(errno.ENOSPC, "the disk of .* is full"), (errno.EACCES, "Permission denied: /x")]
)
def test_the_systems_errors_about_files_become_ours(number: int, says: str, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=says), disk_errors_as_ours("Installing x", tmp_path):
        raise OSError(number, "Permission denied", "/x")
