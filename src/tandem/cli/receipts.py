"""``tandem receipts``: what the ledger keeps of each answer, and whether anybody changed it since."""

import argparse
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tandem.cli.console import note, print_json, print_table
from tandem.cli.words import Words, size
from tandem.settings import read_settings

if TYPE_CHECKING:
    from tandem.ledger.keys import PublicKey
    from tandem.ledger.receipts import Head, Receipt
    from tandem.ledger.verify import Problem, Verdict

_SHOWN = ("answered", "refused", "failed", "broken", "left", "device", "cloud")
_SPANS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser, words: Words
) -> None:
    """Describe the command and its verbs."""
    parser = commands.add_parser("receipts", help=words("what left this machine, answer by answer, and the proof"))
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    listing = verbs.add_parser("list", parents=[common], help=words("the latest receipts"))
    listing.add_argument("--limit", type=_count, default=20, help=words("how many at most; 0 means all (default: 20)"))
    listing.add_argument("--since", type=_moment, default=0.0, help=words("2026-11-23, or 24h, 7d, 4w back from now"))
    form = listing.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help=words("one JSON document on standard output"))
    form.add_argument(
        "--jsonl", action="store_true", help=words("a receipt a line, oldest first, for others to verify")
    )
    listing.set_defaults(run=_list)
    verifying = verbs.add_parser("verify", parents=[common], help=words("find a changed, removed or moved receipt"))
    verifying.add_argument("--json", action="store_true", help=words("one JSON document on standard output"))
    verifying.add_argument(
        "--lines", type=Path, metavar="FILE", help=words("an export of `tandem receipts list --jsonl` instead")
    )
    verifying.add_argument(
        "--public-key",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help=words("trust this key instead of this machine's own; may be given again"),
    )
    ends = words("NUMBER:HASH that you kept earlier: the chain must go through it; may be given again")
    verifying.add_argument("--end", type=_end, action="append", default=[], metavar="NUMBER:HASH", help=ends)
    after = words("NUMBER:HASH that you verified earlier: only what came later is looked at")
    verifying.add_argument("--after", type=_end, metavar="NUMBER:HASH", help=after)
    verifying.add_argument(
        "--every-signature", action="store_true", help=words("check each signature by itself too: slower")
    )
    verifying.set_defaults(run=_verify)


def row(receipt: "Receipt") -> Mapping[str, Any]:
    """A receipt as JSON: what it says, its hash and its signature, the last two in hexadecimal."""
    return {"receipt": receipt.fields(), "hash": receipt.head.hash, "signature": receipt.signature.hex()}


def verdict_row(verdict: "Verdict") -> Mapping[str, Any]:
    """A verdict as JSON. ``problem`` is null where the chain is whole."""
    from tandem.ledger.heads import fingerprint

    problem = verdict.problem
    told = None
    if problem is not None:
        told = {
            "fault": problem.fault,
            "line": problem.seq,
            "since": problem.since,
            "why": _why(problem, Words("en")),
        }
    return {
        "ok": verdict.ok,
        "lines": verdict.lines,
        "end": fingerprint(verdict.end),
        "lost_lines": verdict.lost_lines,
        "pruned_through": verdict.pruned_through,
        "unchecked_ends": [fingerprint(end) for end in verdict.unchecked_ends],
        "problem": told,
    }


async def _list(options: argparse.Namespace, words: Words) -> int:
    import json

    from tandem.ledger.heads import fingerprint
    from tandem.ledger.reading import LedgerReader
    from tandem.ledger.verify import exported, own_public_key

    home = read_settings(options.config).home
    receipts = LedgerReader(home).receipts(options.limit or None, options.since)
    if options.jsonl:
        for receipt in reversed(receipts):
            print(json.dumps(exported(receipt)))
    elif options.json:
        end = receipts[0].head if receipts else None
        print_json(
            {
                "public_key": own_public_key(home).pem(),
                "end": end and fingerprint(end),
                "receipts": [row(receipt) for receipt in receipts],
            }
        )
    else:
        columns = ("No.", "Time", "Outcome", "Model", "Place", "Left", "Rules")
        rows = [_cells(receipt.seq, receipt.fields(), words) for receipt in receipts]
        print_table([words(column) for column in columns], rows)
    return 0


async def _verify(options: argparse.Namespace, words: Words) -> int:
    verdict = _verdict(options)
    if options.json:
        print_json(verdict_row(verdict))
    else:
        _tell(verdict, words)
    return 0 if verdict.ok else 1


def _verdict(options: argparse.Namespace) -> "Verdict":
    from contextlib import nullcontext

    from tandem.ledger.keys import read_public_key
    from tandem.ledger.verify import own_public_key, read_export, verify, verify_folder

    home = read_settings(options.config).home
    keys: Sequence[PublicKey] = [read_public_key(file) for file in options.public_key]
    if options.lines is None:
        return verify_folder(
            home, keys=keys, after=options.after, ends=options.end, every_signature=options.every_signature
        )
    file: Path = options.lines
    return verify(
        lambda: nullcontext(read_export(file)),
        keys or (own_public_key(home),),
        after=options.after,
        ends=options.end,
        every_signature=options.every_signature,
    )


def _tell(verdict: "Verdict", words: Words) -> None:
    from tandem.ledger.heads import fingerprint

    if verdict.problem is not None:
        note(words("The chain of receipts is broken."))
        print(_why(verdict.problem, words))
    else:
        print(words("{lines} receipts: the chain is whole.", lines=verdict.lines))
        print(
            words("It ends at {end}. Kept elsewhere, this finds what is cut off later.", end=fingerprint(verdict.end))
        )
    if verdict.pruned_through:
        print(words("Lines 1 to {seq} were let go by the owner, as a receipt says.", seq=verdict.pruned_through))
    if verdict.lost_lines:
        print(words("{count} answers left no line: the disk took none, as a receipt says.", count=verdict.lost_lines))
    for end in verdict.unchecked_ends:
        print(words("{end} lies before the first line that is here: not checked.", end=fingerprint(end)))


def _why(problem: "Problem", words: Words) -> str:
    sentences = {
        "changed": words("Line {seq} is not what was signed."),
        "removed": words("Lines {since} to {seq} are missing."),
        "moved": words("Line {seq} does not follow the line before it: it was moved, doubled or put in."),
        "foreign": words("Line {seq} is signed by a key that is not trusted here."),
        "cut": words("Lines {since} to {seq} are missing at the end."),
        "unknown end": words(
            "The signed end of the chain was taken away: lines after line {seq} may have been cut off."
        ),
        "other end": words("Line {seq} is not the one whose hash was kept."),
        "format": words("Line {seq} is in a form that this Tandem does not know."),
    }
    if problem.since == problem.seq:
        sentences["removed"] = words("Line {seq} is missing.")
        sentences["cut"] = words("The last line, {seq}, is missing.")
    return sentences[problem.fault].format(seq=problem.seq, since=problem.since)


def _cells(seq: int, body: Mapping[str, Any], words: Words) -> list[str]:
    at = datetime.fromtimestamp(body.get("at_us", 0) / 1e6).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    match body.get("kind"):
        case "gap":
            what = words("{count} answers left no line: the disk took none, as a receipt says.", count=body.get("lost"))
            return [str(seq), at, words("lost"), "", "", size(body.get("left_bytes", 0)), what]
        case "unended":
            what = words(
                "The signed end of the chain was taken away: lines after line {seq} may have been cut off.", seq=seq - 1
            )
            return [str(seq), at, "", "", "", "", what]
        case "pruned":
            what = words("Lines 1 to {seq} were let go by the owner, as a receipt says.", seq=body.get("through"))
            return [str(seq), at, words("pruned"), "", "", "", what]
        case _:
            left = size(body.get("left_bytes", 0))
            outcome, place = (_shown(body.get(name), words) for name in ("outcome", "place"))
            return [str(seq), at, outcome, body.get("model", ""), place, left, ", ".join(body.get("because", ()))]


def _shown(name: object, words: Words) -> str:
    return words(name) if isinstance(name, str) and name in _SHOWN else str(name or "")


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no count: give 0, 1, 2 ...")
    return int(text)


def _moment(text: str) -> float:
    """Unix seconds of a date, of a date and time (local where no zone is named), or of a span back from now."""
    if text[:-1].isdecimal() and text[-1] in _SPANS:
        return (datetime.now(UTC) - timedelta(**{_SPANS[text[-1]]: int(text[:-1])})).timestamp()
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no moment: give 2026-11-23, 2026-11-23T08:00 or 24h") from error


def _end(text: str) -> "Head":
    from tandem.ledger.heads import parse_fingerprint

    try:
        return parse_fingerprint(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
