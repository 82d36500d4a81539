"""``tandem models``: what can run here, and getting it."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tandem.cli.console import note, print_json, print_table, progress_shown
from tandem.cli.words import Words, size
from tandem.core.errors import CatalogError, Unavailable
from tandem.core.models import ModelCard
from tandem.settings import read_settings

if TYPE_CHECKING:
    from tandem.catalog.foundry import FoundryShop


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser, words: Words
) -> None:
    """Describe the command and its verbs."""
    parser = commands.add_parser("models", help=words("what can run here, and getting it"))
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, help_text: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, parents=[common], help=words(help_text))
        added.add_argument("--json", action="store_true", help=words("one JSON document on standard output"))
        added.set_defaults(run=_RUN[name])
        return added

    listing = verb("list", "every model of the catalog")
    listing.add_argument("--refresh", action="store_true", help=words("ask Foundry's catalog over the network again"))
    listing.add_argument(
        "--providers",
        action="store_true",
        help=words("the execution providers that Foundry Local could use here instead"),
    )
    verb("show", "one model, whole").add_argument("id")
    verb("pull", "fetch models and make them ready").add_argument("ids", nargs="+", metavar="ID")
    importing = verb("import", "make FILE.gguf, or a folder with genai_config.json, a model of the catalog")
    importing.add_argument("path", type=Path)
    importing.add_argument("--id", help=words("its name in the catalog (default: from the file)"))
    importing.add_argument("--precision", choices=("int4", "int8"), default="int4", help=words("for GGUF files"))
    verb("rm", "remove an installed model").add_argument("id")


def row(card: ModelCard) -> dict[str, object]:
    """A card as the contract's JSON."""
    return {
        "id": card.id,
        "kind": card.kind,
        "place": card.place,
        "installed": card.installed,
        "loaded": card.loaded,
        "path": card.path,
        "bytes": card.size_bytes,
        "context_tokens": card.context_tokens,
        "source": card.source,
        "licence": card.licence,
    }


async def _list(options: argparse.Namespace, words: Words) -> int:
    from tandem.app import open_catalog

    catalog = open_catalog(read_settings(options.config))
    if options.providers:
        return await _list_providers(catalog.foundry, options, words)
    if options.refresh:
        try:
            with progress_shown() as progress:
                await catalog.foundry.refresh(progress)
        except (CatalogError, Unavailable) as error:
            note(error.message)
    cards = catalog.cards()
    if options.json:
        print_json([row(card) for card in cards])
        return 0
    columns = ("Id", "Kind", "State", "Size", "Context", "Source", "Licence")
    print_table([words(column) for column in columns], [_cells(card, words) for card in cards])
    return 0


async def _list_providers(foundry: "FoundryShop", options: argparse.Namespace, words: Words) -> int:
    with progress_shown() as progress:
        providers = await foundry.providers(progress)
    if options.json:
        print_json([{"name": one.name, "registered": one.registered} for one in providers])
        return 0
    states = [words("registered" if one.registered else "not registered") for one in providers]
    print_table(
        [words("Id"), words("State")], [(one.name, state) for one, state in zip(providers, states, strict=True)]
    )
    return 0


def _cells(card: ModelCard, words: Words) -> list[str]:
    state = "loaded" if card.loaded else "installed" if card.installed else "not installed"
    context = f"{card.context_tokens:,}".replace(",", " ") if card.context_tokens else ""
    return [card.id, words(card.kind), words(state), size(card.size_bytes), context, card.source, card.licence]


async def _show(options: argparse.Namespace, words: Words) -> int:
    from tandem.app import open_catalog

    catalog = open_catalog(read_settings(options.config))
    card = catalog.card(options.id)
    shown = row(card) | {
        "name": card.name,
        "description": card.description,
        "dimensions": card.dimensions,
        "abilities": sorted(card.abilities),
        "variants": [
            {"id": one.id, "device": one.device, "provider": one.provider, "bytes": one.size_bytes}
            for one in catalog.foundry.variants(options.id)
        ],
    }
    if options.json:
        print_json(shown)
    else:
        print_table(("", ""), [(key, _plain(value, words)) for key, value in shown.items()])
    return 0


def _plain(value: object, words: Words) -> str:
    if isinstance(value, bool):
        return words("yes" if value else "no")
    if isinstance(value, dict):
        return " ".join(_plain(part, words) for part in cast("dict[str, object]", value).values())
    if isinstance(value, list):
        return ", ".join(_plain(item, words) for item in cast("list[object]", value))
    return "" if value is None else str(value)


async def _pull(options: argparse.Namespace, words: Words) -> int:
    from tandem.app import open_catalog

    catalog = open_catalog(read_settings(options.config))
    cards: list[ModelCard] = []
    for model in options.ids:
        with progress_shown() as progress:
            cards.append(await catalog.pull(model, progress))
        note(words("{model} is ready in {path}", model=model, path=cards[-1].path))
    if options.json:
        print_json([row(card) for card in cards] if len(cards) > 1 else row(cards[0]))
    return 0


async def _import(options: argparse.Namespace, words: Words) -> int:
    from tandem.app import open_catalog

    catalog = open_catalog(read_settings(options.config))
    with progress_shown() as progress:
        card = await catalog.import_path(options.path, progress, model=options.id, precision=options.precision)
    note(words("{model} is ready in {path}", model=card.id, path=card.path))
    if options.json:
        print_json(row(card))
    return 0


async def _rm(options: argparse.Namespace, words: Words) -> int:
    from tandem.app import open_catalog

    catalog = open_catalog(read_settings(options.config))
    with progress_shown() as progress:
        removed = await catalog.remove(options.id, progress)
    note(words("{model} is removed; {size} are free again.", model=removed.id, size=size(removed.freed_bytes)))
    if options.json:
        print_json(asdict(removed))
    return 0


_RUN = {"list": _list, "show": _show, "pull": _pull, "import": _import, "rm": _rm}
