"""Markdown and plain text by lines: no library, since blocks and their lines are all that is wanted."""

import re
from collections.abc import Callable, Sequence

from tandem.rag.read.blocks import Blocks
from tandem.rag.read.document import Document
from tandem.rag.read.encodings import decode
from tandem.rag.read.limits import Limits

_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))??(?:[ \t]+#+)?[ \t]*$")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})([^`]*)$")
_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])[ \t]+\S")
_DIVIDER = re.compile(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")
_RULE = re.compile(r" {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$")
_IMAGE = re.compile(r"!\[([^\]\n]{0,500})\]\([^)\n]{0,2000}\)")
_LINK = re.compile(r"\[([^\]\n]{1,500})\]\([^)\n]{0,2000}\)")
_TAG = re.compile(r"</?[a-zA-Z][^<>\n]{0,500}>|<!--.{0,2000}?-->", re.DOTALL)
_PARAGRAPH_LINES = 60


def read_markdown(raw: bytes, limits: Limits) -> Document:
    """Read Markdown. Raises `Unreadable`."""
    found = decode(raw)
    blocks = Blocks(limits)
    blocks.notes.extend(found.notes)
    add_markdown(found.text.split("\n"), blocks)
    return blocks.document(format_name="markdown", encoding=found.encoding)


def read_text(raw: bytes, limits: Limits) -> Document:
    """Read plain text: paragraphs are parted by empty lines. Raises `Unreadable`."""
    found = decode(raw)
    blocks = Blocks(limits)
    blocks.notes.extend(found.notes)
    add_paragraphs(found.text.split("\n"), blocks)
    return blocks.document(format_name="text", encoding=found.encoding)


def add_paragraphs(lines: Sequence[str], blocks: Blocks, first_line: int = 1) -> None:
    """Add plain text, whose first line has the number ``first_line``. A very long paragraph is cut."""
    start = 0
    for index in range(len(lines) + 1):
        ended = index == len(lines) or not lines[index].strip() or index - start >= _PARAGRAPH_LINES
        if not ended:
            continue
        blocks.add("paragraph", "\n".join(lines[start:index]), (first_line + start, first_line + max(start, index - 1)))
        start = index if index < len(lines) and lines[index].strip() else index + 1


def add_markdown(lines: Sequence[str], blocks: Blocks) -> None:
    """Add Markdown whose first line is line 1 of the page."""
    _Markdown(lines, blocks).read()


class _Markdown:
    def __init__(self, lines: Sequence[str], blocks: Blocks) -> None:
        self._lines = lines
        self._blocks = blocks
        self._at = 0

    def read(self) -> None:
        self._front_matter()
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if not line.strip() or _RULE.match(line):
                self._at += 1
            elif match := _ATX.match(line):
                self._blocks.heading(len(match[1]), _plain(match[2] or ""), (self._at + 1, self._at + 1))
                self._at += 1
            elif fence := _FENCE.match(line):
                self._fenced(fence[1])
            elif "|" in line and self._at + 1 < len(self._lines) and _is_divider(self._lines[self._at + 1]):
                self._take("table", lambda here: "|" not in here)
            elif line.startswith(("    ", "\t")) and not _ITEM.match(line):
                self._take("code", lambda here: not here.startswith(("    ", "\t")))
            elif _ITEM.match(line):
                self._list()
            else:
                self._paragraph()

    def _front_matter(self) -> None:
        if self._lines and self._lines[0].rstrip() == "---":
            for index in range(1, min(len(self._lines), 200)):
                if self._lines[index].rstrip() in {"---", "..."}:
                    self._blocks.add("code", "\n".join(self._lines[1:index]), (2, max(2, index)))
                    self._at = index + 1
                    return

    def _fenced(self, fence: str) -> None:
        start, end = self._at + 1, self._at + 1
        while end < len(self._lines) and not _closes(self._lines[end], fence):
            end += 1
        self._blocks.add("code", "\n".join(self._lines[start:end]), (start + 1, max(start + 1, end)))
        self._at = end + 1

    def _take(self, kind: str, ends: Callable[[str], bool]) -> None:
        start = self._at
        while self._at < len(self._lines) and self._lines[self._at].strip() and not ends(self._lines[self._at]):
            self._at += 1
        text = "\n".join(self._lines[start : self._at])
        self._blocks.add("table" if kind == "table" else "code", text, (start + 1, self._at))

    def _list(self) -> None:
        """A list goes on over empty lines as long as what follows is an item or is indented."""
        start, end = self._at, self._at + 1
        while end < len(self._lines):
            line = self._lines[end]
            if not line.strip():
                after = self._lines[end + 1] if end + 1 < len(self._lines) else ""
                if not (_ITEM.match(after) or (after.startswith(("  ", "\t")) and after.strip())):
                    break
            elif _ATX.match(line) or _RULE.match(line) or _FENCE.match(line):
                break
            end += 1
        lines = [line for line in self._lines[start:end] if line.strip()]
        self._blocks.add("list", "\n".join(_plain(line) for line in lines), (start + 1, end))
        self._at = end

    def _paragraph(self) -> None:
        start, end = self._at, self._at + 1
        while end < len(self._lines) and self._lines[end].strip() and end - start < _PARAGRAPH_LINES:
            line = self._lines[end]
            if (setext := _SETEXT.match(line)) and end - start <= 3:
                level = 1 if setext[1][0] == "=" else 2
                self._blocks.heading(level, _plain(" ".join(self._lines[start:end])), (start + 1, end + 1))
                self._at = end + 1
                return
            if _ATX.match(line) or _FENCE.match(line) or _ITEM.match(line):
                break
            end += 1
        self._blocks.add("paragraph", _plain("\n".join(self._lines[start:end])), (start + 1, end))
        self._at = end


def _plain(text: str) -> str:
    """Words without the addresses of links and pictures and without HTML tags; emphasis marks stay."""
    return _TAG.sub("", _LINK.sub(r"\1", _IMAGE.sub(r"\1", text)))


def _is_divider(line: str) -> bool:
    return "-" in line and len(line) < 5000 and _DIVIDER.match(line) is not None


def _closes(line: str, fence: str) -> bool:
    bare = line.strip()
    return bare.startswith(fence) and not bare.strip(fence[0])
