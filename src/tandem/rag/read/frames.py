"""What the reader and its child say to each other: a length in eight bytes, then as many bytes."""

import struct
from typing import BinaryIO

import msgspec

from tandem.rag.read.document import Document, Reason
from tandem.rag.read.limits import Limits

LENGTH = struct.Struct(">Q")
NO_MEMORY_STATUS = 77


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Read the file that follows as the next frame. ``name`` is for choosing the reader."""

    name: str
    limits: Limits


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A document, or why there is none."""

    document: Document | None = None
    reason: Reason | None = None
    detail: str = ""


def frame(body: bytes) -> bytes:
    """``body`` with its length before it."""
    return LENGTH.pack(len(body)) + body


def take_frame(stream: BinaryIO) -> bytes | None:
    """The next frame; None at the end of the stream."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    body = stream.read(length)
    return body if len(body) == length else None
