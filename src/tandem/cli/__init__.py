"""The command line: parse, call, print. Exit status 0 is done, 1 the work failed, 2 wrong use."""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tandem import __version__
from tandem.cli import ask, doctor, models, policy, receipts, route, serve
from tandem.cli.console import fail, note, prepare_streams
from tandem.cli.words import Words
from tandem.core.errors import SettingsError, TandemError
from tandem.settings import language_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit status."""
    words = Words(language_of())
    prepare_streams()
    options = _parser(words).parse_args(arguments)
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING, format="%(message)s")
    try:
        with asyncio.Runner(loop_factory=getattr(options, "new_loop", None)) as runner:
            status: int = runner.run(options.run(options, words))
        sys.stdout.flush()
    except SettingsError as error:
        fail(words, error.message)
        return 2
    except TandemError as error:
        fail(words, error.message)
        return 1
    except KeyboardInterrupt:
        note(words("stopped"))
        return 130
    except BrokenPipeError:
        # The reader of our output left; what was asked for is done as far as anybody sees.
        _drop_output()
        return 0
    except OSError as error:
        # Files and pipes that the commands themselves read and write; rooms translate their own.
        place = f" ({error.filename})" if error.filename else ""
        fail(words, f"{error.strerror or error}{place}")
        _drop_output()
        return 1
    return status


def _drop_output() -> None:
    """Let go of what standard output could not take, so that the interpreter does not try again at its end."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - the process ends here


def _parser(words: Words) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tandem", description=words("A small model on your device and a large one far away, riding as one.")
    )
    parser.add_argument("--version", action="version", version=f"tandem {__version__}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", type=Path, help=words("a configuration file instead of ./tandem.toml"))
    common.add_argument("--verbose", action="store_true", help=words("tell more on standard error"))
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for room in (serve, ask, models, route, policy, receipts, doctor):
        room.add_parser(commands, common, words)
    return parser
