"""PDF by PDFium: the words of each page by lines, paragraphs by the gaps between lines, headings by their size.

Lines count on the page as printed, so that a place can be found again by eye. A page of pictures has no words here.
"""

import ctypes
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import cast

import pypdfium2 as pdfium
import pypdfium2.raw as raw_pdfium

from tandem.rag.read.blocks import Blocks, one_line
from tandem.rag.read.document import Document, Note, Unreadable
from tandem.rag.read.limits import Limits

_PASSWORD_ERRORS = {raw_pdfium.FPDF_ERR_PASSWORD, raw_pdfium.FPDF_ERR_SECURITY}
_PAGES_MOST = 20_000
_HEADING_RATIO, _GAP_RATIO, _HEADING_CHARS = 1.12, 1.35, 160
_BULLET = re.compile(r"\s*(?:[•‣▪◦●○■–*]|-|\(?\d{1,3}[.)])\s+\S")  # noqa: RUF001 - dashes are bullets too
_BOLD = re.compile(rb"bold|black|heavy|bx[0-9]|medi\b|demi")
_HYPHENS = "\x02\ufffe\u00ad"
_STRANGE = re.compile("[\ufffd\ue000-\uf8ff\x00-\x08\x0e-\x1f\x80-\x9f]")


@dataclass(slots=True, kw_only=True)
class _Line:
    number: int
    text: str
    size: float
    base: float
    bold: bool


def read_pdf(raw: bytes, limits: Limits) -> Document:
    """Read a PDF. Raises `Unreadable`: also ``encrypted``, ``scanned`` and ``garbled``."""
    try:
        with pdfium.PdfDocument(raw) as document:
            return _read(document, limits)
    except pdfium.PdfiumError as error:
        if getattr(error, "err_code", None) in _PASSWORD_ERRORS:
            raise Unreadable("encrypted") from error
        raise Unreadable("broken", detail="PDF") from error


def _read(document: pdfium.PdfDocument, limits: Limits) -> Document:
    count = len(document)
    if count > _PAGES_MOST:
        raise Unreadable("too_large", detail=f"{count:,} pages")
    pages: list[list[_Line]] = []
    pictures, bad, chars = False, list[int](), 0
    for index in range(count):
        try:
            lines, has_pictures = _page(document, index)
        except pdfium.PdfiumError:
            lines, has_pictures = [], False
            bad.append(index + 1)
        pages.append(lines)
        pictures = pictures or (not lines and has_pictures)
        chars += sum(len(line.text) for line in lines)
        if chars > limits.text_chars:
            raise Unreadable("too_large", detail=f"more than {limits.text_chars:,} characters of text")
    _refuse(pages, pictures=pictures, damaged=bool(bad))
    blocks = Blocks(limits)
    silent = [number for number, lines in enumerate(pages, 1) if not lines]
    if silent:
        blocks.notes.append(Note(code="pages_without_text", detail=_ranges(silent)))
    _add(pages, blocks)
    return blocks.document(format_name="pdf", title=_title(document), pages=count, unit="page")


def _title(document: pdfium.PdfDocument) -> str:
    try:
        return str(document.get_metadata_dict().get("Title", ""))
    except (pdfium.PdfiumError, UnicodeError, AssertionError):
        return ""


def _refuse(pages: list[list[_Line]], *, pictures: bool, damaged: bool) -> None:
    text = "".join(line.text for lines in pages for line in lines)
    if not text.strip():
        raise Unreadable("scanned" if pictures else "broken" if damaged else "empty")
    if len(_STRANGE.findall(text)) > 0.3 * len(text.replace(" ", "")):
        raise Unreadable("garbled")


def _page(document: pdfium.PdfDocument, index: int) -> tuple[list[_Line], bool]:
    page = document[index]
    words = page.get_textpage()
    try:
        lines = list(_lines(words))
        return lines, not lines and _has_pictures(page)
    finally:
        words.close()
        page.close()


def _has_pictures(page: pdfium.PdfPage) -> bool:
    objects = cast("Iterator[object]", page.get_objects(filter=[raw_pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3))
    return next(objects, None) is not None


def _lines(words: pdfium.PdfTextPage) -> Iterator[_Line]:
    at = 0
    for number, line in enumerate(words.get_text_range().split("\n"), 1):
        text = line.rstrip("\r")
        if text.strip():
            first = at + len(text) - len(text.lstrip())
            size, base, bold = _look(words, raw_pdfium.FPDFText_GetCharIndexFromTextIndex(words, first))
            yield _Line(number=number, text=text, size=size, base=base, bold=bold)
        at += len(line) + 1


def _look(words: pdfium.PdfTextPage, index: int) -> tuple[float, float, bool]:
    """A character's height in points, its base line above the page's lower edge, and whether it is bold."""
    if index < 0:
        return 0.0, 0.0, False
    box = raw_pdfium.FS_RECTF()
    x, y = ctypes.c_double(), ctypes.c_double()
    raw_pdfium.FPDFText_GetLooseCharBox(words, index, box)
    raw_pdfium.FPDFText_GetCharOrigin(words, index, x, y)
    return abs(box.top - box.bottom), y.value, _is_bold(words, index)


def _is_bold(words: pdfium.PdfTextPage, index: int) -> bool:
    """By the font's weight, and by its name, since many fonts of old programs give no weight."""
    name, flags = ctypes.create_string_buffer(128), ctypes.c_int()
    raw_pdfium.FPDFText_GetFontInfo(words, index, name, len(name), flags)
    return raw_pdfium.FPDFText_GetFontWeight(words, index) >= 600 or _BOLD.search(name.value.lower()) is not None


def _add(pages: list[list[_Line]], blocks: Blocks) -> None:
    sizes = Counter[float]()
    bold = 0
    for line in (line for lines in pages for line in lines):
        sizes[round(line.size, 1)] += len(line.text)
        bold += line.bold * len(line.text)
    body = sizes.most_common(1)[0][0]
    ranks = sorted((s for s in sizes if s >= body * _HEADING_RATIO and s > 0), reverse=True)
    bold_tells = bold < 0.3 * sizes.total()
    for number, lines in enumerate(pages, 1):
        blocks.turn_to(number)
        for paragraph in _paragraphs(lines):
            level = _level(paragraph, body, ranks, bold_tells=bold_tells)
            place = (paragraph[0].number, paragraph[-1].number)
            text = _joined(paragraph)
            if level:
                blocks.heading(level, text, place)
            else:
                blocks.add("list" if _BULLET.match(text) else "paragraph", text, place)


def _paragraphs(lines: list[_Line]) -> Iterator[list[_Line]]:
    """Lines that belong together: same size and weight, an ordinary distance apart."""
    steps = [a.base - b.base for a, b in pairwise(lines) if 0 < a.base - b.base < 3 * max(a.size, 1)]
    usual = median(steps) if steps else 0.0
    run: list[_Line] = []
    for line in lines:
        if run and _parts(run, line, usual):
            yield run
            run = []
        run.append(line)
    if run:
        yield run


def _parts(run: list[_Line], line: _Line, usual: float) -> bool:
    before = run[-1]
    step = before.base - line.base
    resized = abs(line.size - before.size) > 0.1 * max(line.size, before.size)
    rebolded = line.bold != before.bold and (before.bold or len(run) > 1)
    far = step > _GAP_RATIO * max(usual, 0.1) or step < -0.5 * max(before.size, 1)
    return resized or rebolded or far or bool(_BULLET.match(line.text))


def _level(paragraph: list[_Line], body: float, ranks: list[float], *, bold_tells: bool) -> int:
    text = one_line(_joined(paragraph))
    if (
        len(text) > _HEADING_CHARS
        or len(paragraph) > 3
        or sum(map(str.isalpha, text)) < 0.5 * len(text.replace(" ", ""))
    ):
        return 0
    size = round(paragraph[0].size, 1)
    if size in ranks:
        return min(ranks.index(size) + 1, 6)
    whole = len(paragraph) == 1 and text[-1] not in ".,;:"
    return min(len(ranks) + 1, 7) if bold_tells and paragraph[0].bold and whole and size >= 0.95 * body else 0


def _joined(paragraph: list[_Line]) -> str:
    """The lines' text; a word that was divided at the end of a line is whole again."""
    pieces: list[str] = []
    for line in paragraph:
        text = line.text.strip()
        divided = text[-1:] in _HYPHENS and text != ""
        text = "".join("-" if letter in _HYPHENS else letter for letter in (text[:-1] if divided else text))
        pieces.append(text if divided else text + "\n")
    return "".join(pieces)


def _ranges(numbers: list[int]) -> str:
    """``1-3, 7`` for 1, 2, 3, 7."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in found)
