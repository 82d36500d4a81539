"""The tables of names, and what is known of one word: whose given name or surname it is, and in which case."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

from tandem.routing.private.grammar import NOMINATIVE, forms

_TAILS: Final = (
    "iego",
    "iemu",
    "iem",
    "owi",
    "iej",
    "ego",
    "emu",
    "iu",
    "em",
    "ie",
    "ym",
    "im",
    "ej",
    "ia",
    "a",
    "u",
    "i",
    "y",
    "ą",
    "ę",
    "o",
    "e",
    "",
)
_ADDED: Final = ("", "a", "i", "y", "ia", "ek", "ec", "ka", "ga", "o")
_SOFT: Final = {
    "dzi": "d",
    "ci": "t",
    "rz": "r",
    "l": "ł",
    "c": "k",
    "dz": "g",
    "bi": "b",
    "pi": "p",
    "mi": "m",
    "wi": "w",
    "fi": "f",
    "ni": "n",
    "si": "s",
    "zi": "z",
    "sz": "ch",
    "ści": "st",
    "śni": "sn",
    "śl": "sł",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A name in the tables: its nominative, and in which case it was written (0 to 6, as in ``grammar``)."""

    lemma: str
    female: bool
    case: int
    polish: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """All tables, in small letters."""

    men: frozenset[str]
    women: frozenset[str]
    given: frozenset[str]
    polish_surnames: frozenset[str]
    surnames: frozenset[str]
    given_forms: dict[str, Known]


@cache
def tables() -> Tables:
    """The tables, read once from this package's own files."""
    men, women = _read("given_polish_men.txt"), _read("given_polish_women.txt")
    return Tables(
        men=men,
        women=women,
        given=_read("given.txt"),
        polish_surnames=_read("surnames_polish.txt"),
        surnames=_read("surnames.txt"),
        given_forms=_declined(men, women),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WordLists:
    """Words that are not, or not by themselves, somebody's name; in small letters."""

    ambiguous: frozenset[str]
    common: frozenset[str]
    places: frozenset[str]
    figures: frozenset[str]
    public: frozenset[str]
    common_surnames: frozenset[str]

    def is_common_surname(self, lemma: str) -> bool:
        """Whether so many people have it that it names somebody even by itself."""
        lower = lemma.lower()
        return lower in self.common_surnames or (lower[:-1] + "i" in self.common_surnames and lower.endswith("ka"))


@cache
def word_lists() -> WordLists:
    """The lists, read once from this package's own files."""
    return WordLists(
        ambiguous=_read("ambiguous.txt"),
        common=_read("common.txt"),
        places=_read("places.txt"),
        figures=_read("figures.txt"),
        public=_read("public.txt"),
        common_surnames=_read("surnames_common.txt"),
    )


def is_figure(words: Sequence[str]) -> bool:
    """Whether this is somebody of history, of fiction or of everybody's talk, in any case of the name."""
    return len(words) > 1 and not word_lists().figures.isdisjoint(_entries(words))


def is_public(words: Sequence[str]) -> bool:
    """Whether this is somebody of our days whose full name everybody knows, in any case of the name."""
    return len(words) > 1 and not word_lists().public.isdisjoint(_entries(words))


def _entries(words: Sequence[str]) -> list[str]:
    """The name as the tables of people would have it, ``surname:given``, in every reading."""
    given = [known.lemma.lower() if (known := known_given(word)) else word.lower() for word in words[:-1]]
    last = _bare(words[-1])
    surnames = {last, "-".join([word.lower() for word in words[1:-1]] + [last])}
    known = known_surname(last)
    if known is not None:
        surnames.add(known.lemma.lower())
    return [f"{surname}:{name}" for surname in surnames for name in given]


def _bare(word: str) -> str:
    """A surname in small letters, without the English ending of its genitive."""
    return word.lower().replace("\u2019", "'").removesuffix("'s")


def _read(name: str) -> frozenset[str]:
    text = (files("tandem.routing.private") / "tables" / name).read_text("utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return frozenset(word.lower() for line in lines for word in line.split())


def _declined(men: frozenset[str], women: frozenset[str]) -> dict[str, Known]:
    """Every form of every Polish given name; nominatives win over other names' cases."""
    known: dict[str, Known] = {}
    for case in range(7):
        for female, lemmas in ((False, men), (True, women)):
            for lemma in lemmas:
                form = forms(lemma, female=female)[case]
                known.setdefault(form, Known(lemma=lemma.capitalize(), female=female, case=case, polish=True))
    return known


def known_given(word: str) -> Known | None:
    """The given name of which ``word`` is a form, in any capitals; foreign names only as they are."""
    lower = word.lower()
    known = tables().given_forms.get(lower)
    if known is None and lower in tables().given:
        return Known(lemma=word, female=lower.endswith("a"), case=NOMINATIVE, polish=False)
    return known


@lru_cache(maxsize=4096)
def known_surname(word: str) -> Known | None:
    """The surname of which ``word`` may be a form: one of the tables, or one with a Polish ending."""
    lower = word.lower()
    adjective = _adjective(lower)
    if adjective is not None:
        return adjective
    found = _declined_surname(lower)
    if found is None and lower in tables().surnames:
        return Known(lemma=word, female=False, case=NOMINATIVE, polish=False)
    return found


def _adjective(lower: str) -> Known | None:
    """A form of a surname in -ski, -cki or -dzki, whether or not a table has it."""
    for tail, female, case in (
        ("ki", False, 0),
        ("kiego", False, 1),
        ("kiemu", False, 2),
        ("kim", False, 4),
        ("ka", True, 0),
        ("kiej", True, 1),
        ("ką", True, 3),
    ):
        stem = lower.removesuffix(tail)
        if stem != lower and len(stem) >= 3 and stem.endswith(("s", "c", "dz")):
            lemma = (stem + ("ka" if female else "ki")).capitalize()
            return Known(lemma=lemma, female=female, case=case, polish=True)
    return None


def _declined_surname(lower: str) -> Known | None:
    known = tables().polish_surnames
    if lower in known:
        return Known(lemma=lower.capitalize(), female=False, case=NOMINATIVE, polish=True)
    for lemma in _lemmas(lower):
        if lemma in known or (lemma.endswith(("wicz", "czyk", "czak", "niak", "asz")) and len(lemma) > 6):
            cases = forms(lemma, female=lemma.endswith("a"))
            if lower in cases:
                return Known(lemma=lemma.capitalize(), female=False, case=cases.index(lower), polish=True)
    return None


def _lemmas(lower: str) -> list[str]:
    """Nominatives from which ``lower`` may come."""
    found: list[str] = []
    for tail in _TAILS:
        if not lower.endswith(tail) or len(lower) - len(tail) < 3:
            continue
        stem = lower[: len(lower) - len(tail)] if tail else lower
        found += [stem + added for added in _ADDED]
        if stem.endswith(("ł", "k", "c")):
            found += [f"{stem[:-1]}e{stem[-1]}", f"{stem[:-1]}ie{stem[-1]}"]
        for soft, hard in _SOFT.items():
            if tail in {"ie", "e"} and (stem + ("i" if tail == "ie" else "")).endswith(soft):
                whole = stem + ("i" if tail == "ie" else "")
                found += [whole[: -len(soft)] + hard, whole[: -len(soft)] + hard + "a"]
        if stem.endswith("ębi"):
            found.append(stem[:-3] + "ąb")
        elif stem.endswith("ęb"):
            found.append(stem[:-2] + "ąb")
        if stem.endswith("ni"):
            found += [stem[:-2] + "ń", stem[:-2] + "eń", stem[:-2] + "ień"]
    return found
