"""Workbooks: a page for each sheet, its rows as tables, divided where rows are empty. Values as last computed."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from tandem.rag.read.blocks import Blocks
from tandem.rag.read.charts import add_charts
from tandem.rag.read.document import Document
from tandem.rag.read.limits import Limits
from tandem.rag.read.package import Package
from tandem.rag.read.xml import Element

_CELL = re.compile(r"([A-Z]{1,3})([0-9]{1,7})$")
_DATE = re.compile(r"[ymdhs]")
_QUOTED = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|General', re.IGNORECASE)
_DATE_FORMATS = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_COLUMNS_MOST = 1024
_ROWS_IN_TABLE = 40
Row = tuple[int, list[str]]


def read_xlsx(raw: bytes, limits: Limits) -> Document:
    """Read a ``.xlsx`` or ``.xlsm``. Raises `Unreadable`."""
    package = Package(raw, limits)
    main = "xl/workbook.xml"
    root, relations = package.xml(main), package.relations(main)
    cells = _Cells(package)
    blocks = Blocks(limits)
    sheets = [sheet for sheet in root.all("sheet") if relations.get(sheet.get("r:id"))]
    for number, sheet in enumerate(sheets, 1):
        blocks.turn_to(number)
        blocks.under(1, sheet.get("name"))
        name = relations[sheet.get("r:id")]
        if package.has(name):
            _tables(_rows(package.xml(name), cells), blocks)
            _comments(package, name, blocks)
            for target in package.relations(name).values():
                add_charts(package, target, blocks)
    return blocks.document(format_name="xlsx", pages=len(sheets), unit="sheet")


def _comments(package: Package, name: str, blocks: Blocks) -> None:
    for target in package.relations(name).values():
        if "comments" in target and "thread" not in target.lower() and package.has(target):
            for comment in package.xml(target).all("comment"):
                where = _CELL.match(comment.get("ref"))
                line = int(where[2]) if where else 1
                blocks.add("paragraph", "".join(t.text for t in comment.all("t")), (line, line))


def _tables(rows: Iterator[Row], blocks: Blocks) -> None:
    """A table for each run of rows; a long one is cut into tables that repeat its first row."""
    run: list[Row] = []
    for number, row in rows:
        if not any(row):
            continue
        if run and number > run[-1][0] + 1:
            _table(run, blocks)
            run = []
        run.append((number, row))
    _table(run, blocks)


def _table(run: list[Row], blocks: Blocks) -> None:
    for start in range(0, len(run), _ROWS_IN_TABLE):
        piece = run[start : start + _ROWS_IN_TABLE]
        used = [
            column
            for column in range(max(len(r) for _, r in run))
            if any(column < len(r) and r[column] for _, r in run)
        ]
        shown = piece if start == 0 else [run[0], *piece]
        rows = [[row[column] if column < len(row) else "" for column in used] for _, row in shown]
        if len(used) == 1:
            blocks.add("paragraph", "\n".join(row[0] for row in rows), (piece[0][0], piece[-1][0]))
        else:
            blocks.table(rows, (piece[0][0], piece[-1][0]))


def _rows(sheet: Element, cells: "_Cells") -> Iterator[Row]:
    last = 0
    for row in sheet.all("row"):
        number = int(row.get("r")) if row.get("r").isdigit() else last + 1
        last = number
        values: list[str] = []
        for cell in row.children:
            where = _CELL.match(cell.get("r"))
            column = _column(where[1]) if where else len(values)
            if cell.name == "c" and column < _COLUMNS_MOST:
                values.extend([""] * (column + 1 - len(values)))
                values[column] = cells.value(cell)
        yield number, values


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


class _Cells:
    """Cells as people see them: shared texts looked up, dates as dates, errors as words."""

    def __init__(self, package: Package) -> None:
        self._texts: list[str] = []
        if package.has("xl/sharedStrings.xml"):
            self._texts = [_joined(item) for item in package.xml("xl/sharedStrings.xml").all("si")]
        self._dates = _date_styles(package)

    def value(self, cell: Element) -> str:
        """A cell's text."""
        held = next((child for child in cell.children if child.name in {"v", "is"}), None)
        if held is None:
            return ""
        text = _joined(held) if held.name == "is" else held.text
        match cell.get("t"):
            case "s":
                return self._texts[int(text)] if text.isdigit() and int(text) < len(self._texts) else ""
            case "b":
                return "TRUE" if text == "1" else "FALSE"
            case "" | "n":
                return _date(text) if cell.get("s") in self._dates else _number(text)
            case _:
                return text


def _joined(item: Element) -> str:
    phonetic = {id(t) for hint in item.all("rPh") for t in hint.all("t")}
    return "".join(t.text for t in item.all("t") if id(t) not in phonetic)


def _number(text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else f"{number:.15g}"


def _date(text: str) -> str:
    try:
        moment = datetime(1899, 12, 30) + timedelta(days=float(text))  # noqa: DTZ001 - a sheet's dates have no zone
    except (ValueError, OverflowError):
        return text
    return moment.isoformat(" ", "seconds").removesuffix(" 00:00:00").removeprefix("1899-12-30 ")


def _date_styles(package: Package) -> set[str]:
    if not package.has("xl/styles.xml"):
        return set()
    root = package.xml("xl/styles.xml")
    custom = {f.get("numFmtId"): _QUOTED.sub("", f.get("formatCode")).lower() for f in root.all("numFmt")}
    formats = root.first("cellXfs")
    found: set[str] = set()
    for index, style in enumerate(formats.children if formats else []):
        number = style.get("numFmtId")
        if _DATE.search(custom.get(number, "")) or (number.isdigit() and int(number) in _DATE_FORMATS):
            found.add(str(index))
    return found
