"""Reads one file into blocks with their places, in a process of its own that a hostile file may ruin but not leave.

async with Reader() as reader:
    document = await reader.read(Path("report.pdf"))   # or raises Unreadable, which names the file and the reason
"""

from tandem.rag.read.document import Block, Document, Kind, Note, PageUnit, Reason, Unreadable
from tandem.rag.read.formats import FORMATS, format_of
from tandem.rag.read.limits import Limits
from tandem.rag.read.reader import Reader, Start, start_child

__all__ = [
    "FORMATS",
    "Block",
    "Document",
    "Kind",
    "Limits",
    "Note",
    "PageUnit",
    "Reader",
    "Reason",
    "Start",
    "Unreadable",
    "format_of",
    "start_child",
]
