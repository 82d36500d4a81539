"""A tool call as it is being written: its name once that is known, then its arguments piece by piece.

Only the usual form is followed: a JSON object with the name first and an object of arguments second. Until a name of an
offered tool stands there nothing is said, so whatever else the model wrote can still be read as a whole.
"""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

HEAD = re.compile(
    r'[\s\[;,]*\{\s*"name"\s*:\s*(?P<name>"(?:[^"\\]|\\.)*")\s*,\s*"(?:arguments|parameters)"\s*:\s*(?=\{)'
)
HEAD_CHARACTERS = 1000
MARKS = re.compile(r'\\.|["\\{}]', re.DOTALL)
"""What changes where one is in a JSON text; an escaped character is passed over with its backslash."""


@dataclass(frozen=True, slots=True)
class CallPiece:
    """More of the arguments of the current call, or of a new one where ``name`` is set."""

    name: str | None
    arguments: str


class CallReader:
    """Follows the text between the marks of a call. ``heard`` counts its characters, ``begun`` the calls in it.

    Only tools in ``names`` are called, and no more than ``most`` times.
    """

    def __init__(self, names: Collection[str], most: int | None) -> None:
        self._names = names
        self._most = most
        self._state: Literal["head", "arguments", "tail", "lost"] = "head"
        self._head = ""
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self.heard = 0
        self.begun = 0

    @property
    def unread(self) -> str:
        """What came after the last call that was followed and is none so far, without the signs that join calls."""
        return self._head.strip(" \t\r\n[];,")

    def feed(self, text: str) -> list[CallPiece]:
        """Take more text; give what became certain, at most one piece for each call."""
        self.heard += len(text)
        pieces: list[CallPiece] = []
        while text:
            match self._state:
                case "head":
                    text = self._read_head(text, pieces)
                case "arguments":
                    text = self._read_arguments(text, pieces)
                case "tail":
                    text = text[self._end_of_object(text) :]
                    self._state = "tail" if self._depth else "head"
                case "lost":
                    self._head, text = self._head + text, ""
        return pieces

    def _read_head(self, text: str, pieces: list[CallPiece]) -> str:
        self._head += text
        found = HEAD.match(self._head)
        if found is None:
            self._state = "lost" if len(self._head) > HEAD_CHARACTERS else "head"
            return ""
        name = _text_of(found["name"])
        if name not in self._names or self.begun == self._most:
            self._state = "lost"
            return ""
        rest, self._head = self._head[found.end() :], ""
        self._state, self._depth = "arguments", 0
        self.begun += 1
        pieces.append(CallPiece(name, ""))
        return rest

    def _read_arguments(self, text: str, pieces: list[CallPiece]) -> str:
        end = self._end_of_object(text)
        last = pieces.pop() if pieces else CallPiece(None, "")
        pieces.append(CallPiece(last.name, last.arguments + text[:end]))
        if not self._depth:
            self._state, self._depth = "tail", 1
        return text[end:]

    def _end_of_object(self, text: str) -> int:
        """Where the object ends that the text is in, or the end of the text; ``_depth`` is 0 after it."""
        begin, self._escaped = int(self._escaped), False
        for mark in MARKS.finditer(text, begin):
            match mark[0]:
                case "\\":
                    self._escaped = True
                case '"':
                    self._in_string = not self._in_string
                case "{" if not self._in_string:
                    self._depth += 1
                case "}" if not self._in_string:
                    self._depth -= 1
                    if not self._depth:
                        return mark.end()
                case _:
                    pass
        return len(text)


def _text_of(literal: str) -> str:
    """The text of a JSON string; empty where it is none."""
    try:
        return str(json.loads(literal))
    except ValueError:
        return ""
