"""The owner's own words: in any capitals, with or without their accents, with Polish endings, however spaced."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

from tandem.routing.private.finding import Finding

_WORD: Final = re.compile(r"\w+")
_ENDINGS: Final = (
    r"(?:iego|iemu|owego|owej|owym|owi|ami|ach|iem|em|ie|om|\u00f3w|ow|ego|emu|ej|ym|im|a|u|y|i|e|\u0119|\u0105|o)?"
)


class Terms:
    """Looks for a list of terms; each is tried only where its beginning occurs."""

    __slots__ = ("_patterns",)

    def __init__(self, terms: Sequence[str]) -> None:
        self._patterns: list[tuple[str, re.Pattern[str]]] = []
        for term in terms:
            words = _WORD.findall(fold(term))
            if words:
                beginning = words[0][: max(1, min(5, len(words[0]) - 1))]
                self._patterns.append((beginning, _pattern(term.strip())))

    def find(self, text: str) -> Iterator[Finding]:
        """Where a term stands."""
        if not self._patterns:
            return
        folded = fold(text)
        for beginning, pattern in self._patterns:
            if beginning in folded:
                for match in pattern.finditer(folded):
                    yield Finding("TERM", *match.span())


def fold(text: str) -> str:
    """Small letters without accents, letter for letter, so that positions stay."""
    if text.isascii():
        return text.lower()
    lower = text.translate(_ACCENTS).lower()
    return lower if len(lower) == len(text) else "".join(char.lower()[0] for char in text.translate(_ACCENTS))


def _without_accents() -> dict[int, str]:
    table = {code: unicodedata.normalize("NFD", chr(code))[0] for code in range(0xC0, 0x250)}
    return table | {ord(char): plain for char, plain in zip("łŁøØđĐ", "lLoOdD", strict=True)}


_ACCENTS: Final = _without_accents()


def _pattern(term: str) -> re.Pattern[str]:
    words = fold(term).split()
    words[0] = words[0].lstrip("".join(char for char in words[0] if not char.isalnum() and char != "_")) or words[0]
    parts = [_inflected(word) if word.isalpha() and len(word) > 3 else re.escape(word) for word in words]
    return re.compile(r"(?<!\w)" + r"[\s_\-]{1,8}".join(parts) + r"(?!\w)")


def _inflected(word: str) -> str:
    stem = word[:-1] if word[-1] in "aeoyi" and len(word) > 4 else word
    return f"(?:{re.escape(word)}|{re.escape(stem)}{_ENDINGS})"
