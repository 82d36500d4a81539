"""Puts originals back into a stream. Holds back only what may still become a stand-in."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

_JSON_UNIT: Final = re.compile(r'\\u[0-9A-Fa-f]{4}|\\["\\/bfnrt]|[^\\]', re.DOTALL)
_JSON_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?\Z")


class Restorer:
    """Give it the pieces of an answer as they come; it gives back what may be shown already.

    ``originals`` leads from stand-in to original. With ``in_json`` the pieces are JSON text, such as a tool call's
    arguments: stand-ins are met escaped or not, and originals are escaped as JSON wants them.
    """

    __slots__ = ("_held", "_in_json", "_in_string", "_longest", "_originals", "_pattern", "_prefixes")

    def __init__(self, originals: Mapping[str, str], *, in_json: bool = False) -> None:
        self._originals = originals
        self._in_json = in_json
        self._in_string = False
        ordered = sorted(originals, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None
        self._prefixes = frozenset(name[:size] for name in ordered for size in range(1, len(name)))
        self._longest = max(map(len, ordered), default=0)
        self._held: list[str] = []

    def feed(self, piece: str) -> str:
        """The next piece of the answer; returns what is certain by now."""
        if self._pattern is None:
            return piece
        return self._pass_on(piece, last=False)

    def end(self) -> str:
        """The answer is over: returns what was held back."""
        return "" if self._pattern is None else self._pass_on("", last=True)

    def _pass_on(self, piece: str, *, last: bool) -> str:
        units, broken = self._units("".join(self._held) + piece, last=last)
        shown = "".join(map(_meant, units)) if self._in_json else "".join(units)
        wait = len(shown) if last else self._waits_from(shown)
        given: list[str] = []
        done = 0
        while self._pattern is not None and (match := self._pattern.search(shown, done)) and match.start() < wait:
            given += self._plain(units[done : match.start()])
            given.append(self._original(match.group()))
            done = match.end()
        wait = max(wait, done)
        given += self._plain(units[done:wait])
        self._held = [*units[wait:], broken]
        if last:
            given += self._held
            self._held = []
        return "".join(given)

    def _units(self, raw: str, *, last: bool) -> tuple[list[str], str]:
        """The raw text in units of one character each (an escape is one), and the beginning of an unfinished escape."""
        if not self._in_json:
            return list(raw), ""
        units: list[str] = []
        at = 0
        while at < len(raw):
            match = _JSON_UNIT.match(raw, at)
            if match is None and not last and len(raw) - at < 6:
                return units, raw[at:]
            unit = match.group() if match else raw[at]
            units.append(unit)
            at += len(unit)
        return units, ""

    def _waits_from(self, shown: str) -> int:
        """Where the longest end of ``shown`` begins that may grow into a stand-in."""
        for size in range(min(self._longest - 1, len(shown)), 0, -1):
            if shown[-size:] in self._prefixes:
                return len(shown) - size
        return len(shown)

    def _plain(self, units: list[str]) -> Iterator[str]:
        if self._in_json:
            for unit in units:
                if unit == '"':
                    self._in_string = not self._in_string
        yield from units

    def _original(self, stand_in: str) -> str:
        original = self._originals[stand_in]
        if not self._in_json:
            return original
        if self._in_string or _JSON_NUMBER.match(original) is None:
            written = json.dumps(original, ensure_ascii=False)
            return written[1:-1] if self._in_string else written
        return original


def _meant(unit: str) -> str:
    if len(unit) == 1:
        return unit
    if unit[1] == "u":
        return chr(int.from_bytes(bytes.fromhex(unit[2:])))
    return json.loads(f'"{unit}"')
