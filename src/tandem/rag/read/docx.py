"""Word documents: paragraphs by style, lists, tables, notes and comments. Pages are where Word last broke them."""

import re
from collections.abc import Iterator

from tandem.rag.read.blocks import Blocks, one_line
from tandem.rag.read.charts import add_charts
from tandem.rag.read.document import Document
from tandem.rag.read.limits import Limits
from tandem.rag.read.package import Package
from tandem.rag.read.xml import Element

_HEADING = re.compile(r"(?:heading|nagłówek|überschrift|titre|título|titolo)\s*([1-9])$")
_SKIPPED = {"del", "moveFrom", "instrText", "delText", "Fallback", "pPr", "rPr", "sdtPr", "tblPr", "trPr", "tcPr"}
_LISTS = {"list", "listparagraph"}


def read_docx(raw: bytes, limits: Limits) -> Document:
    """Read a ``.docx``. Raises `Unreadable`."""
    package = Package(raw, limits)
    main = next((t for t in package.relations("").values() if t.endswith("document.xml")), "word/document.xml")
    if not package.has(main):
        main = next((name for name in package.names if name.endswith("word/document.xml")), main)
    reading = _Reading(Blocks(limits), _styles(package))
    root = package.xml(main)
    breaks = any(True for _ in root.all("lastRenderedPageBreak"))
    if breaks:
        reading.blocks.turn_to(1)
    body = root.first("body")
    reading.through(body or root)
    add_charts(package, main, reading.blocks)
    for name in ("word/footnotes.xml", "word/endnotes.xml", "word/comments.xml"):
        if package.has(name):
            for note in package.xml(name).all("footnote", "endnote", "comment"):
                reading.blocks.add("paragraph", " ".join(_text(p) for p in note.all("p")))
    pages = (reading.blocks.page or 0) if breaks else 0
    return reading.blocks.document(
        format_name="docx", title=_title(package), pages=pages, unit="page" if breaks else None
    )


def _title(package: Package) -> str:
    if not package.has("docProps/core.xml"):
        return ""
    title = package.xml("docProps/core.xml").first("title")
    return title.content() if title else ""


def _styles(package: Package) -> dict[str, tuple[str, int]]:
    """Style id to (its English name in small letters, its outline level from 1, or 0)."""
    if not package.has("word/styles.xml"):
        return {}
    own: dict[str, tuple[str, int, str]] = {}
    for style in package.xml("word/styles.xml").all("style"):
        name, based, outline = style.first("name"), style.first("basedOn"), style.first("outlineLvl")
        label = name.get("val").lower() if name else ""
        level = _outline(outline)
        if match := _HEADING.match(label):
            level = int(match[1])
        elif label == "title":
            level = 1
        own[style.get("styleId")] = (label, level, based.get("val") if based else "")
    return {key: (label, _inherited(key, own)) for key, (label, _, _) in own.items()}


def _inherited(key: str, own: dict[str, tuple[str, int, str]]) -> int:
    seen: set[str] = set()
    while key in own and key not in seen:
        seen.add(key)
        _, level, key_above = own[key]
        if level:
            return level
        key = key_above
    return 0


def _outline(element: Element | None) -> int:
    value = element.get("val") if element else ""
    return int(value) + 1 if value.isdigit() and int(value) < 9 else 0


class _Reading:
    def __init__(self, blocks: Blocks, styles: dict[str, tuple[str, int]]) -> None:
        self.blocks = blocks
        self._styles = styles

    def through(self, parent: Element) -> None:
        """Everything that stands in ``parent`` in its order."""
        for element in parent.children:
            match element.name:
                case "p":
                    self._paragraph(element)
                case "tbl":
                    self._count_breaks(element)
                    self.blocks.table(list(_rows(element)))
                case "sdt" | "sdtContent" | "ins" | "moveTo" | "customXml" | "smartTag" | "AlternateContent" | "Choice":
                    self.through(element)
                case _:
                    continue

    def _count_breaks(self, element: Element) -> None:
        if self.blocks.page is not None:
            broken = sum(1 for _ in element.all("lastRenderedPageBreak"))
            self.blocks.turn_to(self.blocks.page + broken)

    def _paragraph(self, element: Element) -> None:
        self._count_breaks(element)
        properties = next((child for child in element.children if child.name == "pPr"), None)
        style, level, numbered = "", 0, False
        if properties:
            named, outline = properties.first("pStyle"), properties.first("outlineLvl")
            style, level = self._styles.get(named.get("val") if named else "", ("", 0))
            level = _outline(outline) or level
            numbered = properties.first("numPr") is not None
        text = _text(element)
        if level:
            self.blocks.heading(level, text)
        elif numbered or style.replace(" ", "").startswith(tuple(_LISTS)):
            self.blocks.add("list", f"- {one_line(text)}" if text.strip() else "")
        else:
            self.blocks.add("code" if "code" in style or "source" in style else "paragraph", text)
        for box in element.all("txbxContent"):
            self.through(box)


def _rows(table: Element) -> Iterator[list[str]]:
    for row in _within(table, "tr"):
        yield [" ".join(filter(None, map(_text, cell.all("p")))) for cell in _within(row, "tc")]


def _within(parent: Element, name: str) -> Iterator[Element]:
    """Children by name, also inside content controls and insertions."""
    for child in parent.children:
        if child.name == name:
            yield child
        elif child.name in {"sdt", "sdtContent", "ins", "customXml"}:
            yield from _within(child, name)


def _text(paragraph: Element) -> str:
    """The paragraph's own words, without what was deleted and without text boxes, which stand on their own."""
    pieces: list[str] = []
    waiting = list(reversed(paragraph.children))
    while waiting:
        element = waiting.pop()
        match element.name:
            case "t":
                pieces.append(element.text)
            case "tab" | "ptab":
                pieces.append("\t")
            case "br" | "cr":
                pieces.append("\n")
            case "noBreakHyphen":
                pieces.append("-")
            case name if name in _SKIPPED or name == "txbxContent":
                continue
            case _:
                waiting.extend(reversed(element.children))
    return "".join(pieces)
