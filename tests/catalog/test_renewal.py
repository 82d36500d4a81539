"""A model that an earlier converter made still runs, is made anew once from what was kept, and is never lost."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from support.one_layer_gguf import write_tiny_gguf
from support.packages import make_wheel, only_from
from support.steps import Steps
from tandem.catalog.catalog import Catalog
from tandem.catalog.manifest import CONVERTER_VERSIONS, MANIFEST_NAME
from tandem.catalog.sources import Embedded

OLD = "what the converter of yesterday wrote"


@pytest.fixture
def tiny(tmp_path: Path) -> Embedded:
    content = write_tiny_gguf(tmp_path / "tiny.gguf").read_bytes()
    return Embedded(
        id="tiny",
        kind="chat",
        name="Tiny",
        description="A test.",
        licence="MIT",
        wheel=make_wheel(tmp_path / "wheels", {"tiny_model/tiny.gguf": content}),
        precision="int4",
        made_bytes=100_000,
        context_tokens=128,
    )


@pytest.fixture
def catalog(tiny: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """A catalog whose one model an earlier version made; no package index is left to ask."""
    only_from(monkeypatch, tmp_path / "wheels")
    found = Catalog(tmp_path / "home", embedded=(tiny,))
    pulled(found)
    grow_old(tmp_path / "home" / "models" / "tiny")
    only_from(monkeypatch, tmp_path / "nowhere")
    return found


def pulled(catalog: Catalog) -> Steps:
    steps = Steps()
    asyncio.run(catalog.pull("tiny", steps))
    return steps


def grow_old(folder: Path, version: int = CONVERTER_VERSIONS["chat"] - 1) -> None:
    note = json.loads((folder / MANIFEST_NAME).read_text())
    (folder / MANIFEST_NAME).write_text(json.dumps({**note, "converter_version": version}))
    (folder / "model.onnx").write_text(OLD)


def is_old(catalog: Catalog) -> bool:
    return (catalog.folder("tiny") / "model.onnx").read_bytes() == OLD.encode()


def test_an_old_model_stays_installed_and_can_be_renewed(catalog: Catalog) -> None:
    assert catalog.card("tiny").installed
    assert catalog.renewable("tiny")
    assert is_old(catalog)


def test_a_pull_makes_it_anew_from_the_kept_download_and_shows_progress(catalog: Catalog) -> None:
    steps = pulled(catalog)

    assert not is_old(catalog)
    assert not catalog.renewable("tiny")
    assert "Converting tiny to int4" in steps.whats
    assert not any("Downloading" in what for what in steps.whats)
    assert pulled(catalog).seen == []


def test_where_it_cannot_be_made_anew_the_old_one_stays(catalog: Catalog, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "home" / "wheels")
    assert not catalog.renewable("tiny")  # a start of the server is not to wait for a download

    steps = pulled(catalog)

    assert steps.whats[-1] == "tiny could not be renewed and stays as it was"
    assert catalog.card("tiny").installed
    assert is_old(catalog)


def test_a_model_of_a_later_converter_is_not_old(catalog: Catalog, tmp_path: Path) -> None:
    grow_old(tmp_path / "home" / "models" / "tiny", CONVERTER_VERSIONS["chat"] + 1)

    assert not catalog.renewable("tiny")
    assert pulled(catalog).seen == []


def test_an_imported_model_is_never_old(catalog: Catalog, tmp_path: Path) -> None:
    asyncio.run(catalog.import_path(tmp_path / "tiny.gguf", Steps(), model="mine"))
    grow_old(tmp_path / "home" / "models" / "mine")

    assert not catalog.renewable("mine")
