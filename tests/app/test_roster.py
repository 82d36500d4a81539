"""The roster of this device: read once, and again when a file says that something changed."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from support.gateways import NEAR, ScriptedBackend
from tandem.app import roster
from tandem.app.roster import Roster
from tandem.backends.device import DeviceModels
from tandem.catalog.catalog import Catalog
from tandem.core.models import ModelCard
from tandem.core.ports import Backend


@dataclass
class FakeCatalog:
    """Remembers how often it was read."""

    found: Sequence[ModelCard]
    reads: int = 0

    def cards(self) -> Sequence[ModelCard]:
        self.reads += 1
        return self.found


@dataclass
class FakeDevice:
    """Knows which models have a worker."""

    loaded: set[str] = field(default_factory=set[str])

    def is_loaded(self, model: str) -> bool:
        return model in self.loaded


@dataclass
class Scene:
    """A roster over fakes, and a clock that only the test moves."""

    folder: Path
    catalog: FakeCatalog
    device: FakeDevice
    roster: Roster
    opened: list[str]
    now: float = 100.0

    def later(self) -> None:
        self.now += 1.0

    def touch(self, path: Path, seconds: int) -> None:
        os.utime(path, (seconds, seconds))


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    note = tmp_path / NEAR.id / "tandem.json"
    note.parent.mkdir()
    note.write_text("{}")
    opened: list[str] = []

    def open_backend(model: str) -> Backend:
        opened.append(model)
        return ScriptedBackend(NEAR)

    catalog, device = FakeCatalog([NEAR]), FakeDevice()
    made = Roster(cast("Catalog", catalog), cast("DeviceModels", device), tmp_path, open_backend)
    scene = Scene(folder=tmp_path, catalog=catalog, device=device, roster=made, opened=opened)
    monkeypatch.setattr(roster, "monotonic", lambda: scene.now)
    made.cards()
    scene.later()
    made.cards()
    return scene


def test_cards_stay_the_same_sequence_and_are_not_read_again_while_nothing_changes(scene: Scene) -> None:
    cards, reads = scene.roster.cards(), scene.catalog.reads
    scene.later()

    assert scene.roster.cards() is cards
    assert scene.catalog.reads == reads


def test_a_model_that_comes_is_seen_by_the_folder(scene: Scene) -> None:
    scene.catalog.found = [NEAR, ModelCard(id="phi", kind="chat", place="device", context_tokens=1, source="test")]
    scene.touch(scene.folder, 5)
    scene.later()

    assert [card.id for card in scene.roster.cards()] == [NEAR.id, "phi"]


def test_a_note_that_is_written_anew_is_seen_too(scene: Scene) -> None:
    reads = scene.catalog.reads
    scene.touch(scene.folder / NEAR.id / "tandem.json", 5)
    scene.later()
    scene.roster.cards()

    assert scene.catalog.reads == reads + 1


def test_within_a_quarter_of_a_second_nobody_looks_at_the_disk(scene: Scene) -> None:
    scene.later()
    scene.roster.cards()
    reads = scene.catalog.reads
    scene.touch(scene.folder, 5)
    scene.now += 0.2

    scene.roster.cards()

    assert scene.catalog.reads == reads


def test_a_worker_that_starts_or_ends_shows_at_once(scene: Scene) -> None:
    assert [card.loaded for card in scene.roster.cards()] == [False]

    scene.device.loaded.add(NEAR.id)
    assert [card.loaded for card in scene.roster.cards()] == [True]

    scene.device.loaded.clear()
    assert [card.loaded for card in scene.roster.cards()] == [False]


def test_a_backend_is_made_once_until_something_changes(scene: Scene) -> None:
    first = scene.roster.backend(NEAR.id)
    assert scene.roster.backend(NEAR.id) is first

    scene.touch(scene.folder, 5)
    scene.later()

    assert scene.roster.backend(NEAR.id) is not first
    assert scene.opened == [NEAR.id, NEAR.id]
