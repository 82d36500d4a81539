"""Collects blocks while a file is read: keeps the path of headings, counts lines, and holds the text to its limit."""

import re
import unicodedata
from collections.abc import Sequence

from tandem.rag.read.document import Block, Document, Kind, Note, PageUnit, Unreadable
from tandem.rag.read.limits import Limits

_SPACES = re.compile(r"[ \t\u00a0\u2007\u202f]+")
_UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\u00ad\ud800-\udfff]")


def one_line(text: str) -> str:
    """All white space as single spaces."""
    return " ".join(text.split())


def clean(text: str) -> str:
    """Composed (NFC), without control characters, soft hyphens and half characters; line ends trimmed."""
    text = _UNWANTED.sub("", unicodedata.normalize("NFC", text))
    return "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")


def tidy(text: str) -> str:
    """`clean`, with runs of spaces joined and empty lines at the ends removed."""
    return "\n".join(_SPACES.sub(" ", line).strip() for line in clean(text).split("\n")).strip("\n")


def table_text(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a Markdown table; the first row is its head. Cells are one line each; short rows are filled."""
    rows = [[one_line(cell).replace("|", "\\|") for cell in row] for row in rows]
    width = max((len(row) for row in rows), default=0)
    lines = ["| " + " | ".join([*row, *[""] * (width - len(row))]) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " - |" * width, *lines[1:]]) if lines else ""


class Blocks:
    """Add to it in reading order. Where no lines are given they are counted, with an empty line between blocks."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.notes: list[Note] = []
        self._blocks: list[Block] = []
        self._path: list[tuple[int, str]] = []
        self._chars = 0
        self._next_line = 1
        self.page: int | None = None

    def turn_to(self, page: int) -> None:
        """What follows is on ``page``."""
        if page != self.page:
            self.page, self._next_line = page, 1

    def heading(self, level: int, text: str, lines: tuple[int, int] | None = None) -> None:
        """Open a section; deeper or equal ones above it end."""
        text = one_line(clean(text))
        if text:
            self._close_sections(level)
            self._add("heading", text, lines, level)
            self._path.append((level, text))

    def add(self, kind: Kind, text: str, lines: tuple[int, int] | None = None) -> None:
        """Add a block; one without text is left out."""
        text = clean(text) if kind in {"code", "table"} else tidy(text)
        if text.strip():
            self._add(kind, text, lines, 0)

    def table(self, rows: Sequence[Sequence[str]], lines: tuple[int, int] | None = None) -> None:
        """Add a table, without rows that are empty."""
        kept = [row for row in rows if any(cell.strip() for cell in row)]
        self.add("table", table_text(kept), lines)

    def under(self, level: int, text: str) -> None:
        """Name a section that has no heading of its own in the text, such as a sheet."""
        self._close_sections(level)
        if text := one_line(clean(text)):
            self._path.append((level, text))

    def document(
        self,
        *,
        format_name: str,
        title: str = "",
        pages: int = 0,
        unit: PageUnit | None = None,
        encoding: str | None = None,
    ) -> Document:
        """What was collected. Raises `Unreadable` ``empty`` where that is nothing."""
        if not self._blocks:
            raise Unreadable("empty")
        title = one_line(clean(title)) or next((b.text for b in self._blocks if b.kind == "heading"), "")
        return Document(
            format=format_name,
            blocks=tuple(self._blocks),
            title=title[:300],
            pages=pages,
            page_unit=unit,
            encoding=encoding,
            notes=tuple(dict.fromkeys(self.notes)),
        )

    def __bool__(self) -> bool:
        return bool(self._blocks)

    def _close_sections(self, level: int) -> None:
        while self._path and self._path[-1][0] >= level:
            self._path.pop()

    def _add(self, kind: Kind, text: str, lines: tuple[int, int] | None, level: int) -> None:
        self._chars += len(text) + 16
        if self._chars > self.limits.text_chars:
            raise Unreadable("too_large", detail=f"more than {self.limits.text_chars:,} characters of text")
        if lines is None:
            first = self._next_line
            lines = (first, first + text.count("\n"))
            self._next_line = lines[1] + 2
        headings = tuple(text for _, text in self._path)
        self._blocks.append(
            Block(
                kind=kind,
                text=text,
                start_line=lines[0],
                end_line=lines[1],
                page=self.page,
                level=level,
                headings=headings,
            )
        )
