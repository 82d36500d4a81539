"""``tandem policy check``: reads every policy, says what it does, and proves that it keeps what is private."""

import argparse
from typing import Any

from tandem.cli.console import print_json, print_table
from tandem.cli.words import Words
from tandem.settings import read_settings


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser, words: Words
) -> None:
    """Describe the command and its verb."""
    parser = commands.add_parser("policy", help=words("the rules that choose who answers"))
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    check = verbs.add_parser("check", parents=[common], help=words("validate every policy and prove its privacy"))
    check.add_argument("--json", action="store_true", help=words("one JSON document on standard output"))
    check.set_defaults(run=run)


async def run(options: argparse.Namespace, words: Words) -> int:
    """Check, and tell. Status 1 where a counter-example was found or a policy cannot work."""
    from tandem.app import deciding_only
    from tandem.app.checking import checked

    settings = read_settings(options.config)
    async with deciding_only(settings) as gateway:
        document = checked(settings, gateway)
    if options.json:
        print_json(document)
    else:
        _tell(document, words)
    return 0 if document["ok"] else 1


def _tell(document: dict[str, Any], words: Words) -> None:
    rows = [
        (f"auto:{one['name']}" + (" *" if one["default"] else ""), one["hash"], " > ".join(one["rules"]))
        for one in document["policies"]
    ]
    print_table((words("policy"), words("hash"), words("rules, later ones weigh more")), rows)
    print(words("Guards of every policy: {guards}").format(guards=", ".join(document["guards"])))
    for warning in document["warnings"]:
        print(f"! {warning}")
    proof = document["proof"]
    sentence = (
        "Proved: of {decisions} decisions gone through, {locked} were about text that must stay; none sent it away."
        if proof["holds"]
        else "NOT proved: these facts would send away text that must stay."
    )
    print(words(sentence).format(decisions=proof["decisions"], locked=proof["locked"]))
    for example in proof["counter_examples"]:
        print(f"  {example['policy']}: {', '.join(example['reached'])} ({example['why_locked']}) {example['facts']}")
