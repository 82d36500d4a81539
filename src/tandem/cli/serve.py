"""``tandem serve``: one endpoint on one port, over the models of this device."""

import argparse
import asyncio
import logging

from tandem.cli.console import note, progress_shown
from tandem.cli.words import Words
from tandem.core.errors import CatalogError
from tandem.settings import Settings, read_settings


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser, words: Words
) -> None:
    """Describe the command."""
    parser = commands.add_parser("serve", parents=[common], help=words("answer on one port"))
    parser.add_argument("--host", help=words("the address to listen on (default: 127.0.0.1)"))
    parser.add_argument("--port", type=int, help=words("the port to listen on (default: 8000)"))
    parser.set_defaults(run=run, new_loop=_new_loop)


async def run(options: argparse.Namespace, words: Words) -> int:
    """Fetch what is missing, then answer until stopped."""
    from tandem.app import check_address, serve

    # One line for each request: who answered, by which rule, how many tokens, how long. Never the text.
    logging.getLogger("tandem.server.door").setLevel(logging.INFO)
    settings = read_settings(options.config, host=options.host, port=options.port)
    check_address(settings)
    if settings.not_yet_used:
        sections = ", ".join(f"[{name}]" for name in settings.not_yet_used)
        note(
            words(
                "Read but not yet used in this version: {sections}. Every answer comes from this device.",
                sections=sections,
            )
        )
    await _fetch_missing(settings, words)
    await serve(settings, lambda url: _greet(url, words))
    return 0


def _new_loop() -> asyncio.AbstractEventLoop:
    from tandem.server.running import new_event_loop

    return new_event_loop()


async def _fetch_missing(settings: Settings, words: Words) -> None:
    """Pull the default model, and the embedder where it can be had: chat works without it. Old ones are renewed."""
    from tandem.app import open_catalog

    catalog = open_catalog(settings)
    installed = {card.id for card in catalog.cards() if card.installed}
    for model, needed in ((settings.device.model, True), (settings.device.embedder, False)):
        if model in installed and not catalog.renewable(model):
            continue
        if model in installed:
            note(words("{model} was made by an earlier version: making it anew once.", model=model))
        else:
            note(words("{model} is not here yet: fetching it once.", model=model))
        try:
            with progress_shown() as progress:
                await catalog.pull(model, progress)
        except CatalogError as error:
            if needed:
                raise
            note(error.message)


def _greet(url: str, words: Words) -> None:
    note(words("Tandem answers on {url}", url=url))
    note(f"  {words('home page')}: {url}/")
    note(f"  OpenAI base URL: {url}/v1")
    note(words("Press Ctrl-C to stop."))
