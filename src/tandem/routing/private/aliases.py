"""Other people's names for people: the same gender, the same case, and endings that still fit the sentence.

A name in a genitive becomes another name in the genitive, and an answer that uses the new name in another case is
led back to the old name in that case.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from tandem.routing.private.grammar import CASES, forms
from tandem.routing.private.names import Known, known_given, known_surname
from tandem.routing.private.words import words

_WORD: Final = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
_MEN: Final = words(
    "Ludomir Gerwazy Hipolit Telesfor Walerian Bonifacy Ignacy Eustachy Radomir Dobromir Witomir Kajetan Florian "
    "Teofil Bogumir Hilary Makary Longin Serwacy Tytus Wirgiliusz Zbylut Gniewosz Jaromir Sambor Lubomir "
    "Nepomucen Krystian"
)
_WOMEN: Final = words(
    "Klotylda Bogumira Eufemia Dobrawa Ludmila Radomira Wirginia Hermina Pelagia Sabina Leokadia Kornelia "
    "Gracjana Eulalia Florentyna Zenobia Bonifacja Melania Apolonia Rozamunda Walentyna Gertruda Kunegunda "
    "Scholastyka Jaromira Libera"
)
_ADJECTIVES: Final = words(
    "Gruszczyń Borowiec Topolnic Jawornic Klonows Wierzbnic Leszczynows Jesionows Grabins Sosnows Bukows "
    "Olszewnic Kalinows Malinows Poziomows Rumiankows Szafirows Bursztynows Lipowic Dereniows"
)
_NOUNS: Final = words(
    "Dzwonkiewicz Brzozak Malinek Topolak Jaworczyk Klonkowicz Wierzbiak Lipczak Grabiak Bukowczyk Olszak "
    "Sosnowiak Modrzak Rumiankiewicz Szafirkowicz Poziomczyk Kalinczak Dereniak Jesionkiewicz Borowczak"
)
_STRANGERS: Final = words(
    "Ellworth Harnley Quillby Thornsey Wexbury Aldermont Brackwell Cresdale Dunmarsh Eastwick Fernbrook Gladwyn "
    "Holtbury Inglewick Kestrelby Larkmoor Merrifold Northwyn Oakhurst Pembrick Ravensby Stillwick Tarnwell "
    "Underhay Vexmoor Wyndley"
)
_ABROAD: Final = words(
    "Alvis Branwell Corwyn Delwin Elbert Fenwick Garrick Hadley Idris Jorvik Kelwin Lorcan Merrick Nolwen Orrin "
    "Perrin Quentis Roswell Selwyn Torvald Ulwin Verrill Wystan Yorick Zephrin"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """One word of a name and the word that stands for it; both in all cases where they are Polish."""

    original: str
    stand_in: str
    pairs: Mapping[str, str]
    """Every form of the stand-in, leading to the form of the original in the same case."""


def words_of(name: str) -> list[tuple[int, int]]:
    """Where the words of a name are: ``Anny Nowak-Zarzyckiej`` has three."""
    return [match.span() for match in _WORD.finditer(name)]


def aliases(word: str, *, first: bool, number: int) -> Iterator[Alias]:
    """Stand-ins for one word of a name without end, the best fitting first."""
    known = known_given(word) if first else known_surname(word)
    if known is not None and known.polish:
        yield from _declined(word, known, first=first, number=number)
    pool = _ABROAD if first else _STRANGERS
    for at in range(len(pool) * 40):
        base = pool[(number + at) % len(pool)] + _numbered(at // len(pool))
        stand_in = _cased(word, base)
        yield Alias(original=word, stand_in=stand_in, pairs={stand_in: word})


def _declined(word: str, known: Known, *, first: bool, number: int) -> Iterator[Alias]:
    pool = _pool(known.lemma, female=known.female, first=first)
    theirs = tuple(_cased(word, form) for form in forms(known.lemma, female=known.female))
    for at in range(len(pool)):
        lemma = pool[(number + at) % len(pool)]
        ours = tuple(_cased(word, form) for form in forms(lemma, female=known.female))
        pairs: dict[str, str] = {}
        for case in range(CASES - 1):
            pairs.setdefault(ours[case], theirs[case])
        pairs[ours[known.case]] = word
        yield Alias(original=word, stand_in=ours[known.case], pairs=pairs)


@cache
def _pool(lemma: str, *, female: bool, first: bool) -> tuple[str, ...]:
    if first:
        return tuple(_WOMEN if female else _MEN)
    if lemma.lower().endswith(("ski", "cki", "dzki", "ska", "cka", "dzka")):
        return tuple(stem + ("ka" if female else "ki") for stem in _ADJECTIVES if stem[-1] in "sc")
    return tuple(_NOUNS)


def _numbered(turn: int) -> str:
    return "" if turn == 0 else "en" + "aeiouy"[turn % 6] + "bdfgklmnprst"[turn % 12]


def _cased(word: str, base: str) -> str:
    if word.isupper() and len(word) > 1:
        return base.upper()
    return base if word[:1].isupper() else base.lower()
