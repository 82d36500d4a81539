"""The words in front of a name: those that introduce somebody of the writer's life, and those that name anything."""

import re
from enum import IntEnum
from functools import lru_cache
from typing import Final

from tandem.routing.private.words import words


class Introduction(IntEnum):
    """How much the words in front of a capital say of it; each says more than the one above."""

    NONE = 0
    LOOSE = 1
    """``called``, ``I am``, ``name:``, ``hello``: a name may follow, and so may anything else."""
    PERSONAL = 2
    """``my client``, ``Dear ...,``: whoever follows is known to the writer, if it is a name."""
    TITLE = 3
    """``Mr``, ``pani``, ``dyrektor``: whatever follows is a name, in letters and in novels."""
    FIRM = 4
    """``my name is``, ``patient``: whatever follows is the name of somebody in the writer's life."""


_ENDS: Final = r"[\s\u00a0]*[\"'*>-]{0,2}\s?\Z"
_TITLE: Final = (
    r"\b(?:mr|mrs|ms|miss|mx|dr|prof|professor|sir|madam|mister|doctor|herr|frau|monsieur|madame|mme|se\u00f1or|"
    r"se\u00f1ora|sr|sra)\.?"
    r"|\b(?:pan|pani|pana|panu|panem|pani\u0105|panie|p\.|dr|prof\.|mgr|in\u017c\.|mec\.|lek\.|hab\.|red\.|ks\.|"
    r"o\.|(?<!['\u2019])s\.|\u015bp\.)(?: (?:dr|prof\.|mgr|in\u017c\.|hab\.|mec\.))*"
    r"|\b(?:kierownik\w*|dyrektor\w*|\u015bwiad\w+|ucze\u0144|uczennic\w+|kole\u017cank\w+|koleg\w+|siostr\w+|"
    r"brat\w*|\u017con\w+|m\u0105\u017c|m\u0119\u017c\w+|s\u0105siad\w*|szef\w*)"
)
_FIRM: Final = (
    r"\bmy (?:name|surname)(?:'s| is)|\bregards,|\bsincerely,|\bcheers,"
    r"|\b(?:patient|beneficiary|tenant|landlord|attn|defendant|plaintiff|employee)(?: name)?:?"
    r"|\bnazywam si\u0119|\bmam na imi\u0119|\bna imi\u0119 mam|\bimi\u0119 i nazwisko\s*:|\bnazwisko\s*:"
    r"|\bpacjent(?:ka|a|owi|em|ki|ce|k\u0119|k\u0105)?:?|\b(?:odbiorca|odbiorcy|nadawca|nadawcy|najemca|najemcy|"
    r"kupuj\u0105cy|sprzedaj\u0105cy|podpisano|podpisa\u0142a?|w\u0142a\u015bciciel(?:ka|a)?)[:,]?"
    r"|\b(?:w imieniu|z powa\u017caniem,?|pozdrawiam,?|reprezentowan\w+ przez|zawart\w+ mi\u0119dzy|pracowni(?:k|"
    r"ca|ka|kiem)|ubezpieczon\w+|zatrudnion\w+|d\u0142u\u017cni\w+|pozwan\w+|pow\u00f3d|oskar\u017con\w+)"
)
_PERSONAL: Final = (
    r"(?:\A|\n)[ \t>]*(?:dear|hi|hello|hey|cze\u015b\u0107|witaj|drogi|droga)"
    r"|\b(?:my|our|your) (?:client|boss|manager|friend|neighbou?r|son|daughter|mother|father|brother|sister|uncle|aunt|"
    r"cousin|partner|boyfriend|girlfriend|student|teacher|coworker|co-worker|colleague|husband|wife|nurse)"
    r"|\bclient:|\bsigned:?|\bklient(?:ka|a|owi|em|ki|ce|k\u0119|k\u0105)?:?"
    r"|\b(?:m\u00f3j|moj\w{1,3}|nasz\w{0,3}) [^\W\d_]{3,14}"
)
_LOOSE: Final = (
    r"\b(?:his|her|the|your|last|first|full) (?:name|surname)(?:'s| is|:| was)?|\bname(?:'s| is|:)|"
    r"\bname\s*[=:]\s*[\"']?|\bmy (?:name|surname)(?::| was)?"
    r"|\bi am|\bi'm|\bthis is|\bcalled|\bnamed|\bknown as|\bcalls? me|\bcall(?:s|ed)? (?:him|her)|\bunder(?: the "
    r"name)?(?: of)?|\b(?:dear|hi|hello|hey|cze\u015b\u0107|witaj|drogi|droga)"
    r"|\b(?:colleague|husband|wife|nurse|judge|officer)(?: name)?:?|\bnazywa si\u0119"
    r"|\bma na imi\u0119|\bimi\u0119\s*:|\bna nazwisko"
)
_INTRODUCED: Final = re.compile(
    rf"(?:(?P<firm>{_FIRM})|(?P<personal>{_PERSONAL})|(?P<title>{_TITLE})|(?:{_LOOSE})){_ENDS}"
)
_GREETED: Final = re.compile(r"(?:[ -][^\W\d_]+){0,2}\s?(?:[,!]|\n|\Z)")
_AROUND: Final = " \t\n\u00a0\"'*>-:,.=([{"
_LAST_WORDS: Final = frozenset(
    words(
        "name names surname is was am m s called named as me him her under of this dear hi hello hey cze\u015b\u0107 "
        "witaj drogi droga regards sincerely cheers mr mrs ms miss mx dr prof professor sir madam mister doctor herr "
        "frau monsieur madame mme se\u00f1or se\u00f1ora sr sra patient beneficiary tenant landlord attn defendant "
        "plaintiff employee colleague husband wife nurse judge officer si\u0119 imi\u0119 mam nazwisko pan pani pana "
        "panu panem pani\u0105 panie p mgr in\u017c mec lek hab red ks o \u015bp odbiorca odbiorcy nadawca nadawcy "
        "najemca najemcy kupuj\u0105cy sprzedaj\u0105cy podpisano podpisa\u0142 podpisa\u0142a imieniu "
        "powa\u017caniem pozdrawiam przez mi\u0119dzy pow\u00f3d ucze\u0144 m\u0105\u017c client boss manager friend "
        "neighbour neighbor son daughter mother father brother sister uncle aunt cousin partner boyfriend girlfriend "
        "student teacher coworker co-worker signed"
    )
)
_LAST_STEMS: Final = words(
    "pacjent pracowni kierowni dyrektor ubezpieczon zatrudnion d\u0142u\u017cni pozwan \u015bwiad oskar\u017con "
    "uczennic kole\u017cank koleg siostr brat \u017con m\u0119\u017c s\u0105siad szef w\u0142a\u015bciciel klient"
)
_LOOK_BACK: Final = 40
_ASSISTANTS: Final = frozenset(words("alexa bard claude cortana gemini llama mistral siri"))
_GREETINGS: Final = ("dear", "hi", "hello", "hey", "cze", "witaj", "drog")


def introduction(text: str, start: int, end: int) -> Introduction:
    """What the words in front of ``text[start:end]`` say of it. A greeting counts at the head of a letter only."""
    near = text[max(0, start - 24) : start].rstrip(_AROUND).rsplit(None, 1)
    if not near or not _may_introduce(near[-1]):
        return Introduction.NONE
    found = _INTRODUCED.search(text[max(0, start - _LOOK_BACK) : start].lower())
    if found is None:
        return Introduction.NONE
    if found["firm"] is not None:
        return Introduction.FIRM
    if found["personal"] is None:
        return Introduction.LOOSE if found["title"] is None else Introduction.TITLE
    if found["personal"].lstrip(" \t>\n").startswith(_GREETINGS):
        heads_text = found.start() > 0 or start <= _LOOK_BACK
        is_greeted = heads_text and text[start:end].lower() not in _ASSISTANTS and _GREETED.match(text, end) is not None
        return Introduction.PERSONAL if is_greeted else Introduction.LOOSE
    return Introduction.PERSONAL


@lru_cache(maxsize=16_384)
def _may_introduce(word: str) -> bool:
    word = word.lower().strip(_AROUND).rpartition("'")[2]
    return word in _LAST_WORDS or word.startswith(_LAST_STEMS)
