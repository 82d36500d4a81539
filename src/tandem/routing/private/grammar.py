"""How Polish names change with their case: enough to know a name in a sentence and to write another in its place.

``forms`` gives seven cases in the order of school books: nominative, genitive, dative, accusative, instrumental,
locative, vocative. Where use wavers the commoner form is given; exceptions that matter are listed.
"""

import re
from typing import Final

NOMINATIVE: Final = 0
CASES: Final = 7
_SOFTENED: Final = {
    "st": "ście",
    "zd": "ździe",
    "sł": "śle",
    "sn": "śnie",
    "zn": "źnie",
    "ch": "sze",
    "d": "dzie",
    "t": "cie",
    "r": "rze",
    "ł": "le",
    "k": "ce",
    "g": "dze",
    "b": "bie",
    "p": "pie",
    "m": "mie",
    "w": "wie",
    "f": "fie",
    "n": "nie",
    "s": "sie",
    "z": "zie",
    "h": "sze",
    "v": "vie",
    "x": "xie",
}
_IRREGULAR: Final = {
    "gołąb": "gołębi",
    "jastrząb": "jastrzębi",
    "kwiecień": "kwietni",
    "wrzesień": "wrześni",
    "kozioł": "kozł",
    "orzeł": "orł",
    "dąb": "dęb",
    "kocioł": "kotł",
    "kościół": "kościoł",
    "marzec": "marc",
    "ojciec": "ojc",
    "niedźwiedź": "niedźwiedzi",
    "wróbel": "wróbl",
    "cebul": "cebul",
    "kukieł": "kukł",
    "franciszek": "franciszk",
}
_SOFT_ENDS: Final = {"ń": "ni", "ś": "si", "ć": "ci", "ź": "zi", "dź": "dzi"}
_NEVER_SOFTENS: Final = ("l", "j", "sz", "cz", "ż", "rz", "c", "dz", "k", "g", "ch", "h", "i", "x")


def forms(name: str, *, female: bool) -> tuple[str, ...]:
    """The seven cases of one name, given in the nominative, with a capital letter. A foreign ending stays as it is."""
    word = name.lower()
    if female:
        cases = _feminine(word)
    elif (
        word.endswith(("ski", "cki", "dzki"))
        or (word.endswith("y") and word[-2:-1] not in "aeiouyv")
        or (word.endswith("i") and len(word) > 4 and word[-2] in "nlckg")
    ):
        cases = _adjective(word)
    elif word.endswith("a"):
        cases = _feminine(word)
    elif word.endswith("o") and word[-2:-1] in "kg":
        cases = _masculine(word[:-1], word) if word == "mieszko" else (word, *_feminine(f"{word[:-1]}a")[1:6], word)
    elif word[-1:] in "eéiouyáóúäöü":
        cases = (word,) * CASES
    else:
        cases = _masculine(_stem(word), word)
    return tuple(_like(name, case) for case in cases)


def _adjective(word: str) -> tuple[str, ...]:
    """Kowalski, Jerzy, Antoni, Szczęsny."""
    stem = word
    if word.endswith("y"):
        stem = word[:-1]
        middle = ("ego", "emu", "ego", "ym", "ym")
    else:
        middle = ("ego", "emu", "ego", "m", "m")
    return (word, *(stem + ending for ending in middle), word)


def _feminine(word: str) -> tuple[str, ...]:
    if word.endswith(("ska", "cka", "dzka", "owa")) or re.search(r"[^aeiouy][nw]na\Z", word):
        stem = word[:-1]
        soft = f"{stem}i" if stem.endswith("k") else stem
        return word, f"{soft}ej", f"{soft}ej", f"{stem}ą", f"{stem}ą", f"{soft}ej", word
    if not word.endswith("a"):
        return (word,) * CASES
    stem = word[:-1]
    genitive, dative = _feminine_genitive(stem), _softened(stem)
    if stem.endswith(("i", "j", "l", "cz", "sz", "ż", "rz", "c", "dz")):
        dative = genitive
    vocative = f"{stem}u" if stem.endswith(("si", "ci", "zi", "ni", "li")) and len(stem) < 7 else f"{stem}o"
    return word, genitive, dative, f"{stem}ę", f"{stem}ą", dative, vocative


def _feminine_genitive(stem: str) -> str:
    if stem.endswith(("si", "ci", "zi", "ni", "dzi")):
        return stem if len(stem) < 7 else f"{stem}i"
    if stem.endswith("i"):
        return f"{stem}i"
    if stem.endswith("j"):
        return f"{stem}i" if stem[-2:-1] not in "aeiouy" else f"{stem[:-1]}i"
    if stem.endswith(("k", "g", "l")):
        return f"{stem}i"
    return f"{stem}y"


def _masculine(stem: str, word: str) -> tuple[str, ...]:
    hard_k = stem.endswith(("k", "g"))
    instrumental = f"{stem}iem" if hard_k else f"{stem}em"
    locative = f"{stem}u" if stem.endswith(_NEVER_SOFTENS) else _softened(stem)
    return word, f"{stem}a", f"{stem}owi", f"{stem}a", instrumental, locative, locative


def _stem(word: str) -> str:
    """What endings are added to: Marek, Mark-; Paweł, Pawł-; Krawiec, Krawc-; Gołąb, Gołębi-."""
    for ending, stem in _IRREGULAR.items():
        if word.endswith(ending):
            return word[: -len(ending)] + stem
    if len(word) > 4 and word.endswith("ek"):
        return f"{word[:-2].removesuffix('i')}k"
    if len(word) > 4 and word.endswith("iec"):
        return f"{word[:-3]}c"
    if len(word) > 4 and word.endswith("eł"):
        return f"{word[:-2]}ł"
    for ending, soft in sorted(_SOFT_ENDS.items(), key=lambda item: -len(item[0])):
        if word.endswith(ending):
            return word[: -len(ending)] + soft
    return word


def _softened(stem: str) -> str:
    for ending, soft in _SOFTENED.items():
        if stem.endswith(ending):
            return stem[: -len(ending)] + soft
    return f"{stem}ie"


def _like(name: str, word: str) -> str:
    """``word`` in capitals as ``name`` is."""
    if name.isupper() and len(name) > 1:
        return word.upper()
    return word[:1].upper() + word[1:] if name[:1].isupper() else word
