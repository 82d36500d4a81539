"""Slides: a page for each, its title as a heading, then its text, tables, charts and speaker's notes."""

import re
from collections.abc import Iterator

from tandem.rag.read.blocks import Blocks
from tandem.rag.read.charts import add_chart, is_chart
from tandem.rag.read.document import Document
from tandem.rag.read.limits import Limits
from tandem.rag.read.package import Package
from tandem.rag.read.xml import Element

_NOTES = re.compile(r"notesSlides/[^/]+\.xml$")
_COMMENTS = re.compile(r"comments/[^/]+\.xml$")
_SHAPES = {"sp", "graphicFrame", "cxnSp", "pic"}


def read_pptx(raw: bytes, limits: Limits) -> Document:
    """Read a ``.pptx``. Raises `Unreadable`."""
    package = Package(raw, limits)
    main = "ppt/presentation.xml"
    relations = package.relations(main)
    slides = [relations.get(slide.get("r:id"), "") for slide in package.xml(main).all("sldId")]
    blocks = Blocks(limits)
    for number, name in enumerate(slides, 1):
        blocks.turn_to(number)
        blocks.under(1, "")
        if package.has(name):
            _slide(package, name, blocks)
    return blocks.document(format_name="pptx", pages=len(slides), unit="slide")


def _slide(package: Package, name: str, blocks: Blocks) -> None:
    for shape in package.xml(name).all(*_SHAPES):
        _shape(shape, blocks)
    for target in package.relations(name).values():
        if not package.has(target):
            continue
        if _NOTES.search(target):
            for shape in package.xml(target).all("sp"):
                if _placeholder(shape) not in {"sldNum", "hdr", "ftr", "dt"}:
                    _shape(shape, blocks)
        elif is_chart(target):
            add_chart(package.xml(target), blocks)
        elif _COMMENTS.search(target):
            for comment in package.xml(target).all("cm"):
                text = comment.first("text")
                blocks.add("paragraph", text.content() if text else "\n".join(_paragraphs(comment)))


def _placeholder(shape: Element) -> str:
    place = shape.first("ph")
    return place.get("type") or "body" if place else ""


def _shape(shape: Element, blocks: Blocks) -> None:
    if table := shape.first("tbl"):
        blocks.table([["\n".join(_paragraphs(cell)) for cell in row.all("tc")] for row in table.all("tr")])
        return
    paragraphs = list(_paragraphs(shape))
    kind = _placeholder(shape)
    if kind in {"title", "ctrTitle"}:
        blocks.heading(1, " ".join(paragraphs))
    elif kind == "body" and len(paragraphs) > 1:
        blocks.add("list", "\n".join(f"- {text}" for text in paragraphs))
    else:
        blocks.add("paragraph", "\n".join(paragraphs))


def _paragraphs(parent: Element) -> Iterator[str]:
    for paragraph in parent.all("p"):
        text = "".join("\n" if e.name == "br" else e.text for e in paragraph.all("t", "br"))
        if text.strip():
            yield text
