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
from tandem.routing.private.introductions import Introduction, introduction
from tandem.routing.private.names import is_figure, is_public, known_given, known_surname, word_lists
from tandem.routing.private.page import Page
from tandem.routing.private.prose import has_public_role, is_published

_UPPER: Final = "A-Z\u00c0-\u00d6\u00d8-\u00de" + "".join(
    char for char in map(chr, range(0x100, 0x530)) if char.isupper() and char != "\u0130"
)
_CAPITAL: Final = re.compile(rf"[{_UPPER}](?<![\w@#/\\].)[^\W\d_]*(?:['\u2019][^\W\d_]+)*(?![\w@])")
_BETWEEN: Final = re.compile(
    r"(?: |-|\. ?| (?:van der|van den|van de|von der|de la|van|von|der|de|del|della|di|da|dos|la|le|bin|ibn|al|el|"
    r"af|zu|ter|y|e|ha) )\Z"
)
_SPOKEN: Final = re.compile(
    r"\b(?:my name is|my name's|i am called|nazywam si\u0119|mam na imi\u0119)\s+((?:[^\W\d_]+[ \-]?){1,3})",
    re.IGNORECASE,
)
_NOT_A_PERSON: Final = re.compile(
    r"[ ,]{0,2}&? ?(?:inc|ltd|llc|corp|gmbh|plc|limited|corporation|company|group|holdings?|associates|partners|"
    r"university|"
    r"(?-i:County|Counties|Township|Division|Regiment|Battalion|Center|Centre|Memorial|Awards?|Glacier|Islands?|Theatre|"
    r"Stadium|Cathedral|Basin|River|Valley|Railway|Trophy)|"
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
_HEADS_LINE: Final = re.compile(r"(?:\A|\n)[ \t]{0,8}\Z")
_MOST_WORDS: Final = 4

Token = tuple[int, int]


def find_people(page: Page) -> Iterator[Finding]:
    """Names of people, without their titles. Those that by themselves identify nobody are weak."""
    reading = _Reading(page)
    text = page.text
    for run in _runs(text):
        if len(run) == 1 and _look_up(text[run[0][0] : run[0][1]]).is_no_beginning:
            reading.loose.append(run[0])
        else:
            yield from _people_in(reading, run)
    for start, end in reading.loose if reading.seen else ():
        if _lemma(text[start:end]) in reading.seen:
            yield Finding("PERSON", start, end, weak=True)
    if not page.beginnings.isdisjoint(_SAID):
        yield from _spoken(text)


class _Reading:
    """One text under search: the surnames told so far, the capitals that were no name, and what kind of prose it is."""

    __slots__ = ("_is_published", "loose", "page", "seen", "text")

    def __init__(self, page: Page) -> None:
        self.page = page
        self.text = page.text
        self.seen: set[str] = set()
        self.loose: list[Token] = []
        self._is_published: bool | None = None

    @property
    def is_published(self) -> bool:
        """Asked only where a full name stands."""
        if self._is_published is None:
            self._is_published = is_published(self.page)
        return self._is_published


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


def _people_in(reading: _Reading, run: Sequence[Token]) -> Iterator[Finding]:
    text, at = reading.text, 0
    while at < len(run):
        length, how = _length_of_name(text, run, at)
        if length == 0:
            reading.loose.append(run[at])
            at += 1
            continue
        start, end = run[at][0], run[at + length - 1][1]
        if not _NOT_A_PERSON.match(text, end):
            words = [text[first:last] for first, last in run[at : at + length]]
            if not is_figure(words):
                reading.seen.update(
                    _lemma(word) for word in words[1:] if len(word) > 3 and known_surname(word) is not None
                )
                yield Finding("PERSON", start, end, weak=_is_weak(reading, words, start, how))
        at += length


def _is_weak(reading: _Reading, words: Sequence[str], start: int, how: Introduction) -> bool:
    """Whether the name identifies nobody: a lone name that nothing introduces, or one that is in the public eye."""
    if how is Introduction.FIRM or how is Introduction.PERSONAL:
        return False
    if sum(len(word) > 1 for word in words) == 1 and how is not Introduction.TITLE:
        return True
    return reading.is_published or is_public(words) or has_public_role(reading.text, start)


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
    is_no_beginning: bool
    """Neither a name nor the beginning of one, whatever stands in front of it."""
    is_camel: bool


@lru_cache(maxsize=16_384)
def _look_up(word: str) -> _Word:
    lists, lower = word_lists(), word.lower()
    is_given = known_given(word) is not None
    is_barred = lower in lists.common or lower in lists.places
    is_camel = _CAMEL.match(word) is not None
    return _Word(
        is_given=is_given,
        is_barred=is_barred,
        is_ambiguous=lower in lists.ambiguous,
        is_no_beginning=is_camel or (is_barred and not is_given),
        is_camel=is_camel,
    )


def _length_of_name(text: str, run: Sequence[Token], at: int) -> tuple[int, Introduction]:
    """How many words from ``at`` on are one name, 0 where none begins; and what introduces it."""
    start, end = run[at]
    word = text[start:end]
    known = _look_up(word)
    if known.is_no_beginning:
        return 0, Introduction.NONE
    if len(word) == 1 and (at + 1 == len(run) or _is_choice(text, start, end)):
        return 0, Introduction.NONE
    words = [word, *(text[first:last] for first, last in run[at + 1 : at + _MOST_WORDS])]
    how = introduction(text, start, end)
    if len(word) == 1:
        return _after_initial(words), how
    if known.is_given and not (word.isupper() and not (how or _is_shouted(words))):
        return _from_given(words, known, how), how
    if len(words) > 1 and _is_turned(words, introduced=how > Introduction.NONE):
        return 2, how
    if how >= Introduction.TITLE or (how and _is_named(words, how, text[end : end + 1])):
        return 1 + _follow(words), how
    return int(_is_surname_alone(text, run, at, word)), how


def _is_named(words: Sequence[str], how: Introduction, following: str) -> bool:
    """Whether a word that no table has as a given name is one after ``name:``, ``I am`` or ``Dear``."""
    if _is_likely_surname(words[0]):
        return True
    if how is Introduction.PERSONAL and following == ",":
        return True
    return not words[0].isupper() and _follow(words) > 0


def _is_shouted(words: Sequence[str]) -> bool:
    """``JAN KOWALSKI``: capitals throughout, and the second word a surname."""
    return len(words) > 1 and words[1].isupper() and _is_likely_surname(words[1])


def _is_choice(text: str, start: int, end: int) -> bool:
    """``B. Green``: the letter of an answer at the head of its line, and no initial."""
    return (
        text[start] in "ABCDEFGH"
        and text[end : end + 1] == "."
        and _HEADS_LINE.search(text[max(0, start - 9) : start]) is not None
    )


def _from_given(words: Sequence[str], known: _Word, how: Introduction) -> int:
    """How long a name is that begins with a given name; a name that is a word too needs more than itself."""
    length = 1 + _follow(words)
    if not (known.is_ambiguous or known.is_barred) or (length > 1 and _is_likely_surname(words[length - 1])):
        return length
    return length if how >= Introduction.PERSONAL and not known.is_barred else 0


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
        if len(word) == 1 and at + 1 < len(words) and _is_likely_surname(words[at + 1]):
            continue
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
