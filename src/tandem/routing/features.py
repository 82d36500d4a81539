"""What the task and difficulty models see of a prompt: hashed words and runs of characters, and a few counts.

One pass, bounded: of a long text only the opening and the end are read, since that is where people say what they want.
Every run is hashed by one polynomial over prefix sums (Karp and Rabin, 1987), so that a prompt costs some numpy calls
and no loop over its words. Capitals become small, Polish letters plain and digits one digit, in one table.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

HEAD = 1_000  # code points read at the beginning of a long text
TAIL = 500  # and at its end
BUCKET_BITS = 16  # hashed features share 2**16 rows of weights; a smaller model drops low bits
OPENING = 8  # words that count as the opening of a prompt
CLOSING = 10  # words that count as its end
STEM = 5  # letters of a word that survive most Polish and English endings
RUNS = (3, 4, 5)  # lengths of the runs of characters
RUNS_HEAD, RUNS_TAIL = 300, 200  # code points in which they are taken

_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that it has an inverse modulo 2**64
_MIX = np.uint64(0xD6E8FEB86659FD93)
_LETTER, _DIGIT, _MARK, _IDEOGRAPH = 1, 2, 3, 4  # kinds of characters; 0 is space
_MARKS = "\n!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~0"  # counted one by one; 0 stands for every digit
_OPTION = re.compile(r"(?:^|\s)\(?[A-Ea-e][).:] ?\S")
_LIST_ITEM = re.compile(r"^ {0,8}(?:\d{1,3}[.)]|[-*•]) ", re.MULTILINE)

Ids = NDArray[np.uint64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A prompt as a model sees it.

    `buckets` int64 [n] in [0, 2**BUCKET_BITS) with `amounts` float32 [n]: the hashed features, each group of unit
    length. `words` uint64 [w]: hashes of the words, in order. `counts` float32 [COUNTS]: lengths, marks and scripts.
    """

    buckets: NDArray[np.int64]
    amounts: Floats
    words: Ids
    counts: Floats


COUNTS = len(_MARKS) + 13


def read(text: str) -> Reading:
    """Read `text`, at most HEAD + TAIL code points of it. Any string is fine, lone surrogates and emptiness too."""
    seen = text if len(text) <= HEAD + TAIL else f"{text[:HEAD]}\n{text[-TAIL:]}"
    codes = np.frombuffer(seen.encode("utf-32-le", "surrogatepass"), "<u4")
    table = _tables()
    near = np.minimum(codes, 0xFFFF)
    plain, kinds = table.plain[near], table.kinds[near]
    sums = _prefix_sums(plain)
    starts, ends = _word_bounds(kinds)
    words = _hashes(sums, starts, ends)
    buckets, amounts = _groups(sums, words, _hashes(sums, starts, np.minimum(starts + STEM, ends)))
    counts = _counts(text, seen, codes, plain, kinds)
    return Reading(buckets=buckets, amounts=amounts, words=words, counts=counts)


@dataclass(frozen=True, slots=True)
class _Tables:
    plain: NDArray[np.uint32]  # [65536] the letter that stands for each code point
    kinds: NDArray[np.uint8]  # [65536] space, letter, digit, mark or ideograph
    powers: Ids  # [HEAD + TAIL + 2] of the base
    inverses: Ids  # of those


@cache
def _tables() -> _Tables:
    plain = np.arange(0x10000, dtype=np.uint32)
    kinds = np.full(0x10000, _LETTER, np.uint8)
    for code in range(0x530):
        plain[code], kinds[code] = _plain_letter(chr(code)), _kind(chr(code))
    for first, last in (
        (0x2000, 0x2BFF),
        (0x3000, 0x303F),
        (0xFF00, 0xFF20),
        (0xFE00, 0xFE0F),
        (0xD800, 0xF8FF),
        (0xFFF0, 0xFFFF),
    ):
        kinds[first : last + 1] = _MARK
    kinds[0x2E80:0x3000] = kinds[0x3040:0xA000] = _IDEOGRAPH
    kinds[[0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF, *range(0x2000, 0x200C)]] = 0
    plain[[0x2018, 0x2019]], plain[[0x201C, 0x201D, 0x201E]] = ord("'"), ord('"')
    length = HEAD + TAIL + 2
    inverse = np.uint64(pow(int(_BASE), -1, 1 << 64))
    return _Tables(plain, kinds, _powers(_BASE, length), _powers(inverse, length))


def _powers(base: np.uint64, count: int) -> Ids:
    powers = np.full(count, base, np.uint64)
    powers[0] = 1
    return np.multiply.accumulate(powers)


def _plain_letter(letter: str) -> int:
    first = unicodedata.normalize("NFKD", letter)[0].lower()[0]
    if first.isdigit():
        return ord("0")
    return ord({"ł": "l", "ß": "s", "ø": "o", "đ": "d", "æ": "a"}.get(first, first))


def _kind(letter: str) -> int:
    if letter.isspace() or unicodedata.category(letter) == "Cc":
        return 0
    if letter.isdigit():
        return _DIGIT
    return _LETTER if letter.isalpha() or letter in "'_" else _MARK


def _prefix_sums(plain: NDArray[np.uint32]) -> Ids:
    sums = np.zeros(len(plain) + 1, np.uint64)
    np.cumsum((plain + np.uint64(1)) * _tables().powers[: len(plain)], out=sums[1:])
    return sums


def _hashes(sums: Ids, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Ids:
    """The hash of each run [start, end), the same wherever in the text the run stands."""
    raw = (sums[ends] - sums[starts]) * _tables().inverses[starts]
    return (raw ^ (raw >> np.uint64(29))) * _MIX


def _runs(sums: Ids, first: int, last: int, length: int) -> Ids:
    """Hashes of all runs of `length` characters within [first, last)."""
    stop = max(first, last - length + 1)
    raw = (sums[first + length : stop + length] - sums[first:stop]) * _tables().inverses[first:stop]
    return (raw ^ (raw >> np.uint64(29))) * _MIX


def _word_bounds(kinds: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where words begin and end: runs of letters and digits; each mark and each ideograph is a word of its own."""
    inside = (kinds == _LETTER) | (kinds == _DIGIT)
    before = np.concatenate((np.zeros(1, bool), inside[:-1]))
    after = np.concatenate((inside[1:], np.zeros(1, bool)))
    alone = kinds >= _MARK
    starts = np.flatnonzero((inside & ~before) | alone)
    ends = np.flatnonzero((inside & ~after) | alone) + 1
    return starts, ends


def _groups(sums: Ids, words: Ids, stems: Ids) -> tuple[NDArray[np.int64], Floats]:
    """All hashed features: one group for each way of looking, each of unit length over its distinct members."""
    pairs = _pairs(words)
    opening, closing = words[:OPENING], words[-CLOSING:]
    groups = [
        _distinct(words),
        _distinct(pairs),
        _distinct(stems),
        _pairs(stems),
        np.concatenate((opening, _pairs(opening))),
        np.concatenate((closing, _pairs(closing))),
        words[:3] + np.arange(len(words[:3]), dtype=np.uint64),
        opening[2:] * np.uint64(3) + opening[:-2] if len(opening) > 2 else opening[:0],
        *_character_runs(sums),
    ]
    sizes = [len(group) for group in groups]
    seeds = np.repeat(_seeds(len(groups)), sizes)
    amounts = np.repeat(1.0 / np.sqrt(np.maximum(sizes, 1)), sizes)
    buckets = (np.concatenate(groups) * seeds) >> np.uint64(64 - BUCKET_BITS)
    return buckets.astype(np.int64), amounts.astype(np.float32)


def _distinct(ids: Ids) -> Ids:
    """Each once, in order: what `np.unique` gives, in half of its time for some eighty."""
    ordered = np.sort(ids)
    return ordered[np.concatenate((np.ones(len(ids[:1]), bool), ordered[1:] != ordered[:-1]))]


def _pairs(words: Ids) -> Ids:
    return words[1:] * np.uint64(3) + words[:-1]


def _character_runs(sums: Ids) -> list[Ids]:
    length = len(sums) - 1
    if length <= RUNS_HEAD + RUNS_TAIL:
        return [_runs(sums, 0, length, run) for run in RUNS]
    windows = (0, RUNS_HEAD), (length - RUNS_TAIL, length)
    return [np.concatenate([_runs(sums, first, last, run) for first, last in windows]) for run in RUNS]


@cache
def _seeds(count: int) -> Ids:
    return _powers(np.uint64(0xA0761D6478BD642F), count + 1)[1:]


def _counts(
    text: str, seen: str, codes: NDArray[np.uint32], plain: NDArray[np.uint32], kinds: NDArray[np.uint8]
) -> Floats:
    """Lengths, marks, scripts and layout, each as a small number near [0, 8]."""
    length = max(1, len(codes))
    marks = np.bincount(np.minimum(plain, 128), minlength=129)[_mark_codes()]
    amounts = np.bincount(kinds, minlength=5)
    capitals = int(np.count_nonzero((codes >= 65) & (codes <= 90)))
    words = 1 + seen.count(" ") + seen.count("\n")
    shape = (
        np.log1p(len(text)), np.log1p(words), np.log1p(max(len(line) for line in seen.split("\n"))),
        8 * amounts[_DIGIT] / length, 8 * amounts[_MARK] / length, 8 * amounts[_IDEOGRAPH] / length,
        8 * capitals / length,
        8 * np.count_nonzero((codes >= 0x400) & (codes < 0x530)) / length,
        np.log1p(np.count_nonzero(codes > 127)),
        float("```" in seen), float(text.rstrip()[-1:] == "?"),
        np.log1p(len(_OPTION.findall(seen))), np.log1p(len(_LIST_ITEM.findall(seen))),
    )  # fmt: skip
    return np.concatenate((np.log1p(marks), shape)).astype(np.float32)


@cache
def _mark_codes() -> NDArray[np.int64]:
    return np.array([ord(mark) for mark in _MARKS], np.int64)
