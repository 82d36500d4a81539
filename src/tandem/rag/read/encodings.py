"""Finds the encoding of a text, or says that it cannot: never a guess that would garble letters silently.

Unicode is proved, not guessed: a byte-order mark, strict UTF-8, or the zeros of UTF-16. A single-byte text is decoded
in every encoding of every language we know, and taken where one reading, and no other, is of that language's letters.
"""

import codecs
import re
from dataclasses import dataclass
from typing import NamedTuple

from tandem.rag.read.alphabets import COMMON_SIGNS, LANGUAGES, Language
from tandem.rag.read.document import Note, Unreadable

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE_BYTES = 1 << 18
_GOOD, _MARGIN, _WORDS_WORTH = 0.95, 0.02, 0.15
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\x80-\x9f]")
_RAW_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_UTF8_PAIR = re.compile(rb"[\xc2-\xdf][\x80-\xbf]")
_SMALL_LETTERS = frozenset(
    c for held in LANGUAGES.values() for c in held.letters if "\x80" < c < "\u0370" and c.islower()
)
_APART = "©®£×§•"  # noqa: RUF001 - the signs are the matter
_WORD = re.compile(r"[a-z]+")


class Guess(NamedTuple):
    """A single-byte encoding and how sure it is (0 to 1.15)."""

    encoding: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Text with Unix line ends, and what had to be done to get it."""

    text: str
    encoding: str
    notes: tuple[Note, ...] = ()


def decode(raw: bytes, declared: str | None = None) -> Decoded:
    """Decode a text file. ``declared`` is what the file says of itself, and is tried before a guess.

    Raises `Unreadable`: ``empty``, ``binary`` or ``encoding_unclear``.
    """
    found = _decode(raw, declared)
    text, notes = found.text, list(found.notes)
    if "\x00" in text:
        if text.count("\x00") > 0.3 * len(text):
            raise Unreadable("binary")
        text = text.replace("\x00", "")
        notes.append(Note(code="nul_bytes"))
    if (repaired := _undo_mojibake(text)) is not None:
        text = repaired
        notes.append(Note(code="mojibake_repaired"))
    if len(_CONTROLS.findall(text[:_SAMPLE_BYTES])) > 0.02 * min(len(text), _SAMPLE_BYTES):
        raise Unreadable("binary")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise Unreadable("empty")
    return Decoded(text=text, encoding=found.encoding, notes=tuple(notes))


def _decode(raw: bytes, declared: str | None) -> Decoded:
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return _decode_marked(raw[len(mark) :], encoding)
    if wide := _wide_without_mark(raw):
        return Decoded(text=raw.decode(wide), encoding=wide)
    try:
        return Decoded(text=raw.decode("utf-8"), encoding="utf-8")
    except UnicodeDecodeError as error:
        whole = raw[: error.start]
        if error.start >= len(raw) - 3 and error.reason == "unexpected end of data" and not whole.isascii():
            return Decoded(text=whole.decode("utf-8"), encoding="utf-8", notes=(Note(code="truncated_character"),))
    if declared and (text := _strictly(raw, declared)) is not None:
        return Decoded(text=text, encoding=declared)
    return _decode_lines(raw)


def _decode_marked(raw: bytes, encoding: str) -> Decoded:
    try:
        return Decoded(text=raw.decode(encoding), encoding=encoding)
    except UnicodeDecodeError as error:
        if error.start >= len(raw) - 3:
            note = Note(code="truncated_character")
            return Decoded(text=raw[: error.start].decode(encoding), encoding=encoding, notes=(note,))
        if encoding == "utf-8":
            return _decode_lines(raw)
        raise Unreadable("encoding_unclear", detail=f"marked as {encoding}, but it is not") from error


def _wide_without_mark(raw: bytes) -> str | None:
    """UTF-16 without a mark: text in any language of ours has far more zeros on one side, and no odd surrogate."""
    sample = raw[:_SAMPLE_BYTES]
    if len(raw) < 4 or len(raw) % 2:
        return None
    even, odd = sample[0::2].count(0) * 2 / len(sample), sample[1::2].count(0) * 2 / len(sample)
    for encoding, high, low in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if high > 0.5 and low < 0.02 and _strictly(raw, encoding) is not None:
            return encoding
    return None


def _decode_lines(raw: bytes) -> Decoded:
    """A single-byte text, or UTF-8 with one pasted into it: then what is UTF-8 stays so."""
    if len(_RAW_CONTROLS.findall(raw[:_SAMPLE_BYTES])) > 0.02 * min(len(raw), _SAMPLE_BYTES):
        raise Unreadable("binary")
    lines = raw.splitlines(keepends=True)
    others = [number for number, line in enumerate(lines) if _strictly(line, "utf-8") is None]
    broken = set(others)
    proper = any(not line.isascii() for number, line in enumerate(lines) if number not in broken)
    if not (proper or _has_utf8_letters(raw)):
        encoding = guess_single_byte(raw)
        note = Note(code="encoding_guessed", detail=encoding)
        return Decoded(text=raw.decode(encoding), encoding=encoding, notes=(note,))
    encoding = guess_single_byte(b"".join(_UTF8_PAIR.sub(b"", lines[number]) for number in others))
    text = "".join(_decode_mixed(line, encoding) for line in lines)
    where = f"{encoding} in {len(others)} lines, first in line {others[0] + 1}"
    return Decoded(text=text, encoding="utf-8", notes=(Note(code="mixed_encodings", detail=where),))


def _has_utf8_letters(raw: bytes) -> bool:
    """Whether bytes that are not UTF-8 as a whole hold a small Latin letter in it: hardly ever so by chance."""
    found = (pair.decode("utf-8", errors="ignore") for pair in _UTF8_PAIR.findall(raw))
    return any(letter in _SMALL_LETTERS for letter in found)


def _decode_mixed(line: bytes, encoding: str) -> str:
    pieces: list[str] = []
    while line:
        try:
            return "".join([*pieces, line.decode("utf-8")])
        except UnicodeDecodeError as error:
            pieces += [line[: error.start].decode("utf-8"), line[error.start : error.end].decode(encoding)]
            line = line[error.end :]
    return "".join(pieces)


def guess_single_byte(raw: bytes) -> str:
    """The encoding in which ``raw`` is made of one language's letters. Raises `Unreadable` ``encoding_unclear``."""
    sample = b"".join(re.findall(rb"[^\s]*[\x80-\xff][^\s]*\s?", raw)[:20_000])[:_SAMPLE_BYTES]
    words = _WORD.findall(raw[:_SAMPLE_BYTES].decode("ascii", errors="replace").lower())
    readings: dict[str, Guess] = {}
    for language in LANGUAGES.values():
        worth = _WORDS_WORTH * min(1.0, 4 * sum(word in language.words for word in words) / max(1, len(words)))
        for encoding in language.encodings:
            text = _strictly(sample, encoding)
            if text is None:
                continue
            guess = Guess(encoding, _likeness(text, language) + worth)
            if text not in readings or readings[text].score < guess.score:
                readings[text] = guess
    ranked = sorted(readings.values(), key=lambda guess: -guess.score)
    if not ranked or ranked[0].score < _GOOD or (len(ranked) > 1 and ranked[0].score - ranked[1].score < _MARGIN):
        raise Unreadable("encoding_unclear", detail=f"perhaps {ranked[0].encoding}" if ranked else "")
    if _strictly(raw, ranked[0].encoding) is None:
        raise Unreadable("encoding_unclear", detail=f"perhaps {ranked[0].encoding}")
    return ranked[0].encoding


def _likeness(text: str, language: Language) -> float:
    """The share of characters beyond ASCII that the language uses, less those in a place where no letter stands."""
    foreign = [letter for letter in text if letter > "\x7f"]
    if not foreign:
        return 0.0
    known = sum(letter in language.letters for letter in foreign)
    signs = sum(letter in COMMON_SIGNS for letter in foreign)
    return (known + 0.9 * signs - 0.5 * sum(map(_odd, text, text[1:]))) / len(foreign)


def _odd(one: str, other: str) -> bool:
    """What does not stand side by side: a capital after a small letter, two scripts, a sign and then a letter."""
    if one in _APART and other.isalpha():
        return True
    if not (one.isalpha() and other.isalpha()) or (one < "\x80" and other < "\x80"):
        return (one.isalpha() and other in "¿¡") or (one.isdigit() and other.isalpha())
    return (one.islower() and other.isupper()) or (one < "\u0370") != (other < "\u0370")


def _undo_mojibake(text: str) -> str | None:
    """UTF-8 that was read as Latin-1 or Windows-1252 and saved again, undone; None where it is not that."""
    if text.isascii():
        return None
    for wrong in ("latin-1", "cp1252"):
        try:
            repaired = text.encode(wrong).decode("utf-8")
        except UnicodeError:
            continue
        if len(text) - len(repaired) >= 3 and not _CONTROLS.search(repaired):
            return repaired
    return None


def _strictly(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None
