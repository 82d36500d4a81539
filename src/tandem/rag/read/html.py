"""HTML by the standard library's parser, which knows the line of everything and does not mind depth."""

import re
from html.parser import HTMLParser

from tandem.rag.read.blocks import Blocks, one_line
from tandem.rag.read.document import Document, Unreadable
from tandem.rag.read.encodings import decode
from tandem.rag.read.limits import Limits

_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
_XML_ENCODING = re.compile(rb"""^\s*<\?xml[^>]{0,200}encoding\s*=\s*["']([A-Za-z0-9_.:-]{2,40})""")
_SILENT = {"script", "style", "template", "noscript", "svg", "math", "iframe", "object", "select", "datalist"}
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr", "param"}
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCK = {
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "div", "dl",
    "dt", "fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "html", "legend", "main", "nav", "p",
    "section", "summary", "title", "td", "th", "tr", "thead", "tbody", "tfoot",
}  # fmt: skip


def declared_charset(raw: bytes) -> str | None:
    """What the page says of its own encoding, in its first 2,048 bytes."""
    match = _XML_ENCODING.search(raw[:2048]) or _CHARSET.search(raw[:2048])
    name = match[1].decode("ascii").lower() if match else None
    return {"iso-8859-1": "cp1252", "latin1": "cp1252", "us-ascii": "cp1252"}.get(name or "", name)


def read_html(raw: bytes, limits: Limits) -> Document:
    """Read a page. Raises `Unreadable`."""
    found = decode(raw, declared_charset(raw))
    blocks = Blocks(limits)
    blocks.notes.extend(found.notes)
    title = add_html(found.text, blocks)
    return blocks.document(format_name="html", title=title, encoding=found.encoding)


def add_html(text: str, blocks: Blocks, first_line: int = 1) -> str:
    """Add a page's blocks, with the lines of its source. Returns its title."""
    page = _Page(blocks, first_line - 1)
    try:
        page.feed(text)
        page.close()
    except (AssertionError, RecursionError) as error:
        raise Unreadable("broken", detail="HTML") from error
    page.flush()
    return page.title


class _Table:
    def __init__(self, line: int) -> None:
        self.rows: list[list[str]] = []
        self.line = line


class _Page(HTMLParser):
    """Text is collected until a block begins or ends. Of nested tables and lists the outermost is one block."""

    def __init__(self, blocks: Blocks, lines_before: int) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self._blocks = blocks
        self._before = lines_before
        self._pieces: list[str] = []
        self._worded = False
        self._start = 1
        self._last = 1
        self._kind = "paragraph"
        self._silent: list[str] = []
        self._pre = 0
        self._lists: list[str] = []
        self._items: list[str] = []
        self._tables: list[_Table] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._silent or tag in _SILENT:
            if tag not in _VOID:
                self._silent.append(tag)
                if len(self._silent) > self._blocks.limits.depth:
                    raise Unreadable("too_deep", detail="HTML")
            return
        if tag == "br":
            self._pieces.append("\n")
        elif tag == "img":
            self._pieces.append(f" {dict(attrs).get('alt') or ''} ")
        elif self._tables:
            self._in_table(tag)
        else:
            self._begin(tag)

    def _begin(self, tag: str) -> None:
        if tag == "table":
            self._flush_all()
            self._tables.append(_Table(self._line()))
        elif tag in {"ul", "ol", "menu"}:
            self._end_item()
            self._lists.append(tag)
        elif tag == "li":
            self._end_item()
        elif not self._lists and (tag in _HEADINGS or tag in _BLOCK or tag == "pre"):
            self.flush()
            self._kind = tag if tag in _HEADINGS else "paragraph"
            self._pre += tag == "pre"
        elif tag in _BLOCK:
            self._pieces.append("\n" if tag == "tr" else " ")

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            if tag in self._silent:
                while self._silent.pop() != tag:
                    pass
            return
        if self._tables:
            self._out_of_table(tag)
        elif tag == "title":
            self.title = one_line("".join(self._pieces))
            self._drop()
        elif tag in {"ul", "ol", "menu"} and self._lists:
            self._end_item()
            self._lists.pop()
            if not self._lists:
                self._flush_all()
        elif tag == "li":
            self._end_item()
        elif not self._lists and (tag in _HEADINGS or tag in _BLOCK or tag == "pre"):
            self.flush()
            self._pre = max(0, self._pre - (tag == "pre"))
            self._kind = "paragraph"

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        if not self._worded and data.strip() and not self._items:
            self._start = self._line() + data[: len(data) - len(data.lstrip())].count("\n")
        self._last = self._line() + data.rstrip().count("\n")
        self._worded = self._worded or bool(data.strip())
        self._pieces.append(data)

    def flush(self) -> None:
        """End whatever is open."""
        if self._lists or self._items:
            self._flush_all()
        text = "".join(self._pieces)
        self._drop()
        lines = (self._start, max(self._start, self._last))
        if self._pre:
            self._blocks.add("code", text, lines)
        elif level := _HEADINGS.get(self._kind):
            self._blocks.heading(level, text, lines)
        elif text.strip():
            self._blocks.add("paragraph", "\n".join(map(one_line, text.split("\n\n"))), lines)

    def _flush_all(self) -> None:
        self._end_item()
        items, self._items, self._lists = self._items, [], []
        if items:
            self._blocks.add("list", "\n".join(items), (self._start, max(self._start, self._last)))
        else:
            self.flush()

    def _end_item(self) -> None:
        if not self._lists:
            if not self._items:
                self.flush()
            return
        text = one_line("".join(self._pieces))
        self._drop()
        if text:
            self._items.append(f"- {text}")

    def _in_table(self, tag: str) -> None:
        if tag == "table":
            self._tables.append(_Table(self._line()))
        elif len(self._tables) > 1:
            self._pieces.append(" ")
        elif tag == "tr":
            self._end_cell()
            self._tables[0].rows.append([])
        elif tag in {"td", "th"}:
            self._end_cell()
            if not self._tables[0].rows:
                self._tables[0].rows.append([])
            self._tables[0].rows[-1].append("")
        elif tag in _BLOCK or tag == "li":
            self._pieces.append(" ")

    def _out_of_table(self, tag: str) -> None:
        if tag == "table":
            if len(self._tables) == 1:
                self._end_cell()
                table = self._tables[0]
                self._blocks.table(table.rows, (table.line, max(table.line, self._line())))
            self._tables.pop()
        elif len(self._tables) == 1 and tag in {"td", "th", "tr", "caption"}:
            self._end_cell()
        else:
            self._pieces.append(" " if tag in _BLOCK or tag in {"li", "td", "th", "tr"} else "")

    def _end_cell(self) -> None:
        text = one_line("".join(self._pieces))
        self._drop()
        rows = self._tables[0].rows
        if not text:
            return
        if rows and rows[-1]:
            rows[-1][-1] = f"{rows[-1][-1]} {text}".strip()
        else:
            line = self._line()
            self._blocks.add("paragraph", text, (line, line))

    def _drop(self) -> None:
        self._pieces.clear()
        self._worded = False

    def _line(self) -> int:
        return self._before + self.getpos()[0]
