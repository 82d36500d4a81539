"""Codes of letters and digits: IBAN, the Polish identity card and passports."""

import re
from collections.abc import Iterator
from typing import Final

from tandem.routing.private import checksums
from tandem.routing.private.cues import Kinds, after, before, denies
from tandem.routing.private.finding import Finding
from tandem.routing.private.page import Page
from tandem.routing.private.words import words

_HEAD: Final = re.compile(r"[A-Za-z](?<![A-Za-z0-9].)[A-Za-z]{1,6}+[ \-]{0,2}[0-9]{2}")
_CARD: Final = re.compile(r"[A-Za-z]{3}[ \-]{0,2}[0-9]{3}[ ]?[0-9]{3}(?![A-Za-z0-9]|[ \-][0-9])")
_PASSPORT: Final = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]{1,2}[ \-]?[0-9]{7,8}(?![A-Za-z0-9])|(?<![A-Za-z0-9\-])[0-9]{8,9}(?![0-9\-])"
)


_PASSPORT_CUES: Final = frozenset({"pas"})
_NO_SERIES: Final = frozenset(
    words(
        "NIP TEL KRS FAX KOM PIN PUK VAT ISO RAL DIN EAN PKD BDO SKU LOT REF POZ ART USD EUR PLN CHF GBP CZK DOC RFC "
        "CVE BUG RMA"
    )
)


def find_codes(page: Page) -> Iterator[Finding]:
    """IBANs of every country, Polish identity cards, passports."""
    text = page.text
    for head in _HEAD.finditer(text):
        yield from _at(text, head)
    if not page.beginnings.isdisjoint(_PASSPORT_CUES):
        for match in _PASSPORT.finditer(text):
            if "PASSPORT" in before(text, match.start(), 0):
                yield Finding("PASSPORT", *match.span())


def _at(text: str, head: re.Match[str]) -> Iterator[Finding]:
    """The code that begins with some letters: three of a card, or the two of an IBAN, also after the word itself."""
    letters = head.group().rstrip("0123456789 -")
    if len(letters) == 3:
        card = _CARD.match(text, head.start())
        if card and _is_card(card, text):
            yield Finding("ID_CARD", *card.span())
    elif letters[:-2].lower() in {"", "iban"}:
        start = head.start() + len(letters) - 2
        end = _end_of_iban(text, start)
        if end is not None:
            yield Finding("IBAN", start, end)


def _end_of_iban(text: str, start: int) -> int | None:
    """Where the IBAN that begins at ``start`` ends; ``None`` where there is none."""
    length = checksums.iban_lengths().get(text[start : start + 2].upper())
    if length is None:
        return None
    read: list[str] = []
    at = start
    while at < len(text) and len(read) < length:
        char = text[at]
        if char.isalnum() and char.isascii():
            read.append(char)
        elif char not in " -." or not text[at - 1].isalnum():
            return None
        at += 1
    if text[at : at + 1].isalnum() or not checksums.is_iban("".join(read).upper()):
        return None
    return at


def _is_card(match: re.Match[str], text: str) -> bool:
    code = re.sub(r"[ \-]", "", match.group())
    if not checksums.is_id_card(code.upper()):
        return False
    kinds = _beside(text, match)
    if "ID_CARD" in kinds:
        return True
    if code[:3].upper() in _NO_SERIES:
        return False
    return code[:3].isupper() and not denies(kinds) and kinds.isdisjoint({"PASSPORT", "NIP", "PHONE"})


def _beside(text: str, match: re.Match[str]) -> Kinds:
    return before(text, match.start(), 0) or after(text, match.end())
