"""``tandem doctor``: what works here, what does not, and the remedy."""

import argparse
from dataclasses import asdict

from tandem.cli.console import print_json, print_table
from tandem.cli.words import Words
from tandem.settings import read_settings


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser, words: Words
) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "doctor", parents=[common], help=words("what works here, what does not, and the remedy")
    )
    parser.add_argument("--json", action="store_true", help=words("one JSON document on standard output"))
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace, words: Words) -> int:
    """Examine the machine and print the report. The status is 1 where something needs attention to serve at all."""
    from tandem.doctor import examine

    report = await examine(read_settings(options.config))
    if options.json:
        print_json(asdict(report))
    else:
        rows = [(c.name, words("ok" if c.ok else "attention"), c.detail, c.remedy) for c in report.checks]
        print_table([words("Check"), words("Result"), "", words("Remedy")], rows)
        if report.workers:
            print_table(
                [words("models"), "pid", words("seal")], [(w.model, str(w.pid), w.seal) for w in report.workers]
            )
    vital = {"python", "data folder", "engine"}
    return 1 if any(not check.ok and check.name in vital for check in report.checks) else 0
