"""Telephone numbers: by a country prefix, by a word beside them, or by the way in which a country writes its own."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from tandem.routing.private.cues import REACH, Kinds, Reader, denies, kinds_in, nearest
from tandem.routing.private.finding import Finding

_SHAPE: Final = re.compile(
    r"(?<![0-9A-Za-z_+])(?:\+\s?|\(\+?)?(?:\([0-9]{1,5}\)[ .\-/]?)?[0-9]++"
    r"(?:(?:[ .\-/]|\)[ .\-/]?| ?\([0-9]{1,5}\)[ .\-]?| [\-/] )[0-9]++){0,8}+"
    r"(?:[ ,]{0,2}(?:x|ext\.?|wew\.?)\s?[0-9]{1,6}(?![0-9]))?",
    re.IGNORECASE,
)
_EXTENSION: Final = re.compile(r"[ ,]{0,2}(?:x|ext\.?|wew\.?)\s?[0-9]{1,6}\Z", re.IGNORECASE)
_DATE: Final = re.compile(
    r"(?:19|20)[0-9]{2}[.\-/ ](?:0?[1-9]|1[0-2])[.\-/ ](?:0?[1-9]|[12][0-9]|3[01])(?![0-9])"
    r"|(?:0?[1-9]|[12][0-9]|3[01])[.\-/ ](?:0?[1-9]|[12][0-9]|3[01])[.\-/ ](?:19|20)?[0-9]{2}\Z"
)
_YEARS: Final = re.compile(r"(?:1[5-9]|20)[0-9]{2}\s?[\-/]\s?(?:1[5-9]|20)[0-9]{2}\Z")
_POLISH: Final = re.compile(r"(?:45|50|51|53|57|60|66|69|72|73|78|79|88)[0-9]{7}\Z")
_AMERICAN: Final = frozenset({(3, 3, 4), (1, 3, 3, 4), (3, 7)})
_OTHERS: Final = frozenset(
    {"PESEL", "NIP", "REGON", "ID_CARD", "PASSPORT", "ACCOUNT", "CARD", "SSN", "VERSION", "BIRTH"}
)
_REACHED_AT: Final = re.compile(r"\b(?:pod|na|at|on|under)\s+\Z", re.IGNORECASE)
_LABELLED: Final = re.compile(
    r"\s?[\-(/]\s?(?:office|home|work|mobile|cell|fax|tel|praca|dom|kom|biuro)\b", re.IGNORECASE
)
_UNIT: Final = re.compile(
    r"\s?(?:zł|pln|eur|usd|gbp|€|\$|£|%|szt|kg|km|mb|gb|px|ms|min|godz)\b|[,.:][0-9]|[ ]?[A-Za-z]*=", re.IGNORECASE
)


def find_phones(text: str, regions: Sequence[str]) -> Iterator[Finding]:
    """Telephone numbers; ``regions`` (ISO 3166) are those whose own numbers are known without a prefix."""
    reader = Reader(text)
    asked = 0
    for match in _SHAPE.finditer(text):
        written = match.group()
        if len(written) < 6:
            continue
        dialled = _EXTENSION.sub("", written)
        digits = "".join(filter(str.isdigit, dialled))
        if not 6 <= len(digits) <= 15 or len(set(digits)) == 1 or digits in "0123456789012345":
            continue
        kinds = reader.beside(*match.span())
        if _is_something_else(text, match, dialled, kinds):
            continue
        if _is_phone(dialled, digits, kinds, text, match.end()) or (len(dialled) < len(written) and len(digits) >= 7):
            yield Finding("PHONE", *match.span())
        elif asked < 3 and not kinds and _may_be_national(dialled, digits):
            asked += 1
            if _is_national(digits, regions):
                yield Finding("PHONE", *match.span())


def _is_something_else(text: str, match: re.Match[str], dialled: str, kinds: Kinds) -> bool:
    if denies(kinds, "PHONE") or (denies(kinds) and nearest(text, match.start()) != "PHONE"):
        return True
    if kinds & _OTHERS and "PHONE" not in kinds:
        return True
    left = text[max(0, match.start() - 2) : match.start()]
    if left[-1:] == "-" and left[:1].isalnum() and "PHONE" not in kinds:
        return True
    if _DATE.match(dialled) or _YEARS.match(dialled) or dialled.count(".") == 1 == len(re.findall(r"[^0-9]", dialled)):
        return True
    if dialled.count(".") == 3 and all(len(part) < 4 for part in dialled.split(".")):
        return True
    following = text[match.end() : match.end() + 1]
    return following in {"@", "_", "%"} or bool(_UNIT.match(text, match.end())) or (following.isalnum())


def _is_phone(dialled: str, digits: str, kinds: Kinds, text: str, end: int) -> bool:
    if dialled.startswith(("+", "(+")):
        return len(digits) >= 8
    if _LABELLED.match(text, end) or ("PHONE" in kinds and not _is_far_cell(text, end - len(dialled), digits)):
        return True
    if _POLISH.match(digits) and _REACHED_AT.search(text, max(0, end - len(dialled) - 12), end - len(dialled)):
        return True
    layout = tuple(map(len, re.findall("[0-9]+", dialled)))
    if digits.startswith("00") and digits[2] != "0" and len(digits) >= 11 and (len(layout) > 1 or digits[2:4] == "48"):
        return True
    if layout in _AMERICAN and len(layout) > 2:
        return not digits.endswith("000000")
    if dialled.startswith("("):
        return len(digits) >= 7
    if layout in {(3, 3, 3), (2, 3, 3, 3)} and _POLISH.search(digits[-9:]) and not digits.endswith("000000"):
        return len(layout) == 3 or digits.startswith("48")
    return digits[0] == "0" and len(layout) > 1 and 9 <= len(digits) <= 11 and min(layout) > 1


def _is_far_cell(text: str, start: int, digits: str) -> bool:
    """Whether a short number stands in a table, and neither its own cell nor the one before it speaks of telephones."""
    near = text[max(0, start - REACH) : start]
    return len(digits) < 8 and near.count(";") > 1 and "PHONE" not in kinds_in(";".join(near.split(";")[-2:]))


def _may_be_national(dialled: str, digits: str) -> bool:
    groups = re.findall("[0-9]+", dialled)
    return 3 <= len(groups) <= 6 and 8 <= len(digits) <= 13 and min(map(len, groups)) > 1


def _is_national(digits: str, regions: Sequence[str]) -> bool:
    """Whether one of the regions has such a number, by the tables of ``phonenumbers`` (loaded when first asked)."""
    import phonenumbers

    for region in regions:
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(digits, region)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False
