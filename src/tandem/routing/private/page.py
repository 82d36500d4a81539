"""What every detector asks of a text, computed once."""

import re
from typing import Final

WORD: Final = re.compile(r"[^\W_]+")
"""A word or a number."""
_DIGIT: Final = re.compile("[0-9]")
_LONG: Final = re.compile(r"[A-Za-z0-9+/_\-]{16}")


class Page:
    """``beginnings``, the first three letters of every word, tell a detector at once that it need not look."""

    __slots__ = ("_told", "beginnings", "has_digits", "has_long_words", "has_many_digits", "lower", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.lower = text.lower()
        self._told = WORD.findall(self.lower)
        self.beginnings = {word[:3] for word in self._told}
        digits = len(_DIGIT.findall(text))
        self.has_digits = digits > 0
        self.has_many_digits = digits > 3
        self.has_long_words = _LONG.search(text) is not None

    @property
    def words(self) -> frozenset[str]:
        """All its words in small letters."""
        return frozenset(self._told)
