"""Names of people: by tables of names, by the way Polish surnames end, and by the words that introduce a person.

A given name begins a name; capitals that follow belong to it unless they are known to be something else. Polish names
are known in all their cases. A surname alone is a person where a table has it and no reading as a word is likelier.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from tandem.routing.private.finding import Finding
from tandem.routing.private.names import is_figure, known_given, known_surname, word_lists
from tandem.routing.private.page import Page
from tandem.routing.private.words import words

_UPPER: Final = "A-Z\u00c0-\u00d6\u00d8-\u00de" + "".join(
    char for char in map(chr, range(0x100, 0x530)) if char.isupper() and char != "\u0130"
)
_CAPITAL: Final = re.compile(rf"[{_UPPER}](?<![\w@#/\\].)[^\W\d_]*(?:['\u2019][^\W\d_]+)*(?![\w@])")
_BETWEEN: Final = re.compile(
    r"(?: |-|\. ?| (?:van der|van den|van de|von der|de la|van|von|der|de|del|della|di|da|dos|la|le|bin|ibn|al|el|"
    r"af|zu|ter|y|e|ha) )\Z"
)
_INTRODUCED: Final = re.compile(
    r"(?:\b(?:my|his|her|the|your|last|first|full) (?:name|surname)(?:'s| is|:| was)?|\bname(?:'s| is|:)|"
    r"\bname\s*[=:]\s*[\"']?"
    r"|\bi am|\bi'm|\bthis is|\bcalled|\bnamed|\bknown as|\bcalls? me|\bcall(?:s|ed)? (?:him|her)|\bunder(?: the "
    r"name)?(?: of)?|\b(?:dear|hi|hello|hey|cze\u015b\u0107|witaj|drogi|droga)|\bregards,|\bsincerely,|\bcheers,"
    r"|\b(?:mr|mrs|ms|miss|mx|dr|prof|professor|sir|madam|mister|doctor|herr|frau|monsieur|madame|mme|se\u00f1or|"
    r"se\u00f1ora|sr|sra)\.?"
    r"|\b(?:patient|beneficiary|tenant|landlord|attn|defendant|plaintiff|employee|colleague|husband|wife|nurse|"
    r"judge|officer)(?: name)?:?"
    r"|\bnazywam si\u0119|\bnazywa si\u0119|\bmam na imi\u0119|\bma na imi\u0119|\bna imi\u0119 mam|\bimi\u0119(?: "
    r"i nazwisko)?\s*:|\bnazwisko\s*:|\bna nazwisko"
    r"|\b(?:pan|pani|pana|panu|panem|pani\u0105|panie|p\.|dr|prof\.|mgr|in\u017c\.|mec\.|lek\.|hab\.|red\.|ks\.|"
    r"o\.|s\.|\u015bp\.)(?: (?:dr|prof\.|mgr|in\u017c\.|hab\.|mec\.))*"
    r"|\bpacjent(?:ka|a|owi|em|ki|ce|k\u0119|k\u0105)?:?|\b(?:odbiorca|odbiorcy|nadawca|nadawcy|najemca|najemcy|"
    r"kupuj\u0105cy|sprzedaj\u0105cy|podpisano|podpisa\u0142a?|w\u0142a\u015bciciel(?:ka|a)?)[:,]?"
    r"|\b(?:w imieniu|z powa\u017caniem,?|pozdrawiam,?|reprezentowan\w+ przez|zawart\w+ mi\u0119dzy|pracowni(?:k|"
    r"ca|ka|kiem)|kierownik\w*|dyrektor\w*|ubezpieczon\w+|zatrudnion\w+|d\u0142u\u017cni\w+|pozwan\w+|pow\u00f3d|"
    r"\u015bwiad\w+|oskar\u017con\w+|ucze\u0144|uczennic\w+|kole\u017cank\w+|koleg\w+|siostr\w+|brat\w*|"
    r"\u017con\w+|m\u0105\u017c|m\u0119\u017c\w+|s\u0105siad\w*|szef\w*))"
    r"[\s\u00a0]*[\"'*>-]{0,2}\s?\Z",
)
_LOOSE: Final = " \t\n\u00a0\"'*>-:,.=([{"
_LAST_WORDS: Final = frozenset(
    words(
        "name names surname is was am m s called named as me him her under of this dear hi hello hey cze\u015b\u0107 "
        "witaj drogi droga regards sincerely cheers mr mrs ms miss mx dr prof professor sir madam mister doctor herr "
        "frau monsieur madame mme se\u00f1or se\u00f1ora sr sra patient beneficiary tenant landlord attn defendant "
        "plaintiff employee colleague husband wife nurse judge officer si\u0119 imi\u0119 mam nazwisko pan pani pana "
        "panu panem pani\u0105 panie p mgr in\u017c mec lek hab red ks o \u015bp odbiorca odbiorcy nadawca nadawcy "
        "najemca najemcy kupuj\u0105cy sprzedaj\u0105cy podpisano podpisa\u0142 podpisa\u0142a imieniu "
        "powa\u017caniem pozdrawiam przez mi\u0119dzy pow\u00f3d ucze\u0144 m\u0105\u017c"
    )
)
_LAST_STEMS: Final = words(
    "pacjent pracowni kierowni dyrektor ubezpieczon zatrudnion d\u0142u\u017cni pozwan \u015bwiad oskar\u017con "
    "uczennic kole\u017cank koleg siostr brat \u017con m\u0119\u017c s\u0105siad szef w\u0142a\u015bciciel"
)
_SPOKEN: Final = re.compile(
    r"\b(?:my name is|my name's|i am called|nazywam si\u0119|mam na imi\u0119)\s+((?:[^\W\d_]+[ \-]?){1,3})",
    re.IGNORECASE,
)
_NOT_A_PERSON: Final = re.compile(
    r"[ ,]{0,2}&? ?(?:inc|ltd|llc|corp|gmbh|plc|limited|corporation|company|group|holdings?|associates|partners|"
    r"university|"
    r"college|school|street|st|avenue|ave|road|rd|lane|drive|blvd|boulevard|square|bridge|airport|hospital|hotel|park|"
    r"stadium|award|prize|foundation|institute|museum|sp\. ?z|s\.a|sp\.j|theorem|equation|algorithm|test|scale|"
    r"method)\b",
    re.IGNORECASE,
)
_STARTS_SENTENCE: Final = re.compile(r"(?:\A|[.!?:\n\"\u201e\u201c>*\-\u2022(\[]\s*|\d[.)]\s*)\Z")
_CAMEL: Final = re.compile(
    rf"(?!Mc|Mac|De|Di|Du|La|Le|Fitz|Van|O')[{_UPPER}][^\W\d_]*[a-z][{_UPPER}]|[{_UPPER}]{{2,}}[a-z]"
)
_SAID: Final = frozenset({"nam", "naz", "cal", "imi"})
_MOST_WORDS: Final = 4
_LOOK_BACK: Final = 40

Token = tuple[int, int]


def find_people(page: Page) -> Iterator[Finding]:
    """Names of people, without their titles."""
    text = page.text
    seen: set[str] = set()
    loose: list[Token] = []
    for run in _runs(text):
        yield from _people_in(text, run, seen, loose)
    for start, end in loose if seen else ():
        if _lemma(text[start:end]) in seen:
            yield Finding("PERSON", start, end)
    if not page.beginnings.isdisjoint(_SAID):
        yield from _spoken(text)


def _runs(text: str) -> Iterator[list[Token]]:
    """Words with a capital, those that stand together in one list."""
    run: list[Token] = []
    for match in _CAPITAL.finditer(text):
        start, end = match.span()
        if run and not (start - run[-1][1] <= 9 and _BETWEEN.match(text, run[-1][1], start)):
            yield run
            run = []
        if run and text[run[-1][1]] == "." and run[-1][1] - run[-1][0] > 2:
            yield run
            run = []
        run.append((start, end))
    if run:
        yield run


def _people_in(text: str, run: Sequence[Token], seen: set[str], loose: list[Token]) -> Iterator[Finding]:
    at = 0
    while at < len(run):
        length = _length_of_name(text, run, at)
        if length == 0:
            loose.append(run[at])
            at += 1
            continue
        start, end = run[at][0], run[at + length - 1][1]
        if not _NOT_A_PERSON.match(text, end):
            words = [text[first:last] for first, last in run[at : at + length]]
            if not is_figure(words):
                seen.update(_lemma(word) for word in words[1:] if len(word) > 3 and known_surname(word) is not None)
                yield Finding("PERSON", start, end)
        at += length


def _lemma(word: str) -> str:
    """What two cases of one surname have in common."""
    known = known_surname(word)
    return known.lemma.lower() if known else word.lower()


@dataclass(frozen=True, slots=True)
class _Word:
    """What the tables say of one word with a capital."""

    is_given: bool
    is_barred: bool
    """A common word or a place."""
    is_ambiguous: bool
    is_camel: bool


@lru_cache(maxsize=16_384)
def _look_up(word: str) -> _Word:
    lists, lower = word_lists(), word.lower()
    return _Word(
        is_given=known_given(word) is not None,
        is_barred=lower in lists.common or lower in lists.places,
        is_ambiguous=lower in lists.ambiguous,
        is_camel=_CAMEL.match(word) is not None,
    )


def _length_of_name(text: str, run: Sequence[Token], at: int) -> int:
    """How many words from ``at`` on are one name; 0 where none begins."""
    start, end = run[at]
    word = text[start:end]
    known = _look_up(word)
    if known.is_camel or (known.is_barred and not known.is_given):
        return 0
    words = [word, *(text[first:last] for first, last in run[at + 1 : at + _MOST_WORDS])]
    if len(word) == 1:
        return _after_initial(words) if len(words) > 1 else 0
    introduced = _is_introduced(text, start)
    if known.is_given and not (word.isupper() and len(words) == 1 and not introduced):
        return _from_given(words, known, introduced=introduced)
    if len(words) > 1 and _is_turned(words, introduced=introduced):
        return 2
    if introduced:
        return 1 + _follow(words)
    return 1 if _is_surname_alone(text, run, at, word) else 0


def _from_given(words: Sequence[str], known: _Word, *, introduced: bool) -> int:
    """How long a name is that begins with a given name; a name that is a word too needs more than itself."""
    length = 1 + _follow(words)
    if not (known.is_ambiguous or known.is_barred) or (length > 1 and _is_likely_surname(words[length - 1])):
        return length
    return length if introduced and not known.is_barred else 0


def _is_turned(words: Sequence[str], *, introduced: bool) -> bool:
    """``Kowalski Jan``: a surname before its given name, as on forms."""
    given = _look_up(words[1])
    if not given.is_given or given.is_ambiguous or given.is_barred or len(words[1]) < 3:
        return False
    surname = known_surname(words[0])
    return surname is not None and (surname.polish or introduced)


def _follow(words: Sequence[str]) -> int:
    """How many words after the first belong to the same name."""
    count = 0
    for at, word in enumerate(words[1:], 1):
        known = _look_up(word)
        if known.is_camel or (known.is_barred and (word.lower() in word_lists().common or known_surname(word) is None)):
            break
        if len(word) == 1 and at == len(words) - 1:
            break
        if word.isupper() and (len(word) == 2 or (len(word) > 1 and not words[0].isupper())):
            break
        count = at
    return min(count, 3)


def _after_initial(words: Sequence[str]) -> int:
    """``J. Kowalski``, ``J. R. R. Tolkien``: initials before a known surname."""
    at = 1
    while at < len(words) and len(words[at]) == 1:
        at += 1
    return at + 1 if at < len(words) and not words[at].isupper() and _is_likely_surname(words[at]) else 0


def _is_likely_surname(word: str) -> bool:
    """Whether a table has it as a surname, and neither as a word nor as a place."""
    lists, lower = word_lists(), word.lower()
    if len(word) < 3 or lower in lists.common or lower in lists.ambiguous:
        return False
    return known_surname(word) is not None


def _is_introduced(text: str, start: int) -> bool:
    words = text[max(0, start - 24) : start].rstrip(_LOOSE).split()
    if not words or not _may_introduce(words[-1].lower().strip(_LOOSE)):
        return False
    return _INTRODUCED.search(text[max(0, start - _LOOK_BACK) : start].lower()) is not None


def _may_introduce(word: str) -> bool:
    word = word.rpartition("'")[2]
    return word in _LAST_WORDS or word.startswith(_LAST_STEMS)


def _is_surname_alone(text: str, run: Sequence[Token], at: int, word: str) -> bool:
    """A Polish surname of the tables, by itself, inside a sentence, in small letters after its capital."""
    lists = word_lists()
    lower = word.lower()
    if len(run) > 1 or word.isupper() or lower in lists.ambiguous or lower in lists.places or len(word) < 5:
        return False
    known = known_surname(word)
    if known is None or not known.polish or _STARTS_SENTENCE.search(text[max(0, run[at][0] - 4) : run[at][0]]):
        return False
    return lists.is_common_surname(known.lemma)


def _spoken(text: str) -> Iterator[Finding]:
    """Names in small letters, where somebody says that it is a name."""
    for match in _SPOKEN.finditer(text):
        start = end = match.start(1)
        for word in re.finditer(r"[^\W\d_]+", match.group(1)):
            lower = word.group().lower()
            known = known_given(lower) or (known_surname(lower) if end > start else None)
            if known is None or lower in word_lists().common:
                break
            end = match.start(1) + word.end()
        if end > start:
            yield Finding("PERSON", start, end)
