"""OpenDocument: texts, slides and sheets share one vocabulary, so one reader serves the three."""

from collections.abc import Iterator

from tandem.rag.read.blocks import Blocks, one_line
from tandem.rag.read.document import Document, Unreadable
from tandem.rag.read.limits import Limits
from tandem.rag.read.package import Package
from tandem.rag.read.xml import Element

_REPEATS_MOST = 64
_ASIDE = {"note", "annotation", "tracked-changes", "annotation-end", "bookmark-ref"}


def read_odf(raw: bytes, limits: Limits) -> Document:
    """Read an ``.odt``, ``.odp`` or ``.ods``. Raises `Unreadable`."""
    package = Package(raw, limits)
    if package.has("META-INF/manifest.xml") and package.xml("META-INF/manifest.xml").first("encryption-data"):
        raise Unreadable("encrypted")
    root = package.xml("content.xml")
    body = next((kind for kind in root.all("text", "presentation", "spreadsheet") if kind.children), None)
    blocks = Blocks(limits)
    title = package.xml("meta.xml").first("title") if package.has("meta.xml") else None
    name = title.content() if title else ""
    match body.name if body else "":
        case "presentation":
            pages = list(root.all("page"))
            for number, page in enumerate(pages, 1):
                blocks.turn_to(number)
                blocks.under(1, page.get("name"))
                _through(page, blocks)
            return blocks.document(format_name="odp", title=name, pages=len(pages), unit="slide")
        case "spreadsheet":
            sheets = list(root.all("table"))
            for number, sheet in enumerate(sheets, 1):
                blocks.turn_to(number)
                blocks.under(1, sheet.get("name"))
                blocks.table(_rows(sheet))
            return blocks.document(format_name="ods", title=name, pages=len(sheets), unit="sheet")
        case _:
            _through(body or root, blocks)
            return blocks.document(format_name="odt", title=name)


def _through(parent: Element, blocks: Blocks) -> None:
    """Everything in its order. Frames, sections and notes are opened; lists and tables are kept whole."""
    for element in parent.children:
        match element.name:
            case "h":
                level = element.get("outline-level")
                blocks.heading(int(level) if level.isdigit() and 0 < int(level) < 10 else 1, _text(element))
                _asides(element, blocks)
            case "p":
                blocks.add("paragraph", _text(element))
                _asides(element, blocks)
            case "list":
                blocks.add(
                    "list", "\n".join(f"- {one_line(_text(p))}" for p in element.all("p", "h") if _text(p).strip())
                )
            case "table":
                blocks.table(_rows(element))
            case "tracked-changes" | "forms" | "sequence-decls" | "table-of-content-source":
                continue
            case _:
                _through(element, blocks)


def _asides(element: Element, blocks: Blocks) -> None:
    for aside in element.all("note-body", "annotation", "text-box"):
        for paragraph in aside.all("p"):
            blocks.add("paragraph", _text(paragraph))


def _rows(table: Element) -> list[list[str]]:
    rows: list[list[str]] = []
    for row in _inside(table, "table-row"):
        cells: list[str] = []
        for cell in row.children:
            if cell.name in {"table-cell", "covered-table-cell"}:
                text = " ".join(_text(p) for p in cell.all("p", "h"))
                repeats = cell.get("number-columns-repeated")
                cells.extend([text] * (min(int(repeats), _REPEATS_MOST) if repeats.isdigit() else 1))
        while cells and not cells[-1]:
            cells.pop()
        rows.append(cells)
    return rows


def _inside(table: Element, name: str) -> Iterator[Element]:
    for child in table.children:
        if child.name == name:
            yield child
        elif child.name in {"table-header-rows", "table-row-group", "table-rows"}:
            yield from _inside(child, name)


def _text(element: Element) -> str:
    pieces = [element.text]
    waiting: list[Element | str] = [part for child in reversed(element.children) for part in (child.tail, child)]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            pieces.append(part)
            continue
        match part.name:
            case "s":
                pieces.append(" " * min(int(part.get("c") or 1) if (part.get("c") or "1").isdigit() else 1, 100))
            case "tab":
                pieces.append("\t")
            case "line-break":
                pieces.append("\n")
            case name if name in _ASIDE or name in {"frame", "text-box"}:
                continue
            case _:
                pieces.append(part.text)
                waiting.extend(piece for child in reversed(part.children) for piece in (child.tail, child))
    return "".join(pieces)
