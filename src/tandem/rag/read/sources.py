"""Source code, notebooks and comma-separated tables: text with a grammar light enough to follow by lines."""

import csv
import io
import json
import re
from itertools import pairwise
from typing import Any, cast

from tandem.rag.read.blocks import Blocks
from tandem.rag.read.document import Document, Unreadable
from tandem.rag.read.encodings import decode
from tandem.rag.read.limits import Limits
from tandem.rag.read.markdown import add_markdown

_ROWS_IN_TABLE = 40
_LINES_IN_PIECE = 60
_OUTERMOST = re.compile(
    r"(?:(?:export|public|private|protected|internal|static|async|abstract|final|pub(?:\([^)]{0,40}\))?|default) )*"
    r"(?:def|class|function|func|fn|struct|enum|interface|trait|impl|type|module|namespace|package|object|record|sub|proc)"
    r"\b[ \t]+([\w.$~]+(?:::[\w~]+)*)"
)
_SNIFFED = ",;\t|"


def read_code(raw: bytes, limits: Limits) -> Document:
    """Read source code: a piece for each outermost definition, under its name. Raises `Unreadable`."""
    found = decode(raw)
    blocks = Blocks(limits)
    blocks.notes.extend(found.notes)
    lines = found.text.split("\n")
    starts = [0, *(n for n, line in enumerate(lines) if n and _OUTERMOST.match(line[:400])), len(lines)]
    for start, end in pairwise(starts):
        named = _OUTERMOST.match(lines[start][:400]) if start < len(lines) else None
        blocks.under(1, named[1] if named else "")
        _pieces(lines, start, end, blocks)
    return blocks.document(format_name="code", encoding=found.encoding)


def _pieces(lines: list[str], start: int, end: int, blocks: Blocks) -> None:
    for first in range(start, end, _LINES_IN_PIECE):
        last = min(end, first + _LINES_IN_PIECE)
        blocks.add("code", "\n".join(lines[first:last]), (first + 1, last))


def read_notebook(raw: bytes, limits: Limits) -> Document:
    """Read a Jupyter notebook: a page for each cell; lines count in the cell, outputs after it. Raises `Unreadable`."""
    found = decode(raw)
    try:
        held: Any = json.loads(found.text)
    except RecursionError as error:
        raise Unreadable("too_deep", detail="JSON") from error
    except ValueError as error:
        raise Unreadable("broken", detail="JSON") from error
    cells = _listed(_mapping(held).get("cells"))
    if not cells:
        cells = [
            c for sheet in _listed(_mapping(held).get("worksheets")) for c in _listed(_mapping(sheet).get("cells"))
        ]
    blocks = Blocks(limits)
    blocks.notes.extend(found.notes)
    for number, cell in enumerate(map(_mapping, cells), 1):
        blocks.turn_to(number)
        _cell(cell, blocks)
    return blocks.document(format_name="notebook", pages=len(cells), unit="cell", encoding=found.encoding)


def _cell(cell: dict[str, Any], blocks: Blocks) -> None:
    source = _joined(cell.get("source", cell.get("input")))
    lines = source.split("\n")
    if cell.get("cell_type") in {"markdown", "heading"}:
        add_markdown(lines, blocks)
        return
    blocks.add("code" if cell.get("cell_type") == "code" else "paragraph", source, (1, len(lines)))
    after = len(lines) + 1
    for output in map(_mapping, _listed(cell.get("outputs"))):
        shown = _joined(output.get("text") or _mapping(output.get("data")).get("text/plain"))
        blocks.add("code", shown, (after, after + shown.count("\n")))
        after += shown.count("\n") + 1


def _mapping(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _listed(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _joined(value: object) -> str:
    if isinstance(value, list):
        return "".join(str(piece) for piece in cast("list[object]", value))
    return value if isinstance(value, str) else ""


def read_csv(raw: bytes, limits: Limits) -> Document:
    """Read separated values: tables of up to 40 rows, each with the head repeated. Raises `Unreadable`."""
    found = decode(raw)
    blocks = Blocks(limits)
    blocks.notes.extend(found.notes)
    reader = csv.reader(io.StringIO(found.text, newline=""), delimiter=_delimiter(found.text))
    head: list[str] | None = None
    rows: list[list[str]] = []
    start, last = 1, 0
    try:
        for row in reader:
            if head is None and any(row):
                head = row
            elif any(row):
                rows.append(row)
            if head is not None and len(rows) >= _ROWS_IN_TABLE:
                blocks.table([head, *rows], (start, reader.line_num))
                rows, start = [], reader.line_num + 1
            last = reader.line_num if any(row) else last
    except csv.Error as error:
        raise Unreadable("broken", detail=f"line {reader.line_num}") from error
    if head is not None and (rows or not blocks):
        blocks.table([head, *rows], (start, max(start, last)))
    return blocks.document(format_name="csv", encoding=found.encoding)


def _delimiter(text: str) -> str:
    """The sign that parts the first lines most evenly; a comma where none does."""
    lines = [line for line in text[:20_000].split("\n")[:21] if line.strip()][:20]
    best, most = ",", 0.0
    for sign in _SNIFFED:
        counts = [len(row) - 1 for row in csv.reader(lines, delimiter=sign)]
        usual = max(set(counts), key=counts.count) if counts else 0
        worth = usual * counts.count(usual) ** 2 / max(1, len(counts)) ** 2 if usual else 0.0
        if worth > most:
            best, most = sign, worth
    return best
