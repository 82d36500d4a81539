"""Compares libraries that read files: how much of the expected text, how fast, how heavy.

    python -m bench.reading ../shared/data            (what is not installed is left out)

To compare all: pip install pypdf pypdfium2 pdfminer.six python-docx python-pptx openpyxl odfpy selectolax lxml
beautifulsoup4 charset-normalizer. Recall is the share of the expected Markdown's words (as a bag) that was read.
For PDFs without an expected text the words are compared with those that most of the libraries agree on.
"""

import io
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, NamedTuple

from tandem.rag.read import Limits, Unreadable
from tandem.rag.read.encodings import decode
from tandem.rag.read.formats import read_bytes

Extract = Callable[[bytes], str]
_WORD = re.compile(r"\w+")
_FILES_MOST = 15
_NO_WORDS = re.compile(r"<!--.*?-->|\]\([^)]*\)|&\w+;", re.DOTALL)


class Contender(NamedTuple):
    """A library (its distribution's name), the module to import, and how its text is had."""

    name: str
    module: str
    extract: Extract


def words(text: str) -> Counter[str]:
    """A bag of words."""
    return Counter(_WORD.findall(text.lower()))


def recall(expected: Counter[str], found: Counter[str]) -> float:
    """The share of expected words that were found."""
    return sum((expected & found).values()) / max(1, expected.total())


def _ours(name: str) -> Extract:
    return lambda raw: read_bytes(raw, name, Limits()).text()


def _module(name: str) -> Any:  # noqa: ANN401 - what is compared need not be installed where types are checked
    return import_module(name)


def _pypdf(raw: bytes) -> str:
    reader: Any = _module("pypdf").PdfReader(io.BytesIO(raw))
    return "\n".join(page.extract_text() for page in reader.pages)


def _pdfminer(raw: bytes) -> str:
    return str(_module("pdfminer.high_level").extract_text(io.BytesIO(raw)))


def _python_docx(raw: bytes) -> str:
    held: Any = _module("docx").Document(io.BytesIO(raw))
    cells = (cell.text for table in held.tables for row in table.rows for cell in row.cells)
    return "\n".join([*(p.text for p in held.paragraphs), *cells])


def _python_pptx(raw: bytes) -> str:
    shapes: Any = (s for slide in _module("pptx").Presentation(io.BytesIO(raw)).slides for s in slide.shapes)
    return "\n".join(_shape_text(shape) for shape in shapes)


def _shape_text(shape: Any) -> str:  # noqa: ANN401 - a library without types
    if shape.has_text_frame:
        return str(shape.text_frame.text)
    return " ".join(c.text for row in shape.table.rows for c in row.cells) if shape.has_table else ""


def _openpyxl(raw: bytes) -> str:
    book: Any = _module("openpyxl").load_workbook(io.BytesIO(raw), read_only=True, data_only=True)
    return "\n".join(
        str(v) for sheet in book for row in sheet.iter_rows(values_only=True) for v in row if v is not None
    )


def _odfpy(raw: bytes) -> str:
    held, kinds = _module("odf.opendocument").load(io.BytesIO(raw)), _module("odf.text")
    elements = [e for kind in (kinds.P, kinds.H) for e in held.getElementsByType(kind)]
    return "\n".join(_module("odf.teletype").extractText(element) for element in elements)


def _selectolax(raw: bytes) -> str:
    page: Any = _module("selectolax.lexbor").LexborHTMLParser(raw)
    page.strip_tags(["script", "style"])
    return str(page.body.text(separator=" "))


def _lxml(raw: bytes) -> str:
    return " ".join(_module("lxml.html").fromstring(raw).itertext())


def _soup(raw: bytes) -> str:
    return str(_module("bs4").BeautifulSoup(raw, "html.parser").get_text(" "))


CONTENDERS: dict[str, list[Contender]] = {
    "pdf": [
        Contender("ours (pypdfium2)", "tandem.rag.read.pdf", _ours("a.pdf")),
        Contender("pypdf", "pypdf", _pypdf),
        Contender("pdfminer.six", "pdfminer.high_level", _pdfminer),
    ],
    "docx": [
        Contender("ours (zip, expat)", "tandem.rag.read.docx", _ours("a.docx")),
        Contender("python-docx", "docx", _python_docx),
    ],
    "pptx": [
        Contender("ours (zip, expat)", "tandem.rag.read.pptx", _ours("a.pptx")),
        Contender("python-pptx", "pptx", _python_pptx),
    ],
    "xlsx": [
        Contender("ours (zip, expat)", "tandem.rag.read.xlsx", _ours("a.xlsx")),
        Contender("openpyxl", "openpyxl", _openpyxl),
    ],
    "odt": [
        Contender("ours (zip, expat)", "tandem.rag.read.odf", _ours("a.odt")),
        Contender("odfpy", "odf.opendocument", _odfpy),
    ],
    "html": [
        Contender("ours (html.parser)", "tandem.rag.read.html", _ours("a.html")),
        Contender("selectolax", "selectolax.lexbor", _selectolax),
        Contender("lxml", "lxml.html", _lxml),
        Contender("beautifulsoup4", "bs4", _soup),
    ],
}


def files(data: Path, kind: str) -> Iterator[tuple[Path, str]]:
    """Files of a kind with their expected Markdown, which is empty where there is none."""
    folders = ["docling_formats", "pypdf_samples", "kg_rag_pdf"] if kind == "pdf" else ["docling_formats"]
    for folder in folders:
        for path in sorted((data / folder).rglob(f"*.{kind}"))[:_FILES_MOST]:
            beside = path.parent.parent / "groundtruth"
            truths = [beside / f"{path.name}.md", beside / f"{path.stem}.md"]
            yield path, next((t.read_text(encoding="utf-8") for t in truths if t.exists()), "")


def import_ms(module: str) -> float:
    """Milliseconds to import ``module`` in a process of its own, beyond starting Python; the best of three."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True) for _ in range(3)]
    return min(float(run.stdout) for run in runs) * 1000


def installed_kib(name: str) -> int:
    """What a distribution takes on disk, without what it depends on."""
    try:
        return sum(file.size or 0 for file in metadata.files(name) or []) // 1024
    except metadata.PackageNotFoundError:
        return 0


class Run(NamedTuple):
    """What a contender made of the files: a bag of words for each, or None where it failed, and seconds in all."""

    bags: list[Counter[str] | None]
    seconds: float


def run(contender: Contender, held: list[tuple[Path, str]]) -> Run:
    """Let a contender read every file once."""
    bags, seconds = list[Counter[str] | None](), 0.0
    for path, _ in held:
        raw = path.read_bytes()
        started = time.perf_counter()
        found = _try(contender.extract, raw)
        seconds += time.perf_counter() - started
        bags.append(None if found is None else words(found))
    return Run(bags, seconds)


def row(kind: str, contender: Contender, held: list[tuple[Path, str]], runs: list[Run]) -> str:
    """One line of the table; the last of ``runs`` is the contender's."""
    mine = runs[-1]
    told, agreement = list[float](), list[float]()
    for place, (_, expected) in enumerate(held):
        found = mine.bags[place] or Counter[str]()
        if expected:
            told.append(recall(words(_NO_WORDS.sub("", expected)), found))
        elif kind == "pdf" and (common := _common([other.bags[place] for other in runs[:-1]])):
            agreement.append(recall(common, found))
    size = installed_kib("pypdfium2" if kind == "pdf" and "ours" in contender.name else contender.name)
    failed = sum(bag is None for bag in mine.bags)
    cells = [kind, contender.name, _mean(told), _mean(agreement), str(failed), f"{1000 * mine.seconds / len(held):.1f}"]
    return "| " + " | ".join([*cells, f"{import_ms(contender.module):.0f}", str(size)]) + " |"


def _common(bags: list[Counter[str] | None]) -> Counter[str]:
    """The words that at least two found."""
    common: Counter[str] = Counter()
    for n, one in enumerate(bags):
        for other in bags[n + 1 :]:
            common |= (one or Counter[str]()) & (other or Counter[str]())
    return common


def _mean(values: list[float]) -> str:
    return f"{sum(values) / len(values):.3f} ({len(values)})" if values else ""


def _try(extract: Extract, raw: bytes) -> str | None:
    try:
        return extract(raw)
    except Exception:  # noqa: BLE001 - a contender may fail in any way; that is what is counted
        return None


def _here(contender: Contender) -> bool:
    done = subprocess.run([sys.executable, "-c", f"import {contender.module}"], capture_output=True, check=False)
    return done.returncode == 0


def main(data: Path) -> None:
    """Print the table."""
    print("| kind | library | recall (files) | agreement (files) | failed | ms a file | import ms | KiB installed |")
    print("|---|---|---|---|---|---|---|---|")
    for kind, contenders in CONTENDERS.items():
        held = list(files(data, kind))
        present = [contender for contender in contenders if _here(contender)]
        runs = [run(contender, held) for contender in present]
        for contender, mine in zip(present, runs, strict=True):
            print(row(kind, contender, held, [*runs, mine]), flush=True)


ENCODED = {
    "pl": ("cp1250", "iso8859-2", "cp852", "mac_latin2"),
    "de": ("cp1252", "cp850", "mac_roman"),
    "es": ("cp1252", "cp850", "mac_roman"),
    "ro": ("cp1250", "iso8859-2"),
}


def texts(data: Path) -> Iterator[tuple[str, str]]:
    """Paragraphs by language: XQuAD's, and the lines of the Polish course page."""
    for line in (data / "pl_encodings" / "utf8.txt").read_text(encoding="utf-8").split("\n"):
        yield "pl", line
    for language in ("de", "es", "ro"):
        held = (data / "xquad" / f"xquad.{language}.json").read_text(encoding="utf-8")
        for article in json.loads(held)["data"]:
            yield language, article["paragraphs"][0]["context"]


def compare_encodings(data: Path) -> None:
    """Print how many paragraphs in undeclared encodings were read right, reported, or garbled silently."""
    guessers: dict[str, Callable[[bytes], str | None]] = {"ours": _our_text}
    if _here(Contender("", "charset_normalizer", _pypdf)):
        guessers["charset-normalizer"] = _normalized
    print("\n| guesser | right | reported | garbled | ms a text |\n|---|---|---|---|---|")
    for name, guess in guessers.items():
        counts, started = Counter[str](), time.perf_counter()
        for language, text in texts(data):
            for encoding in ENCODED[language]:
                raw = text.encode(encoding, errors="ignore")
                if raw.isascii():
                    continue
                found = guess(raw)
                counts["reported" if found is None else "right" if found == raw.decode(encoding) else "garbled"] += 1
        taken = 1000 * (time.perf_counter() - started) / counts.total()
        print(f"| {name} | {counts['right']} | {counts['reported']} | {counts['garbled']} | {taken:.1f} |")


def _our_text(raw: bytes) -> str | None:
    try:
        return decode(raw).text
    except Unreadable:
        return None


def _normalized(raw: bytes) -> str | None:
    best = _module("charset_normalizer").from_bytes(raw).best()
    return None if best is None else str(best)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    compare_encodings(Path(sys.argv[1]))
