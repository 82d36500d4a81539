"""Private text and where it stands: numbers by their checksums, names by their forms, the rest by its cues.

``Detector`` is built once and asked for every request. It is a pure function: no clock, no file, no network.
"""

from collections.abc import Sequence

from tandem.routing.private.addresses import find_addresses
from tandem.routing.private.births import find_births
from tandem.routing.private.codes import find_codes
from tandem.routing.private.finding import LABELS, Finding, settle
from tandem.routing.private.internet import find_ip, find_mail
from tandem.routing.private.nations import find_nations
from tandem.routing.private.numbers import find_numbers
from tandem.routing.private.page import Page
from tandem.routing.private.people import find_people
from tandem.routing.private.phones import find_phones
from tandem.routing.private.secrets import find_secrets, wrapped
from tandem.routing.private.terms import Terms
from tandem.routing.private.view import View

__all__ = ["LABELS", "REGIONS", "Detector", "Finding"]

REGIONS = ("PL", "US", "GB", "DE", "FR", "IL", "IN", "CA", "BR")
"""The countries whose telephone numbers are known without their prefix, unless the caller names others."""


class Detector:
    """Finds private text. ``terms`` are the owner's own words; ``regions`` are ISO 3166 codes for telephone numbers."""

    __slots__ = ("_regions", "_terms")

    def __init__(self, terms: Sequence[str] = (), regions: Sequence[str] = REGIONS) -> None:
        self._terms = Terms(terms)
        self._regions = tuple(regions)

    def find(self, text: str) -> tuple[Finding, ...]:
        """What is private in ``text``: sorted, without overlap, in code points of ``text``; linear in its length."""
        view = View(text)
        page = Page(view.text)
        found = self._found(page)
        for start, end, inside in wrapped(page):
            hidden = self._found(Page(inside))
            if hidden:
                label = min((item.label for item in hidden), key=LABELS.index)
                found.append(Finding(label, start, end, weak=all(item.weak for item in hidden)))
        if view.is_changed:
            found = [view.place(item) for item in found]
        return settle(found, text)

    def find_all(self, texts: Sequence[str]) -> list[tuple[Finding, ...]]:
        """``find`` for each text, in order."""
        return [self.find(text) for text in texts]

    def _found(self, page: Page) -> list[Finding]:
        text = page.text
        found: list[Finding] = []
        if page.has_digits:
            found += find_addresses(page)
        if page.has_many_digits:
            found += find_numbers(text)
            found += find_codes(page)
            found += find_phones(text, self._regions)
            found += find_ip(text)
            found += find_nations(page)
            found += find_births(page)
        if "@" in text or "(" in text or "[" in text:
            found += find_mail(text)
        found += find_secrets(page)
        found += find_people(page)
        found += self._terms.find(text)
        return found
