"""What was read: blocks in reading order, each with the place where a person finds it; or why nothing was."""

from dataclasses import dataclass
from typing import Literal

from tandem.core.errors import TandemError

Kind = Literal["heading", "paragraph", "list", "table", "code"]
PageUnit = Literal["page", "slide", "sheet", "cell", "chapter"]
Reason = Literal[
    "missing",
    "forbidden",
    "not_a_file",
    "symlink",
    "empty",
    "too_large",
    "unsupported",
    "binary",
    "encoding_unclear",
    "encrypted",
    "scanned",
    "garbled",
    "broken",
    "bomb",
    "too_deep",
    "too_slow",
    "too_much_memory",
    "crashed",
]

SENTENCES: dict[Reason, str] = {
    "missing": "it is not there any more",
    "forbidden": "this user may not read it",
    "not_a_file": "it is a folder, a device, a pipe or a socket, not a file",
    "symlink": "it is a link; add the file that it points to",
    "empty": "it holds no text",
    "too_large": "it is larger than the limit",
    "unsupported": "this kind of file cannot be read",
    "binary": "it is not text",
    "encoding_unclear": "its encoding cannot be told for certain; save it as UTF-8",
    "encrypted": "it needs a password",
    "scanned": "its pages are pictures without text; run text recognition on it first",
    "garbled": "its letters cannot be mapped to text; print it to a new PDF or run text recognition on it",
    "broken": "it is damaged, or is not what its name says",
    "bomb": "it unpacks to far more than its size allows",
    "too_deep": "it is nested too deeply",
    "too_slow": "reading it took longer than the limit",
    "too_much_memory": "reading it took more memory than the limit",
    "crashed": "reading it ended the reading process",
}


class Unreadable(TandemError):
    """One file could not be read. ``reason`` is stable, for translation; ``detail`` is a fact for people or empty.

    ``str`` is an English sentence that names the file; it never holds the file's text.
    """

    code = "unreadable"

    def __init__(self, reason: Reason, *, name: str = "", detail: str = "") -> None:
        self.reason: Reason = reason
        self.name = name
        self.detail = detail
        sentence = SENTENCES[reason] + (f" ({detail})" if detail else "")
        super().__init__(f"{name or 'The file'} was not read: {sentence}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something the reader of the document should know, though it was read. ``code`` is stable, for translation.

    Codes: ``mojibake_repaired``, ``mixed_encodings`` (detail: lines), ``truncated_character``, ``nul_bytes``,
    ``encoding_guessed`` (detail: encoding), ``pages_without_text`` (detail: pages), ``attachment`` (detail: name),
    ``part_missing`` (detail: name).
    """

    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A heading, paragraph, list, table (rows as Markdown) or piece of code.

    ``level`` is 1 to 9 for a heading, else 0. ``headings`` is the path of headings above it, outermost first.
    ``page`` counts from 1 in the document's ``page_unit``, and is None where there is none. ``start_line`` and
    ``end_line`` count from 1 and are both included: lines of the file itself where it is text (Markdown, HTML,
    source code, CSV, e-mail), table rows in a sheet, else lines of the text of its page (see `Document.text`).
    """

    kind: Kind
    text: str
    start_line: int
    end_line: int
    page: int | None = None
    level: int = 0
    headings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file as read. ``sha256`` is the hash (hex) of exactly the bytes that were read; ``encoding`` is a text's."""

    format: str
    blocks: tuple[Block, ...]
    title: str = ""
    pages: int = 0
    page_unit: PageUnit | None = None
    encoding: str | None = None
    sha256: str = ""
    bytes: int = 0
    notes: tuple[Note, ...] = ()

    def text(self, page: int | None = None) -> str:
        """The blocks' text with an empty line between blocks; of one ``page`` where it is given."""
        return "\n\n".join(block.text for block in self.blocks if page is None or block.page == page)
