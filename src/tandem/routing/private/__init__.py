"""Private text and where it stands: numbers by their checksums, names by their forms, the rest by its cues.

``Detector`` is built once and asked for every request. It is a pure function: no clock, no file, no network.
"""

from collections.abc import Iterator, Sequence

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
        found = list(self._found(page))
        for start, end, inside in wrapped(page):
            hidden = {item.label for item in self._found(Page(inside))}
            if hidden:
                found.append(Finding(min(hidden, key=LABELS.index), start, end))
        if view.is_changed:
            found = [view.place(item) for item in found]
        return settle(found, text)

    def find_all(self, texts: Sequence[str]) -> list[tuple[Finding, ...]]:
        """``find`` for each text, in order."""
        return [self.find(text) for text in texts]

    def _found(self, page: Page) -> Iterator[Finding]:
        text = page.text
        if page.has_digits:
            yield from find_numbers(text)
            yield from find_codes(text)
            yield from find_phones(text, self._regions)
            yield from find_ip(text)
            yield from find_nations(page)
            yield from find_births(page)
            yield from find_addresses(page)
        if "@" in text or "(" in text or "[" in text:
            yield from find_mail(text)
        yield from find_secrets(page)
        yield from find_people(page)
        yield from self._terms.find(text)
