"""Codes of letters and digits: IBAN, the Polish identity card and passports."""

import re
from collections.abc import Iterator
from typing import Final

from tandem.routing.private import checksums
from tandem.routing.private.cues import Kinds, after, before, denies
from tandem.routing.private.finding import Finding
from tandem.routing.private.words import words

_IBAN_START: Final = re.compile(r"[A-Za-z]{2}[ \-]?[0-9]{2}(?=[ \-.]?[A-Za-z0-9]{2})")
_CARD: Final = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{3}[ \-]{0,2}[0-9]{3}[ ]?[0-9]{3}(?![A-Za-z0-9]|[ \-][0-9])")
_PASSPORT: Final = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]{1,2}[ \-]?[0-9]{7,8}(?![A-Za-z0-9])|(?<![A-Za-z0-9\-])[0-9]{8,9}(?![0-9\-])"
)


_NO_SERIES: Final = frozenset(
    words(
        "NIP TEL KRS FAX KOM PIN PUK VAT ISO RAL DIN EAN PKD BDO SKU LOT REF POZ ART USD EUR PLN CHF GBP CZK DOC RFC "
        "CVE BUG RMA"
    )
)


def find_codes(text: str) -> Iterator[Finding]:
    """IBANs of every country, Polish identity cards, passports."""
    for start in _IBAN_START.finditer(text):
        before_it = text[max(0, start.start() - 4) : start.start()]
        if before_it[-1:].isalnum() and before_it.lower() != "iban":
            continue
        end = _end_of_iban(text, start.start())
        if end is not None:
            yield Finding("IBAN", start.start(), end)
    for match in _CARD.finditer(text):
        if _is_card(match, text):
            yield Finding("ID_CARD", *match.span())
    if "as" in text or "AS" in text:
        for match in _PASSPORT.finditer(text):
            if "PASSPORT" in before(text, match.start(), 0):
                yield Finding("PASSPORT", *match.span())


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
