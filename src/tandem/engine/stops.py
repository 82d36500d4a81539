"""Stop strings over a stream of text: found across any border, and never a part of one shown."""

from collections.abc import Sequence
from dataclasses import dataclass


def overlap(text: str, needles: Sequence[str]) -> int:
    """How many characters at the end of ``text`` could still become one of the needles (the longest such)."""
    longest = 0
    for needle in needles:
        for size in range(min(len(text), len(needle) - 1), longest, -1):
            if text.endswith(needle[:size]):
                longest = size
                break
    return longest


@dataclass(frozen=True, slots=True)
class Release:
    """Text that may be shown, and the stop string that ended it, if one did."""

    text: str
    stop: str | None = None


class StopStrings:
    """Watches a stream for stop strings. The one that is complete first ends it; of several at once, the longest.

    So the outcome depends on the text alone and not on where tokens begin.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held: str = ""

    def feed(self, text: str) -> Release:
        """Take more text; give what can no longer be part of a stop string."""
        if not self._stops:
            return Release(text)
        text = self._held + text
        found = [(at + len(stop), -len(stop), stop) for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            end, size, stop = min(found)
            self._held = ""
            return Release(text[: end + size], stop)
        keep = overlap(text, self._stops)
        self._held = text[len(text) - keep :]
        return Release(text[: len(text) - keep])

    def flush(self) -> str:
        """The text that was held back, now that no more comes."""
        text, self._held = self._held, ""
        return text
