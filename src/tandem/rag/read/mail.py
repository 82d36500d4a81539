"""E-mail: who, when and about what, then the words; attachments are named, not opened."""

import email
import re
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from typing import cast

from tandem.rag.read.blocks import Blocks, one_line
from tandem.rag.read.document import Document, Note, Unreadable
from tandem.rag.read.encodings import decode
from tandem.rag.read.html import add_html, declared_charset
from tandem.rag.read.limits import Limits
from tandem.rag.read.markdown import add_paragraphs

_SHOWN = ("From", "To", "Cc", "Date", "Subject")
_PARTS_MOST = 1000
_HEADER = re.compile(rb"^[A-Za-z0-9-]{1,76}:", re.MULTILINE)


def read_mail(raw: bytes, limits: Limits) -> Document:
    """Read an ``.eml``. Lines are those of the file where a part is stored plainly. Raises `Unreadable`."""
    if not _HEADER.search(raw[:4096]):
        raise Unreadable("broken", detail="no mail header")
    try:
        message = email.message_from_bytes(raw)
        parts = _texts(message)
    except (MessageError, RecursionError, ValueError) as error:
        raise Unreadable("broken", detail="mail") from error
    blocks = Blocks(limits)
    subject = _header(message, "Subject")
    head = "\n".join(f"{name}: {_header(message, name)}" for name in _SHOWN if message.get(name))
    blocks.heading(1, subject, (1, 1))
    blocks.add("paragraph", head, (1, raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0].count(b"\n") + 1))
    for part in parts:
        _part(part, raw, blocks)
    return blocks.document(format_name="mail", title=subject)


def _texts(message: Message) -> list[Message]:
    """The parts with words: of alternatives the plain one, else HTML; then named attachments."""
    found: list[Message] = []
    waiting: list[Message] = [message]
    for _ in range(_PARTS_MOST):
        if not waiting:
            return found
        part = waiting.pop()
        if part.get_content_type() == "multipart/alternative":
            choices = _inside(part)
            plain = [c for c in choices if c.get_content_type() == "text/plain" and _payload(c).strip()]
            waiting.extend(plain[:1] or choices[-1:])
        elif part.is_multipart():
            waiting.extend(reversed(_inside(part)))
        else:
            found.append(part)
    raise Unreadable("bomb", detail=f"more than {_PARTS_MOST} parts")


def _inside(part: Message) -> list[Message]:
    held = part.get_payload()
    pieces = cast("list[object]", held) if isinstance(held, list) else []
    return [cast("Message", piece) for piece in pieces if isinstance(piece, Message)]


def _payload(part: Message) -> bytes:
    held = part.get_payload(decode=True)
    return held if isinstance(held, bytes) else b""


def _part(part: Message, raw: bytes, blocks: Blocks) -> None:
    name = part.get_filename()
    if name or part.get_content_disposition() == "attachment" or part.get_content_maintype() != "text":
        blocks.notes.append(Note(code="attachment", detail=one_line(_words(name or part.get_content_type()))[:200]))
        return
    body = _payload(part)
    if not body.strip():
        return
    is_html = part.get_content_type() == "text/html"
    found = decode(body, part.get_content_charset() or (declared_charset(body) if is_html else None))
    blocks.notes.extend(found.notes)
    line = _first_line(body, raw)
    if is_html:
        add_html(found.text, blocks, line)
    else:
        add_paragraphs(found.text.split("\n"), blocks, line)


def _first_line(body: bytes, raw: bytes) -> int:
    """Where the part begins in the file; for one that was encoded, the first line after the headers."""
    at = raw.find(body.strip()[:200])
    if at >= 0:
        leading = body[: len(body) - len(body.lstrip())].count(b"\n")
        return max(1, raw.count(b"\n", 0, at) + 1 - leading)
    return raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0].count(b"\n") + 3


def _header(message: Message, name: str) -> str:
    return one_line(_words(str(message.get(name, ""))))


def _words(value: str) -> str:
    try:
        return str(make_header(decode_header(value)))
    except (MessageError, LookupError, ValueError):
        return value.encode("ascii", "replace").decode("ascii")
