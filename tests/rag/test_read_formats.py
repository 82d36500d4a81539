import asyncio
import hashlib
import json
from pathlib import Path

import pytest

from support import papers
from tandem.rag.read import Block, Document, Limits, Reader, Unreadable
from tandem.rag.read.formats import read_bytes


def read(raw: bytes | str, name: str) -> Document:
    return read_bytes(raw if isinstance(raw, bytes) else raw.encode(), name, Limits())


def seen(document: Document) -> list[tuple[str, str, int | None, int, int]]:
    return [(b.kind, b.text, b.page, b.start_line, b.end_line) for b in document.blocks]


def test_markdown_keeps_headings_and_the_lines_of_the_file() -> None:
    text = "---\na: 1\n---\n# One\n\nTwo [three](http://x.test)\nfour.\n\n## Five\n- six\n- seven\n\n"
    text += "```py\nx = 1\n```\n| a | b |\n|---|---|\n| 1 | 2 |\n"

    document = read(text, "a.md")

    assert seen(document) == [
        ("code", "a: 1", None, 2, 2),
        ("heading", "One", None, 4, 4),
        ("paragraph", "Two three\nfour.", None, 6, 7),
        ("heading", "Five", None, 9, 9),
        ("list", "- six\n- seven", None, 10, 11),
        ("code", "x = 1", None, 14, 14),
        ("table", "| a | b |\n|---|---|\n| 1 | 2 |", None, 16, 18),
    ]
    assert document.title == "One"
    assert document.blocks[-1].headings == ("One", "Five")


def test_an_underlined_line_of_markdown_is_a_heading_and_a_comment_in_code_is_not() -> None:
    document = read("Top\n===\n\n~~~sh\n# no heading\n~~~\n\nLower\n---\nwords", "a.md")

    assert [(b.level, b.text) for b in document.blocks if b.kind == "heading"] == [(1, "Top"), (2, "Lower")]


def test_html_keeps_headings_lists_tables_and_code_and_leaves_scripts_out() -> None:
    page = "<title>T</title><script>no()</script>\n<h1>Head</h1>\n<p>One <b>two</b>\nthree</p>\n"
    page += (
        "<ul><li>a<ul><li>b</li></ul></li></ul>\n<table><tr><th>x<th>y<tr><td>1<td>2</table><pre>if x:\n  y</pre>tail"
    )

    document = read(page, "a.html")

    assert seen(document) == [
        ("heading", "Head", None, 2, 2),
        ("paragraph", "One two three", None, 3, 4),
        ("list", "- a\n- b", None, 5, 5),
        ("table", "| x | y |\n| - | - |\n| 1 | 2 |", None, 6, 6),
        ("code", "if x:\n  y", None, 6, 7),
        ("paragraph", "tail", None, 7, 7),
    ]
    assert document.title == "T"


def test_a_web_page_in_an_encoding_of_its_own_is_read_by_what_it_declares() -> None:
    document = read('<meta charset="iso-8859-2"><p>zażółć'.encode("iso-8859-2"), "a.htm")

    assert document.text() == "zażółć"


def test_a_pdf_keeps_pages_lines_and_headings_by_size() -> None:
    first = papers.lines_of_pdf(["A Large Title"], size=20, top=740) + papers.lines_of_pdf(["one line", "two lines"])
    second = papers.lines_of_pdf(["the second page is here"])

    document = read(papers.pdf([first, second]), "a.pdf")

    assert seen(document) == [
        ("heading", "A Large Title", 1, 1, 1),
        ("paragraph", "one line\ntwo lines", 1, 2, 3),
        ("paragraph", "the second page is here", 2, 1, 1),
    ]
    assert (document.pages, document.page_unit) == (2, "page")


def test_a_bold_line_of_a_pdf_is_a_heading_where_most_is_not_bold() -> None:
    page = papers.lines_of_pdf(["Results"], font="F2", top=740) + papers.lines_of_pdf(["plain words go on", "and on"])

    assert read(papers.pdf([page]), "a.pdf").blocks[0].kind == "heading"


def test_a_word_document_keeps_styles_tables_and_where_word_broke_its_pages() -> None:
    cells = "".join(f"<w:tc>{papers.word_paragraph(t)}</w:tc>" for t in ("a", "b"))
    body = (
        papers.word_paragraph("Head", "H1")
        + papers.word_paragraph("first")
        + f"<w:tbl><w:tr>{cells}</w:tr></w:tbl>"
        + "<w:p><w:del><w:r><w:delText>gone</w:delText></w:r></w:del>"
        + "<w:r><w:lastRenderedPageBreak/><w:t>next</w:t></w:r></w:p>"
    )

    document = read(papers.docx(body), "a.docx")

    assert seen(document) == [
        ("heading", "Head", 1, 1, 1),
        ("paragraph", "first", 1, 3, 3),
        ("table", "| a | b |\n| - | - |", 1, 5, 6),
        ("paragraph", "next", 2, 1, 1),
    ]
    assert document.blocks[-1].headings == ("Head",)


def test_slides_come_in_the_order_of_the_show_with_their_notes() -> None:
    document = read(papers.pptx([("One", ["a", "b"]), ("Two", ["c"])], "say this"), "a.pptx")

    assert [(b.kind, b.text, b.page, b.headings) for b in document.blocks] == [
        ("heading", "One", 1, ()),
        ("list", "- a\n- b", 1, ("One",)),
        ("paragraph", "say this", 1, ("One",)),
        ("heading", "Two", 2, ()),
        ("paragraph", "c", 2, ("Two",)),
    ]


def test_sheets_keep_row_numbers_dates_and_shared_texts() -> None:
    rows = (
        '<row r="2"><c r="A2" t="s"><v>0</v></c><c r="C2" t="inlineStr"><is><t>when</t></is></c></row>'
        '<row r="3"><c r="A3"><v>1.5</v></c><c r="C3" s="1"><v>45000</v></c></row>'
    )

    document = read(papers.xlsx({"Prices": rows}, ["what"]), "a.xlsx")

    assert seen(document) == [("table", "| what | when |\n| - | - |\n| 1.5 | 2023-03-15 |", 1, 2, 3)]
    assert document.blocks[0].headings == ("Prices",)


def test_an_opendocument_text_keeps_headings_lists_and_spaces() -> None:
    body = (
        '<text:h text:outline-level="2">Head</text:h><text:p>a<text:s text:c="2"/>b<text:span>c</text:span>d</text:p>'
        "<text:list><text:list-item><text:p>i</text:p></text:list-item></text:list>"
    )

    document = read(papers.odt(body), "a.odt")

    assert [(b.kind, b.level, b.text) for b in document.blocks] == [
        ("heading", 2, "Head"),
        ("paragraph", 0, "a bcd"),
        ("list", 0, "- i"),
    ]


def test_a_book_keeps_chapters_as_pages() -> None:
    document = read(papers.epub(["<h1>One</h1><p>a</p>", "<h1>Two</h1>\n<p>b</p>"]), "a.epub")

    assert seen(document)[-1] == ("paragraph", "b", 2, 2, 2)
    assert (document.title, document.pages, document.page_unit) == ("A book", 2, "chapter")


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_separated_values_are_a_table_whatever_separates_them(sign: str) -> None:
    document = read(f'name{sign}note\n"x{sign}y"{sign}"two\nlines"\nz{sign}w\n', "a.csv")

    cell = f"x{sign}y".replace("|", "\\|").replace("\t", " ")
    assert seen(document) == [
        (
            "table",
            f"| name | note |\n| - | - |\n| {cell} | two lines |\n| z | w |",
            None,
            1,
            4,
        )
    ]


def test_a_long_table_is_cut_and_each_part_repeats_the_head() -> None:
    document = read("a,b\n" + "".join(f"{n},x\n" for n in range(100)), "a.csv")

    assert [(b.start_line, b.end_line) for b in document.blocks] == [(1, 41), (42, 81), (82, 101)]
    assert all(b.text.startswith("| a | b |") for b in document.blocks)


def test_mail_shows_its_head_and_the_plain_one_of_two_bodies_and_names_attachments() -> None:
    mail = (
        "From: =?utf-8?q?Za=C5=BC=C3=B3=C5=82?= <a@x.test>\nSubject: Plan\nMIME-Version: 1.0\n"
        'Content-Type: multipart/mixed; boundary="B"\n\n--B\nContent-Type: multipart/alternative; boundary="C"\n\n'
        "--C\nContent-Type: text/plain; charset=utf-8\n\nHello,\nyou.\n"
        "--C\nContent-Type: text/html\n\n<p>No</p>\n--C--\n"
        '--B\nContent-Type: application/pdf; name="a.pdf"\n'
        'Content-Disposition: attachment; filename="a.pdf"\n\nx\n--B--\n'
    )

    document = read(mail, "a.eml")

    assert seen(document)[1:] == [
        ("paragraph", "From: Zażół <a@x.test>\nSubject: Plan", None, 1, 4),
        ("paragraph", "Hello,\nyou.", None, 12, 13),
    ]
    assert document.title == "Plan"
    assert [(n.code, n.detail) for n in document.notes] == [("attachment", "a.pdf")]


def test_source_code_is_cut_at_its_outermost_names() -> None:
    document = read("import x\n\ndef one():\n    pass\n\nclass Two:\n    def three(self): ...\n", "a.py")

    assert [(b.headings, b.start_line, b.end_line) for b in document.blocks] == [
        ((), 1, 2),
        (("one",), 3, 5),
        (("Two",), 6, 8),
    ]


def test_a_notebook_keeps_its_cells_as_pages_with_what_they_printed() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Head\n", "words"]},
        {"cell_type": "code", "source": "print(1)", "outputs": [{"output_type": "stream", "text": ["1\n"]}]},
    ]

    document = read(json.dumps({"cells": cells}), "a.ipynb")

    assert seen(document) == [
        ("heading", "Head", 1, 1, 1),
        ("paragraph", "words", 1, 2, 2),
        ("code", "print(1)", 2, 1, 1),
        ("code", "1", 2, 2, 3),
    ]


@pytest.mark.parametrize(
    ("raw", "name", "reason"),
    [
        (b"", "a.md", "empty"),
        (b"  \n ", "a.txt", "empty"),
        (b"\x89PNG\r\n\x1a\n....", "a.txt", "binary"),
        (bytes(range(256)) * 20, "a.txt", "binary"),
        (b"x", "a.exe", "unsupported"),
        (b"not a zip", "a.docx", "broken"),
        (papers.zipped({"x": "y"}), "a.xlsx", "broken"),
        (b"%PDF-1.4 and no more", "a.pdf", "broken"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "a.docx", "encrypted"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1....", "a.docx", "unsupported"),
        (papers.odt("<text:p>x</text:p>", "<manifest><encryption-data/></manifest>"), "a.odt", "encrypted"),
        (b"{", "a.ipynb", "broken"),
        (b"just words", "a.eml", "broken"),
    ],
)
def test_what_cannot_be_read_has_a_reason(raw: bytes, name: str, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(raw, name)

    assert caught.value.reason == reason


def test_a_pdf_of_pictures_is_scanned_and_one_with_a_password_is_encrypted() -> None:
    picture = papers.stream(
        b"\x00", "/Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8"
    )
    lock = "/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<" + "41" * 32 + ">/U<" + "42" * 32 + ">>>/ID[<41><41>]"

    with pytest.raises(Unreadable, match="pictures without text"):
        read(papers.pdf(["q 500 0 0 500 0 0 cm /X1 Do Q"], extra=[picture]), "a.pdf")
    with pytest.raises(Unreadable, match="password"):
        read(papers.pdf([papers.lines_of_pdf(["x"])], trailer=lock), "a.pdf")


def test_pages_without_text_are_noted_where_others_have_some() -> None:
    document = read(papers.pdf(["", papers.lines_of_pdf(["words"]), "", ""]), "a.pdf")

    assert [(n.code, n.detail) for n in document.notes] == [("pages_without_text", "1, 3-4")]


def test_the_reader_reads_many_files_and_tells_the_hash_of_what_it_read(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# One\n\ntwo", encoding="utf-8")
    (tmp_path / "b.pdf").write_bytes(papers.pdf([papers.lines_of_pdf(["three"])]))
    (tmp_path / "c.txt").write_text("four", encoding="utf-8")

    paths = sorted(tmp_path.iterdir())

    async def go() -> list[Document]:
        async with Reader() as reader:
            return [await reader.read(path) for path in paths]

    documents = asyncio.run(go())

    assert [d.text() for d in documents] == ["One\n\ntwo", "three", "four"]
    assert documents[2].sha256 == hashlib.sha256(b"four").hexdigest()
    assert documents[2].bytes == 4
    assert documents[0].blocks[1] == Block(kind="paragraph", text="two", start_line=3, end_line=3, headings=("One",))
