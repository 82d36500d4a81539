"""``tandem route``: who would answer, and why; nothing is loaded and nothing is sent."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tandem.cli.console import note, print_json, print_table
from tandem.cli.words import Words
from tandem.settings import read_settings


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser, words: Words
) -> None:
    """Describe the command."""
    parser = commands.add_parser("route", parents=[common], help=words("who would answer, and why; nothing is sent"))
    parser.add_argument("text", nargs="?", metavar="TEXT|-", help=words("what to ask; - reads standard input"))
    parser.add_argument("--jsonl", metavar="FILE|-", help=words("one JSON object a line, with text or messages"))
    parser.add_argument("--policy", metavar="NAME", help=words("a policy (default: the configured one)"))
    parser.add_argument("--private", action="store_true", help=words("nothing of it may leave this machine"))
    parser.add_argument("--json", action="store_true", help=words("one JSON document on standard output"))
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace, words: Words) -> int:
    """Decide, and tell."""
    from tandem.app import deciding_only
    from tandem.app.route import request_of_text, routed, routed_lines

    if (options.text is None) == (options.jsonl is None):
        note(words("Give one of the two: the text, or --jsonl with a file."))
        return 2
    async with deciding_only(read_settings(options.config)) as gateway:
        if options.jsonl is not None:
            failed = 0
            for result in routed_lines(gateway, _lines(options.jsonl), options.policy):
                failed += "error" in result
                print(json.dumps(result, ensure_ascii=False))
            return 1 if failed else 0
        text = sys.stdin.buffer.read().decode("utf-8-sig") if options.text == "-" else options.text
        document = routed(gateway, request_of_text(text, private=options.private), options.policy)
    if options.json:
        print_json(document)
    else:
        _tell(document, words)
    return 0


def _lines(file: str) -> list[bytes]:
    raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    return [line for line in raw.removeprefix(b"\xef\xbb\xbf").splitlines() if line.strip()]


def _tell(document: dict[str, Any], words: Words) -> None:
    facts = document["facts"]
    if "refusal" in document:
        print(words("Nobody may answer."))
    else:
        place = words("on this device") if document["place"] == "device" else words("in the cloud")
        print(words("{model} answers, {place}.").format(model=document["model"], place=place))
    rows = [(words("policy"), document["policy"]), (words("order"), " → ".join(document["order"]) or "-")]
    rows += [
        (one["rule"], one["detail"] + (f"  ✕ {', '.join(one['removed'])}" if one["removed"] else ""))
        for one in document["because"]
    ]
    rows += [
        (words("task"), facts["task"]),
        (words("difficulty"), f"{facts['difficulty']:.2f}"),
        (words("prompt tokens, about"), str(facts["prompt_tokens"])),
    ]
    rows += [(one["label"], f"{one['start']}-{one['end']}") for one in facts["private"]]
    print_table(("", ""), rows)
    if "leaves" in document:
        print(words("This is what would leave:"))
        for message in document["leaves"]["messages"]:
            print(f"  {message}")
