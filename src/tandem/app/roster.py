"""The device's models as the gateway sees them for every request, without reading the disk for every request."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tandem.backends.device import DeviceModels
from tandem.catalog.catalog import Catalog
from tandem.core.models import ModelCard

_STALE_SECONDS = 2.0
"""Another process may change a note inside a model's folder; that is seen this late."""


class Roster:
    """The catalog's cards, read again when the folder of models changes, and who is loaded now."""

    def __init__(self, catalog: Catalog, device: DeviceModels, folder: Path) -> None:
        self._catalog = catalog
        self._device = device
        self._folder = folder
        self._cards: tuple[ModelCard, ...] = ()
        self._hashes: dict[str, str] = {}
        self._seen: tuple[int, float] = (-1, 0.0)

    def cards(self) -> Sequence[ModelCard]:
        """Every card of the catalog, as it is now."""
        return [replace(card, loaded=True) if self._is_loaded(card) else card for card in self._known()]

    def evidence(self, model: str) -> tuple[str, str]:
        """The sha256 of a model's weights, by its note, and the seal of its worker."""
        if model not in self._hashes:
            files = self._catalog.manifest(model).files
            weights = max((name for name in files if name.endswith((".data", ".onnx"))), default="")
            self._hashes[model] = f"sha256:{files[weights]}" if weights else ""
        return self._hashes[model], self._device.seal_of(model)

    def _is_loaded(self, card: ModelCard) -> bool:
        return card.installed and self._device.is_loaded(card.id)

    def _known(self) -> tuple[ModelCard, ...]:
        try:
            changed = self._folder.stat().st_mtime_ns
        except OSError:
            changed = 0
        now = time.monotonic()
        if changed != self._seen[0] or now - self._seen[1] > _STALE_SECONDS:
            self._cards = tuple(replace(card, loaded=False) for card in self._catalog.cards())
            self._hashes.clear()
            self._seen = (changed, now)
        return self._cards
