import asyncio
import hashlib
import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from support.shared import shared_data
from tandem.rag.read import Document, Limits, Reader, Unreadable
from tandem.rag.read.encodings import decode
from tandem.rag.read.formats import read_bytes

pytestmark = pytest.mark.shared_data


@pytest.mark.parametrize("name", ["docling_formats", "pypdf_samples", "pl_encodings"])
def test_every_file_of_a_set_is_read_or_reported(name: str) -> None:
    files = sorted(path for path in shared_data(name).rglob("*") if path.is_file())

    async def go() -> dict[str, int]:
        outcomes: Counter[str] = Counter()
        async with Reader(Limits(seconds=60)) as reader:
            for path in files:
                try:
                    document = await reader.read(path)
                    outcomes["read"] += all(b.text.strip() and 1 <= b.start_line <= b.end_line for b in document.blocks)
                except Unreadable as error:
                    outcomes[error.reason] += 1
        return outcomes

    outcomes = asyncio.run(go())

    assert sum(outcomes.values()) == len(files)
    assert not set(outcomes) & {"crashed", "too_slow", "too_much_memory", "forbidden"}


@pytest.mark.parametrize(
    "name",
    [
        "utf8",
        "utf8_bom",
        "utf16le_bom",
        "utf16be_bom",
        "utf16le_nobom",
        "cp1250",
        "iso_8859_2",
        "cp852",
        "mac_latin2",
        "utf8_crlf",
        "utf8_nfd",
        "mojibake_double_utf8",
    ],
)
def test_polish_in_any_encoding_is_the_same_text(name: str) -> None:
    folder = shared_data("pl_encodings")

    text = unicodedata.normalize("NFC", decode((folder / f"{name}.txt").read_bytes()).text)

    assert text == (folder / "utf8.txt").read_text(encoding="utf-8")


def test_polish_that_is_damaged_is_read_as_far_as_it_goes_and_noted() -> None:
    folder = shared_data("pl_encodings")
    whole = (folder / "utf8.txt").read_text(encoding="utf-8")
    mixed, cut, holed = (
        decode((folder / f"{name}.txt").read_bytes())
        for name in ("mixed_cp1250_in_utf8", "utf8_truncated_char", "utf8_with_nul")
    )

    assert whole.startswith(cut.text)
    assert whole.startswith(mixed.text.rpartition("\n")[0])
    assert whole.startswith(holed.text[:200])
    assert [d.notes[0].code for d in (mixed, cut, holed)] == ["mixed_encodings", "truncated_character", "nul_bytes"]


def read(path: Path) -> Document:
    return read_bytes(path.read_bytes(), path.name, Limits())


def test_a_place_in_a_text_file_holds_the_words_that_were_read_there() -> None:
    path = shared_data("pl_encodings") / "utf8.txt"
    lines = path.read_text(encoding="utf-8").split("\n")

    for block in read(path).blocks:
        there = "".join(lines[block.start_line - 1 : block.end_line])
        assert re.sub(r"\s", "", block.text) == re.sub(r"\s", "", there)


def test_reports_of_agencies_are_read_with_all_their_pages() -> None:
    path = next(shared_data("kg_rag_pdf").rglob("NARA2022.pdf"))

    document = read(path)

    assert {b.page for b in document.blocks} <= set(range(1, document.pages + 1))
    assert len({b.page for b in document.blocks}) > 0.9 * document.pages
    assert any(b.kind == "heading" for b in document.blocks)
    assert hashlib.sha256(path.read_bytes()).hexdigest() != document.sha256 == ""
