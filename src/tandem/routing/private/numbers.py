"""Numbers with a control digit, in one pass over the digits: PESEL, NIP, REGON, bank accounts, payment cards."""

import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from tandem.routing.private import checksums
from tandem.routing.private.cues import Kinds, Reader, denies
from tandem.routing.private.finding import Finding

_RUN: Final = re.compile(r"[0-9](?<![0-9].)(?=[0-9 .\-/]{7})[0-9]*(?:(?: - |[ .\-/]| {2})[0-9]+)*+")
_GROUP: Final = re.compile(r"[0-9]+")
_MONEY: Final = re.compile(r"\s?(?:zł|pln|eur|usd|gbp|chf|€|\$|£|%|szt|kg|km|mb|gb|px)\b|[,.][0-9]", re.IGNORECASE)
_COUNTRY: Final = re.compile(r"(?<![A-Za-z0-9])PL[ \-]?\Z", re.IGNORECASE)
_LEAST: Final = 8
_MOST_GROUPS: Final = 26
_PESEL_LAYOUTS: Final = frozenset({(11,), (6, 5), (2, 2, 2, 5)})
_NIP_LAYOUTS: Final = frozenset({(3, 3, 2, 2), (3, 2, 2, 3)})
_CARD_LAYOUTS: Final = frozenset({(4, 6, 5), (4, 6, 4), (4, 4, 4, 3), (4, 4, 4, 4), (4, 4, 4, 4, 3), (4, 4, 5)})


class _Number:
    """Neighbouring groups of digits, read as one number."""

    __slots__ = ("digits", "end", "kinds", "layout", "start", "text", "whole")

    def __init__(self, text: str, groups: list[tuple[int, int]], kinds: Kinds, *, whole: bool) -> None:
        self.text, self.kinds, self.whole = text, kinds, whole
        self.start, self.end = groups[0][0], groups[-1][1]
        self.digits = "".join(text[start:end] for start, end in groups)
        self.layout = tuple(end - start for start, end in groups)

    @property
    def stands_alone(self) -> bool:
        """Whether no letter, digit or other joined character touches it."""
        left, right = self.text[self.start - 1 : self.start], self.text[self.end : self.end + 1]
        return not (left.isalnum() or (left and left in "_/.-+#,")) and not (right.isalnum() or right == "_")

    @property
    def separator(self) -> str:
        """What stands between its first two groups."""
        return self.text[self.start + self.layout[0]] if len(self.layout) > 1 else ""


def find_numbers(text: str) -> Iterator[Finding]:
    """PESEL, NIP, REGON, IBAN without letters, payment cards and bank accounts among the runs of digits."""
    reader = Reader(text)
    for run in _RUN.finditer(text):
        start, end = run.span()
        if end - start < _LEAST:
            continue
        groups = [match.span() for match in _GROUP.finditer(text, start, end)]
        yield from _in_run(text, groups, reader.beside(start, end))


def _in_run(text: str, groups: list[tuple[int, int]], kinds: Kinds) -> Iterator[Finding]:
    """The whole run first; else the longest stretches of groups that are something."""
    label = _label(_Number(text, groups, kinds, whole=True)) if len(groups) <= _MOST_GROUPS else None
    if label is not None:
        yield _finding(label, text, groups[0][0], groups[-1][1])
        return
    first = 0
    ends = list(accumulate((end - start for start, end in groups), initial=0))
    while first < len(groups) and len(groups) > 1:
        after = first + 1
        for last in range(min(len(groups), first + 8), first, -1):
            if not 9 <= ends[last] - ends[first] <= 26 or not _apart(text, groups, first, last):
                continue
            label = _label(_Number(text, groups[first:last], kinds, whole=False))
            if label is not None:
                yield _finding(label, text, groups[first][0], groups[last - 1][1])
                after = last
                break
        first = after


def _finding(label: str, text: str, start: int, end: int) -> Finding:
    """A NIP, or an account that was written with its country, begins at the two letters."""
    country = _COUNTRY.search(text, max(0, start - 4), start) if label in {"NIP", "IBAN"} else None
    return Finding(label, country.start() if country else start, end)


def _apart(text: str, groups: list[tuple[int, int]], first: int, last: int) -> bool:
    """Whether blanks, not dashes or dots, part these groups from the others of the run."""
    left = first == 0 or text[groups[first][0] - 1] == " "
    return left and (last == len(groups) or text[groups[last - 1][1]] == " ")


def _label(number: _Number) -> str | None:
    digits = number.digits
    if not 8 <= len(digits) <= 26:
        return None
    found = None
    match len(digits):
        case 26:
            found = "IBAN" if checksums.is_polish_account(digits) else None
        case 11:
            found = "PESEL" if _is_pesel(number) else None
        case 10:
            found = "NIP" if _is_nip(number) else None
        case 9 | 14 if "REGON" in number.kinds and checksums.is_regon(digits):
            return "REGON"
        case _:
            pass
    if found is None and len(digits) >= 12 and _is_card(number):
        found = "CREDIT_CARD"
    return found or ("BANK_ACCOUNT" if _is_account(number) else None)


def _is_pesel(number: _Number) -> bool:
    if not checksums.is_pesel(number.digits):
        return False
    if "PESEL" in number.kinds:
        return True
    told_otherwise = denies(number.kinds - {"PAPER"}) or bool(number.kinds & {"PHONE", "ACCOUNT"})
    return number.layout in _PESEL_LAYOUTS and number.stands_alone and not told_otherwise


def _is_nip(number: _Number) -> bool:
    if not checksums.is_nip(number.digits):
        return False
    if "NIP" in number.kinds or _COUNTRY.search(number.text, max(0, number.start - 4), number.start):
        return True
    usual = number.layout in _NIP_LAYOUTS and number.separator == "-"
    return usual and number.stands_alone and not denies(number.kinds) and "PHONE" not in number.kinds


def _is_card(number: _Number) -> bool:
    if not 12 <= len(number.digits) <= 19 or not checksums.is_luhn(number.digits):
        return False
    named = "CARD" in number.kinds
    if denies(number.kinds, "CARD") or (not named and "PHONE" in number.kinds):
        return False
    if not checksums.is_card_of_a_brand(number.digits) and not named:
        return False
    return (len(number.layout) == 1 or number.layout in _CARD_LAYOUTS or named) and (named or number.stands_alone)


def _is_account(number: _Number) -> bool:
    """Digits beside a word for an account. Those of a wrong Polish account or card are not an account."""
    if "ACCOUNT" not in number.kinds or not number.whole or len(number.digits) > 20:
        return False
    others = number.kinds - {"ACCOUNT"}
    return not others and not _MONEY.match(number.text, number.end) and not _is_date(number.layout)


def _is_date(layout: tuple[int, ...]) -> bool:
    return layout in {(4, 2, 2), (2, 2, 4)}
