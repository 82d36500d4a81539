"""The catalog: every model that can be had here, and getting, importing and removing them.

What is installed is read from the disk each time, so several processes agree. Listing opens no connection.
"""

import asyncio
import contextlib
import difflib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tandem.catalog.foundry import PUBLIC_CATALOG, FoundryShop
from tandem.catalog.install import Arrival, install_embedded, install_folder, install_gguf
from tandem.catalog.locks import hold, hold_at_once
from tandem.catalog.manifest import Manifest, card_of, is_outdated, read_manifest, sha256_of
from tandem.catalog.names import checked_id, slug
from tandem.catalog.shelf import Shelf, disk_errors_as_ours
from tandem.catalog.sources import EMBEDDED, Embedded
from tandem.catalog.wheels import WheelStore
from tandem.core.errors import BadRequest, CatalogError, CorruptFile, NotFound, Offline, Unavailable
from tandem.core.models import ModelCard
from tandem.core.ports import Progress

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What `Catalog.remove` did. ``freed_bytes`` counts the model and a kept download that nothing else needs."""

    id: str
    freed_bytes: int
    can_be_pulled_again: bool


class Catalog:
    """The models of one data folder, ``home``. With ``offline`` set, nothing here tries a connection.

    ``foundry`` is the address of Foundry Local's catalog, the public one or a company's own.
    """

    def __init__(
        self,
        home: Path,
        *,
        offline: bool = False,
        embedded: tuple[Embedded, ...] = EMBEDDED,
        foundry: str = PUBLIC_CATALOG,
    ) -> None:
        self._shelf = Shelf(home)
        self._embedded = {source.id: source for source in embedded}
        self._wheels = WheelStore(self._shelf, offline=offline)
        self.foundry = FoundryShop(self._shelf, offline=offline, address=foundry)

    def cards(self) -> tuple[ModelCard, ...]:
        """What is installed or can be had: the embedded models first, then what else is installed, then the rest."""
        cards = {card.id: card for card in self.foundry.cards()}
        cards |= {source.id: _card_to_come(source) for source in self._embedded.values()}
        cards |= {name: card_of(note, self._shelf.folder(name)) for name, note in self._shelf.installed().items()}
        order = {name: place for place, name in enumerate(self._embedded)}
        return tuple(
            sorted(cards.values(), key=lambda card: (order.get(card.id, len(order)), not card.installed, card.id))
        )

    def card(self, model: str) -> ModelCard:
        """The card of one model. Raises `NotFound` where no source has it."""
        with contextlib.suppress(CorruptFile):  # such a model is hidden: what it was pulled from may still be known
            if _could_be_id(model) and (note := read_manifest(self._shelf.folder(model))) is not None:
                return card_of(note, self._shelf.folder(model))
        cards = {card.id: card for card in self.cards()}
        if model in cards:
            return cards[model]
        near = difflib.get_close_matches(model, cards, n=1)
        hint = f' Did you mean "{near[0]}"?' if near else ""
        raise NotFound(f'There is no model "{model}" in the catalog.{hint} See `tandem models list`.', param="model")

    def manifest(self, model: str) -> Manifest:
        """The note of an installed model.

        Raises `Unavailable` where it can be had but is not installed, `NotFound` where no source has it, and
        `CorruptFile` where its note cannot be read.
        """
        if _could_be_id(model) and (note := read_manifest(self._shelf.folder(model))) is not None:
            return note
        self.card(model)
        raise Unavailable(f"{model} is not installed. Get it with `tandem models pull {model}`.")

    def folder(self, model: str) -> Path:
        """The folder of an installed model. Raises as `manifest` does."""
        self.manifest(model)
        return self._shelf.folder(model)

    def renewable(self, model: str) -> bool:
        """Whether an earlier converter made this installed model of ours, and `pull` renews it from a kept download."""
        source = self._embedded.get(model)
        note = self._shelf.installed().get(model) if source else None
        return bool(source and note and is_outdated(note) and self._wheels.path(source.wheel).is_file())

    async def pull(self, model: str, progress: Progress) -> ModelCard:
        """Get a model, or find that it is here already. A failure leaves nothing behind.

        A model of Tandem's own that an earlier converter made is made anew; where that fails, it stays as it was.
        Raises `Offline`, `CorruptFile`, `ConversionFailed` or another `CatalogError`, and `NotFound` for an unknown id.
        """
        source = self._embedded.get(model)
        if source is None:
            return await self._pull_other(model, progress)
        with disk_errors_as_ours(f"Installing {model}", self._shelf.home):
            async with hold(self._shelf.lock(model), model, progress):
                note = self._shelf.installed().get(model)
                if note is None:
                    await install_embedded(self._shelf, self._wheels, source, progress)
                elif is_outdated(note):
                    await self._renew(source, progress)
        return self.card(model)

    async def import_path(
        self,
        path: Path,
        progress: Progress,
        *,
        model: str | None = None,
        precision: Literal["int4", "int8"] = "int4",
    ) -> ModelCard:
        """Make a GGUF file, or a folder with ``genai_config.json``, a model of the catalog under the id ``model``.

        Without ``model`` the id is made of the name that the file or folder has. ``precision`` is for GGUF files.
        Raises `BadRequest` for an id that is taken or cannot be, `ConversionFailed` where the file cannot become a
        model, `CatalogError` where the disk refuses.
        """
        with disk_errors_as_ours(f"Importing {path}", self._shelf.home):
            arrival = await asyncio.to_thread(_arrival, path, model, precision)
            self._refuse_taken(arrival.id)
            async with hold(self._shelf.lock(arrival.id), arrival.id, progress):
                self._refuse_taken(arrival.id)
                install = install_gguf if arrival.precision else install_folder
                await install(self._shelf, path, arrival, progress)
        return self.card(arrival.id)

    async def damaged_files(self, model: str) -> tuple[str, ...]:
        """The files of an installed model that are missing or no longer what they were when it was installed.

        Reads every byte. Raises as `manifest` does; empty where all is well, or where nothing was noted.
        """
        note, folder = self.manifest(model), self._shelf.folder(model)

        def whole(name: str) -> bool:
            path = folder / name
            return path.is_file() and sha256_of(path) == note.files[name]

        return await asyncio.to_thread(lambda: tuple(name for name in note.files if not whole(name)))

    async def remove(self, model: str, progress: Progress) -> Removed:
        """Remove an installed model, and a kept download that nothing else needs.

        Raises `NotFound` where none of that id is installed, `Busy` while another Tandem is installing it.
        """
        if not _could_be_id(model) or not self._shelf.folder(model).is_dir():
            self.card(model)
            raise NotFound(f"{model} is not installed, so there is nothing to remove.", param="model")
        progress(0, 0, f"Removing {model}")
        with disk_errors_as_ours(f"Removing {model}", self._shelf.home), hold_at_once(self._shelf.lock(model), model):
            freed = await asyncio.to_thread(self._shelf.take_away, model)
            freed += self._forget_download(model)
        again = model in self._embedded or any(card.id == model for card in self.foundry.cards())
        return Removed(id=model, freed_bytes=freed, can_be_pulled_again=again)

    async def _renew(self, source: Embedded, progress: Progress) -> None:
        try:
            with disk_errors_as_ours(f"Renewing {source.id}", self._shelf.home):
                await install_embedded(self._shelf, self._wheels, source, progress)
        except CatalogError as error:
            log.warning("%s stays as an earlier version made it: %s", source.id, error)
            progress(0, 0, f"{source.id} could not be renewed and stays as it was")

    async def _pull_other(self, model: str, progress: Progress) -> ModelCard:
        if _could_be_id(model) and model in self._shelf.installed():
            return self.card(model)
        try:
            return self.card(await self.foundry.pull(model, progress))
        except (Offline, Unavailable):
            self.card(model)  # a name that nobody knows is not found, whether or not Foundry Local can be asked
            raise

    def _refuse_taken(self, model: str) -> None:
        if model in self._embedded:
            raise BadRequest(f"{model} is an id of Tandem's own. Choose another with --id.", param="id")
        if self._shelf.folder(model).exists():
            raise BadRequest(
                f"There is a model {model} already. Choose another id with --id, or remove it with "
                f"`tandem models rm {model}`.",
                param="id",
            )

    def _forget_download(self, model: str) -> int:
        """Delete the wheel a removed model came from, unless another installed model came from it too."""
        source = self._embedded.get(model)
        if source is None:
            return 0
        installed = self._shelf.installed()
        if any(other.id in installed for other in self._embedded.values() if other.wheel is source.wheel):
            return 0
        return self._wheels.forget(source.wheel)


def _could_be_id(model: str) -> bool:
    try:
        return checked_id(model) == model
    except BadRequest:
        return False


def _arrival(path: Path, model: str | None, precision: str) -> Arrival:
    """Read just enough of what is to be imported to name it."""
    if path.is_dir():
        name = path.resolve().name
        return Arrival(id=checked_id(model or slug(name)), name=name, source=f"folder {name}")
    from tandem.catalog.convert import read_gguf_header

    facts = read_gguf_header(path)
    name = facts.name or path.stem
    return Arrival(
        id=checked_id(model or slug(name)),
        name=name,
        source=f"file {path.name}",
        licence=facts.licence,
        precision=precision,
    )


def _card_to_come(source: Embedded) -> ModelCard:
    return ModelCard(
        id=source.id,
        kind=source.kind,
        place="device",
        context_tokens=source.context_tokens,
        source=source.source,
        name=source.name,
        description=source.description,
        licence=source.licence,
        size_bytes=source.made_bytes,
        dimensions=source.dimensions,
        abilities=frozenset({"json_schema", "logprobs"}) if source.kind == "chat" else frozenset(),
    )
