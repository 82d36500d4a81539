"""Small files for the tests of reading, made by hand: no library that reads them has a say in how they are written."""

import io
import zipfile
from collections.abc import Mapping, Sequence

_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
_A = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
_P = 'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
_S = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    """A ZIP with these parts."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as package:
        for name, part in parts.items():
            package.writestr(name, part)
    return held.getvalue()


def relations(targets: Mapping[str, str]) -> str:
    """The relations of an Office part."""
    inside = "".join(f'<Relationship Id="{key}" Type="x" Target="{target}"/>' for key, target in targets.items())
    return f'<Relationships xmlns="{_RELATIONS}">{inside}</Relationships>'


def word_paragraph(text: str, style: str = "") -> str:
    """One paragraph of a Word document."""
    named = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{named}<w:r><w:t>{text}</w:t></w:r></w:p>"


def docx(body: str, **parts: str) -> bytes:
    """A Word document whose styles ``H1`` and ``H2`` are headings."""
    styles = "".join(f'<w:style w:styleId="H{level}"><w:name w:val="heading {level}"/></w:style>' for level in (1, 2))
    return zipped(
        {
            "_rels/.rels": relations({"rId1": "word/document.xml"}),
            "word/styles.xml": f"<w:styles {_W}>{styles}</w:styles>",
            "word/document.xml": f"<w:document {_W}><w:body>{body}</w:body></w:document>",
            **parts,
        }
    )


def pptx(slides: Sequence[tuple[str, Sequence[str]]], notes: str) -> bytes:
    """Slides with a title and lines; ``notes`` stand under the first. The files' numbers run against the order."""
    numbers = [len(slides) - place for place in range(len(slides))]
    ids = "".join(f'<p:sldId id="{256 + n}" r:id="rId{n}"/>' for n in numbers)
    parts = {
        "ppt/presentation.xml": f"<p:presentation {_P} {_R}><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": relations({f"rId{n}": f"slides/slide{n}.xml" for n in numbers}),
        f"ppt/slides/_rels/slide{numbers[0]}.xml.rels": relations({"rId9": "../notesSlides/notesSlide1.xml"}),
        "ppt/notesSlides/notesSlide1.xml": f"<p:notes {_P} {_A}>{_shape('body', [notes])}</p:notes>",
    }
    for number, (title, lines) in zip(numbers, slides, strict=True):
        inside = _shape("title", [title]) + _shape("body", lines)
        parts[f"ppt/slides/slide{number}.xml"] = f"<p:sld {_P} {_A}>{inside}</p:sld>"
    return zipped(parts)


def _shape(kind: str, lines: Sequence[str]) -> str:
    paragraphs = "".join(f"<a:p><a:r><a:t>{line}</a:t></a:r></a:p>" for line in lines)
    return f'<p:sp><p:nvPr><p:ph type="{kind}"/></p:nvPr><p:txBody>{paragraphs}</p:txBody></p:sp>'


def xlsx(sheets: Mapping[str, str], shared: Sequence[str] = ()) -> bytes:
    """A workbook; each sheet is its rows in XML. Cell style 1 is a date."""
    listed = "".join(f'<sheet name="{name}" r:id="rId{n}"/>' for n, name in enumerate(sheets, 1))
    texts = "".join(f"<si><t>{text}</t></si>" for text in shared)
    parts = {
        "xl/workbook.xml": f"<workbook {_S} {_R}><sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": relations(
            {f"rId{n + 1}": f"worksheets/s{n + 1}.xml" for n in range(len(sheets))}
        ),
        "xl/sharedStrings.xml": f"<sst {_S}>{texts}</sst>",
        "xl/styles.xml": f'<styleSheet {_S}><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>',
    }
    for number, rows in enumerate(sheets.values(), 1):
        parts[f"xl/worksheets/s{number}.xml"] = f"<worksheet {_S}><sheetData>{rows}</sheetData></worksheet>"
    return zipped(parts)


def odt(body: str, manifest: str = "<manifest/>") -> bytes:
    """An OpenDocument text."""
    spaces = 'xmlns:office="urn:o" xmlns:text="urn:t" xmlns:table="urn:b"'
    content = f"<office:document-content {spaces}><office:body><office:text>{body}</office:text></office:body>"
    return zipped({"content.xml": content + "</office:document-content>", "META-INF/manifest.xml": manifest})


def epub(chapters: Sequence[str]) -> bytes:
    """An e-book; each chapter is a page of XHTML."""
    items = "".join(f'<item id="c{n}" href="c{n}.xhtml"/>' for n in range(len(chapters)))
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    head = "<metadata><title>A book</title></metadata>"
    opf = f"<package>{head}<manifest>{items}</manifest><spine>{spine}</spine></package>"
    container = '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
    pages = {f"OPS/c{n}.xhtml": chapter for n, chapter in enumerate(chapters)}
    return zipped({"META-INF/container.xml": container, "OPS/book.opf": opf, **pages})


def pdf(pages: Sequence[str], trailer: str = "", extra: Sequence[bytes] = (), kids: str = "") -> bytes:
    """A PDF whose pages are content streams; fonts ``F1`` (plain) and ``F2`` (bold). ``extra`` objects start at 5."""
    first = 5 + len(extra)
    numbers = [first + 2 * n for n in range(len(pages))]
    listed = kids or " ".join(f"{n} 0 R" for n in numbers)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{listed}]/Count {max(1, len(pages))}>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica-Bold>>",
        *extra,
    ]
    resources = "<</Font<</F1 3 0 R/F2 4 0 R>>/XObject<</X1 5 0 R>>>>"
    for number, content in zip(numbers, pages, strict=True):
        box = "/MediaBox[0 0 612 792]"
        objects.append(f"<</Type/Page/Parent 2 0 R{box}/Resources {resources}/Contents {number + 1} 0 R>>".encode())
        objects.append(stream(content.encode("latin-1")))
    return _numbered(objects, trailer)


def stream(content: bytes, dictionary: str = "") -> bytes:
    """A PDF stream."""
    return f"<<{dictionary}/Length {len(content)}>>stream\n".encode() + content + b"\nendstream"


def lines_of_pdf(lines: Sequence[str], *, top: int = 700, font: str = "F1", size: int = 11) -> str:
    """Lines of text, an ordinary distance apart, as a content stream."""
    shown = " ".join(f"({line}) Tj 0 -{size + 3} Td" for line in lines)
    return f"BT /{font} {size} Tf 72 {top} Td {shown} ET\n"


def _numbered(objects: Sequence[bytes], trailer: str) -> bytes:
    written = b"%PDF-1.4\n"
    places: list[int] = []
    for number, held in enumerate(objects, 1):
        places.append(len(written))
        written += f"{number} 0 obj\n".encode() + held + b"\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    count = len(objects) + 1
    end = f"xref\n0 {count}\n0000000000 65535 f \n{table}trailer<</Size {count}/Root 1 0 R{trailer}>>"
    return written + f"{end}\nstartxref\n{len(written)}\n%%EOF\n".encode()
