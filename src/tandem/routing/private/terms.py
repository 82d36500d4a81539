"""The owner's own words: in any capitals, with or without their accents, with Polish endings, however spaced."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

from tandem.routing.private.finding import Finding

_WORD: Final = re.compile(r"\w+")
_ENDINGS: Final = r"(?:iego|iemu|owego|owej|owym|owi|ami|ach|iem|em|ie|om|\u00f3w|ow|ego|emu|ej|ym|im|a|u|y|i|e|\u0119|\u0105|o)?"
_ACCENTS: Final = str.maketrans("\u0142\u0141\u00f8\u00d8\u0111\u0110", "lLoOdD")


class Terms:
    """Looks for a list of terms; each is tried only where a word begins as it does."""

    __slots__ = ("_by_beginning",)

    def __init__(self, terms: Sequence[str]) -> None:
        self._by_beginning: dict[str, list[re.Pattern[str]]] = {}
        for term in terms:
            words = _WORD.findall(fold(term))
            if words:
                self._by_beginning.setdefault(words[0][:3], []).append(_pattern(term.strip()))

    def find(self, text: str) -> Iterator[Finding]:
        """Where a term stands."""
        if not self._by_beginning:
            return
        folded = fold(text)
        for word in _WORD.finditer(folded):
            beginning = word.group()[:3]
            patterns = self._by_beginning.get(beginning) or self._by_beginning.get(beginning[:2])
            for pattern in patterns or self._by_beginning.get(beginning[:1], ()):
                match = pattern.match(folded, word.start())
                if match:
                    yield Finding("TERM", *match.span())


def fold(text: str) -> str:
    """Small letters without accents, letter for letter, so that positions stay."""
    if text.isascii():
        return text.lower()
    return "".join(map(_folded, text))


def _folded(char: str) -> str:
    base = unicodedata.normalize("NFD", char.translate(_ACCENTS))[:1].lower()
    return base if len(base) == 1 else char


def _pattern(term: str) -> re.Pattern[str]:
    words = fold(term).split()
    words[0] = words[0].lstrip("".join(char for char in words[0] if not char.isalnum() and char != "_")) or words[0]
    parts = [_inflected(word) if word.isalpha() and len(word) > 3 else re.escape(word) for word in words]
    return re.compile(r"[\s_\-]+".join(parts) + r"(?!\w)")


def _inflected(word: str) -> str:
    stem = word[:-1] if word[-1] in "aeoyi" and len(word) > 4 else word
    return f"(?:{re.escape(word)}|{re.escape(stem)}{_ENDINGS})"
