"""A text as a reader means it: without disguises, and with the way back to its own positions.

People and programs write one thing in many ways: no-break spaces, full-width digits, invisible characters, letters with
separate accents, JSON escapes, percent signs, HTML entities. Detectors read the plain view; findings are told in
positions of the text as it was given.
"""

import html
import re
import unicodedata
from array import array
from typing import Final

from tandem.routing.private.finding import Finding

_SPACES: Final = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_DASHES: Final = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u00ad\ufe58\ufe63\uff0d"
_UNSEEN: Final = (
    "\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
)


def _plain_letters() -> dict[int, str]:
    table = {ord(space): " " for space in _SPACES} | {ord(dash): "-" for dash in _DASHES}
    table |= {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
    digits = (chr(code) for code in range(0x660, 0x1E960) if unicodedata.category(chr(code)) == "Nd")
    table |= {ord(digit): str(unicodedata.digit(digit)) for digit in digits}
    return table | {ord("\u2019"): "'", ord("\u02bc"): "'", ord("\u2024"): ".", ord("\u3002"): ".", ord("\ufe52"): "."}


_PLAIN: Final = _plain_letters()
_DISGUISED: Final = re.compile(
    rf"(?P<unseen>[{_UNSEEN}]+)"
    r"|(?P<accent>[^\W\d_][\u0300-\u036f]+)"
    r"|(?P<code>\\+u[0-9A-Fa-f]{4})"
    r"|(?P<byte>\\+x[0-9A-Fa-f]{2})"
    r"|(?P<escape>\\+[\"'/nrtbf])"
    r"|(?P<percent>(?:%[0-9A-Fa-f]{2})+)"
    r"|(?P<entity>&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});)"
)
_MAY_BE_DISGUISED: Final = re.compile(rf"[{_UNSEEN}\u0300-\u036f\\%&]")
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "b": " ", "f": " "}


class View:
    """``text`` is the plain reading of the text given; ``place`` leads a finding in it back to the given positions."""

    __slots__ = ("_ends", "_starts", "text")

    def __init__(self, given: str) -> None:
        self._starts: array[int] | None = None
        self._ends: array[int] | None = None
        plain = given if given.isascii() else given.translate(_PLAIN)
        self.text = self._uncover(plain) if _MAY_BE_DISGUISED.search(plain) else plain

    @property
    def is_changed(self) -> bool:
        """Whether positions in ``text`` differ from those in the text given."""
        return self._starts is not None

    def place(self, finding: Finding) -> Finding:
        """The same finding, in positions of the text that was given."""
        if self._starts is None or self._ends is None:
            return finding
        return Finding(finding.label, self._starts[finding.start], self._ends[finding.end - 1], weak=finding.weak)

    def _uncover(self, plain: str) -> str:
        pieces: list[str] = []
        starts, ends = array("q"), array("q")
        done = 0
        for match in _DISGUISED.finditer(plain):
            start, end = match.span()
            shown = _shown(match)
            if shown is None:
                continue
            pieces += (plain[done:start], shown)
            starts.extend(range(done, start))
            ends.extend(range(done + 1, start + 1))
            starts.extend([start] * len(shown))
            ends.extend([end] * len(shown))
            done = end
        if not pieces:
            return plain
        pieces.append(plain[done:])
        starts.extend(range(done, len(plain)))
        ends.extend(range(done + 1, len(plain) + 1))
        self._starts, self._ends = starts, ends
        return "".join(pieces)


def _shown(match: re.Match[str]) -> str | None:
    """What the disguise stands for; ``None`` where it stands for itself."""
    written = match.group()
    match match.lastgroup:
        case "unseen":
            return ""
        case "accent":
            return unicodedata.normalize("NFC", written)
        case "code":
            return chr(int(written[-4:], 16)).translate(_PLAIN)
        case "byte":
            return chr(int(written[-2:], 16))
        case "escape":
            return _ESCAPES.get(written[-1], written[-1])
        case "percent":
            return bytes.fromhex(written.replace("%", "")).decode("utf-8", "replace")
        case _:
            shown = html.unescape(written)
            return None if shown == written else shown
