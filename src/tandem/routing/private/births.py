"""Dates of birth: a date beside a word that speaks of being born. A date alone is anybody's."""

import re
from collections.abc import Iterator
from typing import Final

from tandem.routing.private.cues import after, before
from tandem.routing.private.finding import Finding
from tandem.routing.private.page import Page

_MONTH: Final = (
    r"(?:stycz\w+|lut\w+|mar(?:ca|zec)|kwie\w+|maja?|czerw\w+|lip(?:ca|iec)|sierp\w+|wrze\w+|pa\u017adziern\w+|listopad\w*|grud\w+|"
    r"jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?|m\u00e4rz|mai|juni|juli|oktober|dezember|I|II|III|IV|V|VI|VII|VIII|IX|X|XI|XII)\.?"
)
_DATE: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    r"[0-9]{1,2}(?P<one>[./\- ])[0-9]{1,2}(?P=one)(?:[0-9]{4}|[0-9]{2})(?![0-9])"
    r"|[0-9]{4}(?P<two>[./\- ])[0-9]{1,2}(?P=two)[0-9]{1,2}(?![0-9])"
    rf"|[0-9]{{1,2}}(?:st|nd|rd|th|\.)? (?:of )?{_MONTH},? [0-9]{{4}}"
    rf"|{_MONTH} [0-9]{{1,2}}(?:st|nd|rd|th)?,? [0-9]{{4}}"
    r")",
    re.IGNORECASE,
)
_CUES: Final = frozenset({"ur", "uro", "bor", "bir", "dob", "dat", "geb", "n\u00e9", "n\u00e9e", "nac", "nai"})


def find_births(page: Page) -> Iterator[Finding]:
    """Dates beside a cue such as *ur.*, *data urodzenia*, *born* or *DOB*."""
    if page.beginnings.isdisjoint(_CUES):
        return
    text = page.text
    floor = 0
    for match in _DATE.finditer(text):
        if "BIRTH" in (before(text, match.start(), floor) or after(text, match.end())):
            yield Finding("DATE_OF_BIRTH", *match.span())
        floor = match.end()
