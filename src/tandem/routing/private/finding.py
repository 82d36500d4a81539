"""One private thing found in a text, and how overlapping findings are settled without losing any of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

LABELS: Final = (
    "TERM",
    "SECRET",
    "IBAN",
    "CREDIT_CARD",
    "EMAIL",
    "PESEL",
    "ID_CARD",
    "PASSPORT",
    "SSN",
    "NATIONAL_ID",
    "NIP",
    "REGON",
    "BANK_ACCOUNT",
    "DATE_OF_BIRTH",
    "PHONE",
    "IP_ADDRESS",
    "ADDRESS",
    "PERSON",
)
"""Every label, the more specific first: where two findings overlap, the earlier label wins."""

_RANK: Final = {label: rank for rank, label in enumerate(LABELS)}
_KEEPS_ITS_REST: Final = frozenset({"TERM", "SECRET", "ADDRESS", "PERSON"})


@dataclass(frozen=True, slots=True)
class Finding:
    """``text[start:end]`` is private. Positions count Unicode code points of the text that was given.

    ``weak``: a name that by itself identifies nobody, such as a lone given name.
    """

    label: str
    start: int
    end: int
    weak: bool = False


def settle(found: Iterable[Finding], text: str) -> tuple[Finding, ...]:
    """The findings sorted and without overlap.

    The more specific label wins, then the longer finding. What a lost name, address, term or secret covered beyond its
    winner stays covered under its own label: part of a secret is still a secret.
    """
    items = sorted(found, key=lambda item: item.start)
    if all(one.end <= other.start for one, other in pairwise(items)):
        return tuple(items)
    ordered = sorted(_joined(items), key=lambda item: (_RANK[item.label], item.start - item.end, item.start))
    taken = bytearray(max(item.end for item in ordered))
    kept: list[Finding] = []
    for item in ordered:
        if 1 not in taken[item.start : item.end]:
            kept.append(item)
        elif item.label in _KEEPS_ITS_REST:
            kept.extend(_rest(item, taken, text))
        else:
            continue
        taken[item.start : item.end] = b"\1" * (item.end - item.start)
    return tuple(sorted(kept, key=lambda item: item.start))


def _joined(found: Iterable[Finding]) -> Iterable[Finding]:
    """Overlapping names, addresses, terms or secrets of one label made one; ``found`` comes in order."""
    open_ones: dict[str, Finding] = {}
    for item in found:
        if item.label not in _KEEPS_ITS_REST:
            yield item
            continue
        last = open_ones.get(item.label)
        if last is not None and item.start < last.end:
            open_ones[item.label] = Finding(
                item.label, last.start, max(last.end, item.end), weak=last.weak and item.weak
            )
            continue
        if last is not None:
            yield last
        open_ones[item.label] = item
    yield from open_ones.values()


def _rest(item: Finding, taken: bytearray, text: str) -> Iterable[Finding]:
    """The parts of ``item`` that no winner covers and that hold a letter or a digit."""
    at = item.start
    while at < item.end:
        if taken[at]:
            at += 1
            continue
        end = taken.find(1, at, item.end)
        end = item.end if end < 0 else end
        inner = [place for place in range(at, end) if text[place].isalnum()]
        if inner:
            yield Finding(item.label, inner[0], inner[-1] + 1, weak=item.weak)
        at = end
