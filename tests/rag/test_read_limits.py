import asyncio
import os
import socket
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path

import pytest

from support import papers
from tandem.rag.read import Document, Limits, Reader, Start, Unreadable, start_child
from tandem.rag.read.formats import read_bytes

GOOD = b"# Fine\n\nwords"


def reasons(folder: Path, limits: Limits | None = None, start: Start = start_child) -> dict[str, str]:
    """Every entry of a folder with its reason, or ``read``; one reader for all, and a good file after each."""
    good = folder.parent / "good.md"
    good.write_bytes(GOOD)

    async def go(paths: list[Path]) -> dict[str, str]:
        found: dict[str, str] = {}
        async with Reader(limits, start) as reader:
            for path in paths:
                found[path.name] = await outcome(reader, path)
                assert await outcome(reader, good) == "read"
        return found

    return asyncio.run(go(sorted(folder.iterdir())))


async def outcome(reader: Reader, path: Path) -> str:
    try:
        await reader.read(path)
    except Unreadable as error:
        return error.reason if error.name else "without a name"
    return "read"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    made.mkdir()
    return made


def test_archives_that_unpack_without_end_cost_one_file_each(folder: Path) -> None:
    limits = Limits(unpacked_bytes=8 << 20)
    spaces = " " * (9 << 20)
    (folder / "a.docx").write_bytes(papers.docx(papers.word_paragraph(spaces)))
    (folder / "b.xlsx").write_bytes(papers.xlsx({"s": spaces}))
    (folder / "c.epub").write_bytes(papers.epub([f"<p>{spaces}"]))
    (folder / "d.docx").write_bytes(papers.docx("", **{f"p{n}": "" for n in range(20_001)}))
    (folder / "e.odt").write_bytes(papers.odt("<text:p>" + "x" * 100 + "</text:p>"))

    found = reasons(folder, limits)

    assert found == {"a.docx": "bomb", "b.xlsx": "bomb", "c.epub": "bomb", "d.docx": "bomb", "e.odt": "read"}
    assert (folder / "a.docx").stat().st_size < 20_000


def test_many_small_parts_are_counted_together() -> None:
    chapters = [f"<p>{' ' * (1 << 20)}x" for _ in range(5)]

    with pytest.raises(Unreadable) as caught:
        read_bytes(papers.epub(chapters), "a.epub", Limits(unpacked_bytes=4 << 20))

    assert caught.value.reason == "bomb"


def test_xml_that_declares_entities_is_refused(folder: Path) -> None:
    laughs = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    outside = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    for name, head in (("a.docx", laughs), ("b.docx", outside)):
        (folder / name).write_bytes(papers.docx("", **{"word/document.xml": f"{head}<x><t>&a;</t></x>"}))

    assert reasons(folder) == {"a.docx": "bomb", "b.docx": "bomb"}


def test_depth_costs_at_most_the_file(folder: Path) -> None:
    (folder / "a.html").write_bytes(b"<div><ul><li>" * 20_000 + b"bottom")
    (folder / "b.ipynb").write_bytes(b'{"cells":' + b"[" * 200_000)
    (folder / "c.docx").write_bytes(papers.docx("<w:p>" * 100_000))
    (folder / "d.html").write_bytes(b"<table><tr><td>" * 20_000 + b"bottom")
    (folder / "e.html").write_bytes(b"<svg>" * 20_000)
    (folder / "f.md").write_bytes(b"> " * 100_000 + b"x\n" + b"[" * 100_000 + b"\n" + b"- " * 100_000)

    found = reasons(folder)

    assert found["b.ipynb"] == found["c.docx"] == found["e.html"] == "too_deep"
    assert found["a.html"] == found["d.html"] == found["f.md"] == "read"


def test_markup_that_some_versions_of_the_parser_read_ever_more_slowly_ends_at_the_limit(folder: Path) -> None:
    (folder / "a.html").write_bytes(b"<p>x" + b"<!--" * 200_000)
    started = time.monotonic()

    assert reasons(folder, Limits(seconds=4))["a.html"] in {"too_slow", "read"}
    assert time.monotonic() - started < 30


def test_a_pdf_that_contains_itself_is_survived(folder: Path) -> None:
    form = papers.stream(b"/X1 Do", "/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X1 5 0 R>>>>")
    words = papers.lines_of_pdf(["words"])
    (folder / "pages.pdf").write_bytes(papers.pdf([words], kids="2 0 R 2 0 R"))
    (folder / "form.pdf").write_bytes(papers.pdf([words + " /X1 Do"], extra=[form]))
    (folder / "cut.pdf").write_bytes(papers.pdf([words])[:300])
    (folder / "count.pdf").write_bytes(papers.pdf([words]).replace(b"/Count 1", b"/Count 2147483647"))

    found = reasons(folder, Limits(seconds=20))

    assert found["form.pdf"] == "read"
    assert found["pages.pdf"] in {"broken", "empty"}
    assert found["cut.pdf"] == "broken"
    assert found["count.pdf"] in {"read", "broken", "too_large"}


def test_what_is_no_plain_file_is_reported_without_being_opened(folder: Path) -> None:
    (folder / "real.txt").write_bytes(GOOD)
    (folder / "link.txt").symlink_to(folder / "real.txt")
    (folder / "lost.txt").symlink_to(folder / "nowhere")
    (folder / "device.txt").symlink_to("/dev/zero")
    (folder / "folder.txt").mkdir()
    os.mkfifo(folder / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(folder / "socket.txt"))
        found = reasons(folder)

    assert found == {
        "device.txt": "symlink",
        "folder.txt": "not_a_file",
        "link.txt": "symlink",
        "lost.txt": "symlink",
        "pipe.txt": "not_a_file",
        "real.txt": "read",
        "socket.txt": "not_a_file",
    }


def test_a_name_that_is_no_utf8_is_read_and_can_be_shown(folder: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/\xffa\n.md"))
    odd.write_bytes(GOOD)
    empty = Path(os.fsdecode(os.fsencode(folder) + b"/\xffb.md"))
    empty.touch()

    async def go() -> Document:
        async with Reader() as reader:
            with pytest.raises(Unreadable, match=r"\\xffb.md was not read: it holds no text") as caught:
                await reader.read(empty)
            caught.value.name.encode()
            return await reader.read(odd)

    assert asyncio.run(go()).title == "Fine"


def test_size_is_checked_before_and_while_reading(folder: Path) -> None:
    with (folder / "a.txt").open("wb") as huge:
        huge.truncate(200 << 20)
    (folder / "b.txt").write_bytes(b"many words " * 1000)
    started = time.monotonic()

    found = reasons(folder, Limits(text_chars=5000))

    assert found == {"a.txt": "too_large", "b.txt": "too_large"}
    assert time.monotonic() - started < 30


def test_a_file_that_is_gone_or_forbidden_or_unknown_is_reported(tmp_path: Path) -> None:
    async def go() -> list[str]:
        async with Reader() as reader:
            return [await outcome(reader, tmp_path / name) for name in ("gone.md", "a.xyz")]

    assert asyncio.run(go()) == ["missing", "unsupported"]


def first_then_real(code: str) -> Start:
    """Starts a process that runs ``code`` at its first file, and true ones after it."""
    starts: list[str] = []

    async def start() -> Process:
        starts.append(code)
        if len(starts) > 1:
            return await start_child()
        return await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)

    return start


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import time; time.sleep(60)", "too_slow"),
        ("import sys; sys.stdin.buffer.read(9); sys.stdout.buffer.write(b'x' * 99)", "crashed"),
        (
            "import sys; sys.stdout.buffer.write(bytes(7) + b'\\x09' + b'{' * 9); sys.stdout.flush(); sys.stdin.read()",
            "crashed",
        ),
        ("import os; os.abort()", "crashed"),
        ("import time; x = bytearray(b'x') * (400 << 20); time.sleep(60)", "too_much_memory"),
    ],
)
def test_a_reading_process_that_misbehaves_costs_one_file(folder: Path, code: str, reason: str) -> None:
    (folder / "a.md").write_bytes(GOOD)
    limits = Limits(seconds=4, memory_bytes=300 << 20)

    assert reasons(folder, limits, first_then_real(code)) == {"a.md": reason}


def test_the_system_itself_holds_a_reading_process_to_its_memory(folder: Path) -> None:
    rows = "".join(f'<row r="{n}"><c r="A{n}"><v>{n}</v></c></row>' for n in range(1, 300_000))
    (folder / "a.xlsx").write_bytes(papers.xlsx({"s": rows}))

    assert reasons(folder, Limits(memory_bytes=220 << 20)) == {"a.xlsx": "too_much_memory"}


def test_cancelling_ends_the_reading_process(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(GOOD)
    started: list[Process] = []

    async def start() -> Process:
        code = "import time; time.sleep(60)"
        started.append(await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdin=PIPE, stdout=PIPE))
        return started[0]

    async def go() -> int | None:
        async with Reader(start=start) as reader:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await reader.read(tmp_path / "a.md")
            return started[0].returncode

    assert asyncio.run(go()) is not None


def test_no_file_meets_the_process_that_a_pdf_has_met(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(papers.pdf([papers.lines_of_pdf(["x y z"])]))
    (tmp_path / "b.md").write_bytes(GOOD)
    started: list[int] = []

    async def start() -> Process:
        process = await start_child()
        started.append(process.pid)
        return process

    async def go() -> None:
        async with Reader(start=start) as reader:
            for name in ("b.md", "b.md", "a.pdf", "b.md"):
                await reader.read(tmp_path / name)

    asyncio.run(go())

    assert len(set(started)) == 2
