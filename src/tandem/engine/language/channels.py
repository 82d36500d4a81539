"""One stream of generated text, told apart into thoughts, the answer and tool calls."""

from dataclasses import dataclass
from typing import Literal

from tandem.core.templates import THINK, UNTHINK
from tandem.engine.stops import overlap

Channel = Literal["opening", "thinking", "speaking", "calling"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the stream. A ``call`` is all the text between the marks of a tool call, ``marked`` includes them."""

    kind: Literal["text", "reasoning", "call"]
    text: str
    marked: str = ""


@dataclass(frozen=True, slots=True)
class CallMark:
    """What opens a tool call and what closes it; where ``closes`` is empty the call lasts to the end of the answer.

    So many characters at the end of ``opens`` as ``keeps`` says belong to the call itself.
    """

    opens: str
    closes: str = ""
    keeps: int = 0


NO_MARK = CallMark("")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMarks:
    """The marks of one family. ``bare`` says that an answer which begins with a brace is a call."""

    marks: tuple[CallMark, ...]
    bare: bool = False


class Channels:
    """Follows the marks in a stream of text. ``thinking`` starts in a thought; ``may_think`` lets the answer open one.

    Marks may be cut anywhere. ``channel`` is where the stream is now, ``held`` how many characters wait because they
    may yet become a mark.
    """

    def __init__(self, *, thinking: bool = False, may_think: bool = False, marks: CallMarks | None = None) -> None:
        self.channel: Channel = "thinking" if thinking else "opening"
        self._may_think = may_think
        self._marks = marks
        self._buffer = ""
        self._trim = thinking
        self._opened = NO_MARK
        self.since_mark = ""

    @property
    def held(self) -> int:
        """Characters that are not yet told apart."""
        return len(self._buffer)

    @property
    def inside(self) -> str:
        """What was written of the call that the stream is in, as far as it cannot be the mark that closes it."""
        if self.channel != "calling":
            return ""
        return self._buffer[: len(self._buffer) - overlap(self._buffer, self._awaited())]

    @property
    def trivial(self) -> bool:
        """Whether nothing but plain text can come."""
        return self._marks is None and not (self._may_think or self._trim) and self.channel != "thinking"

    def feed(self, text: str) -> list[Segment]:
        """Take more text; give the segments that are certain."""
        if self.trivial:
            self.channel = "speaking"
            return [Segment("text", text)] if text else []
        self._buffer += text
        segments: list[Segment] = []
        while self._step(segments):
            pass
        return segments

    def flush(self) -> list[Segment]:
        """What was held back, now that no more comes. An unfinished call is given as a call."""
        rest, self._buffer = self._buffer, ""
        return self._segments(rest) if rest or self.channel == "calling" else []

    def _step(self, segments: list[Segment]) -> bool:
        """Move over the next mark in the buffer; ``False`` where more text is needed first."""
        if self.channel == "opening" and not self._open():
            return False
        marks = self._awaited()
        found = [(at, -len(mark), mark) for mark in marks if (at := self._buffer.find(mark)) >= 0]
        if found:
            at, _, mark = min(found)
            before, self._buffer = self._buffer[:at], self._buffer[at:]
            segments += self._segments(before.rstrip() if self.channel == "thinking" else before, mark)
            self._cross(mark)
            return bool(self._buffer)
        if self.channel != "calling":
            keep = overlap(self._buffer, marks)
            before = self._buffer[: len(self._buffer) - keep]
            if self.channel == "thinking":
                before = before.rstrip()
            self._buffer = self._buffer[len(before) :]
            segments += self._segments(before)
        return False

    def _open(self) -> bool:
        """Decide how the answer begins; ``False`` while that cannot be said."""
        begun = self._buffer.lstrip()
        if not begun:
            return False
        if self._may_think and begun.startswith(THINK):
            self.channel, self._buffer, self._trim = "thinking", begun.removeprefix(THINK), True
            self.since_mark = self._buffer
        elif self._may_think and THINK.startswith(begun):
            return False
        elif self._marks is not None and self._marks.bare and begun.startswith("{"):
            self.channel, self._opened = "calling", NO_MARK
            self.since_mark = begun
        else:
            self.channel = "speaking"
        return True

    def _awaited(self) -> tuple[str, ...]:
        if self.channel == "thinking":
            return (UNTHINK,)
        if self._marks is None:
            return ()
        if self.channel == "calling":
            return (self._opened.closes,) if self._opened.closes else ()
        return tuple(mark.opens for mark in self._marks.marks)

    def _cross(self, mark: str) -> None:
        """A mark is passed."""
        opening = self.channel == "speaking" and self._marks is not None
        self._opened = (
            next(one for one in self._marks.marks if one.opens == mark) if opening and self._marks else NO_MARK
        )
        self.channel = "calling" if opening else "speaking"
        self._trim = not opening
        self._buffer = self._buffer[len(mark) - self._opened.keeps :]
        self.since_mark = self._buffer

    def _segments(self, text: str, closing: str = "") -> list[Segment]:
        if self.channel == "calling":
            opened = self._opened.opens[: len(self._opened.opens) - self._opened.keeps]
            return [Segment("call", text, opened + text + closing)]
        if self._trim:
            text = text.lstrip("\r\n") if self.channel == "thinking" else text.lstrip()
            self._trim = not text
        kind = "reasoning" if self.channel == "thinking" else "text"
        return [Segment(kind, text)] if text else []
