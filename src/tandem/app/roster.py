"""The device's models as the gateway sees them for every request, without reading the disk for every request."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic

from tandem.backends.device import DeviceModels
from tandem.catalog.catalog import Catalog
from tandem.catalog.manifest import MANIFEST_NAME
from tandem.core.models import ModelCard
from tandem.core.ports import Backend

_GLANCE_SECONDS = 0.25
"""How long a look is good for: what another process changes is seen this late."""


class Roster:
    """The catalog's cards, read again when the folder of models or a note in it changes, and who is loaded now.

    ``open_backend`` makes the backend of an installed model from its note.
    """

    def __init__(
        self, catalog: Catalog, device: DeviceModels, folder: Path, open_backend: Callable[[str], Backend]
    ) -> None:
        self._catalog = catalog
        self._device = device
        self._folder = folder
        self._open_backend = open_backend
        self._known: tuple[ModelCard, ...] = ()
        self._shown: tuple[ModelCard, ...] = ()
        self._loaded: frozenset[str] = frozenset()
        self._hashes: dict[str, str] = {}
        self._backends: dict[str, Backend] = {}
        self._changed_ns: Sequence[int] = ()
        self._looked_at = -_GLANCE_SECONDS

    def cards(self) -> Sequence[ModelCard]:
        """Every card of the catalog, as it is now: the same sequence for as long as nothing changes."""
        self._look()
        loaded = frozenset(card.id for card in self._known if card.installed and self._device.is_loaded(card.id))
        if loaded != self._loaded or not self._shown:
            self._loaded = loaded
            self._shown = tuple(replace(card, loaded=card.id in loaded) for card in self._known)
        return self._shown

    def backend(self, model: str) -> Backend:
        """An installed model's backend. Raises as ``open_backend`` does."""
        self._look()
        found = self._backends.get(model)
        if found is None:
            found = self._backends[model] = self._open_backend(model)
        return found

    def evidence(self, model: str) -> tuple[str, str]:
        """The sha256 of a model's weights, by its note, and the seal of its worker."""
        if model not in self._hashes:
            files = self._catalog.manifest(model).files
            weights = max((name for name in files if name.endswith((".data", ".onnx"))), default="")
            self._hashes[model] = f"sha256:{files[weights]}" if weights else ""
        return self._hashes[model], self._device.seal_of(model)

    def _look(self) -> None:
        """Read the cards again where files have changed. Looking asks for times of change and opens nothing."""
        now = monotonic()
        if now - self._looked_at < _GLANCE_SECONDS:
            return
        self._looked_at = now
        changed_ns = self._times_of_change()  # asked before reading: what changes meanwhile is seen at the next look
        if changed_ns == self._changed_ns:
            return
        self._known, self._shown = tuple(self._catalog.cards()), ()
        self._hashes.clear()
        self._backends.clear()
        self._changed_ns = changed_ns

    def _times_of_change(self) -> Sequence[int]:
        """Of the folder, and of the note in each model that is installed; 0 where there is none."""
        notes = [self._folder / card.id / MANIFEST_NAME for card in self._known if card.installed]
        return [_changed_ns(path) for path in (self._folder, *notes)]


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
