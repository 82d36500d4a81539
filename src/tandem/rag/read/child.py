"""The reading process: takes files on its standard input, answers with documents, and touches nothing else.

It is given bytes, never a path, so that it needs no right to open files. It ends when its input closes.
"""

import hashlib
import logging
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace

import msgspec

from tandem.rag.read.document import Unreadable
from tandem.rag.read.formats import import_readers, read_bytes
from tandem.rag.read.frames import NO_MEMORY_STATUS, Answer, Ask, frame, take_frame
from tandem.rag.read.limits import bind, bind_next_file

log = logging.getLogger(__name__)

_DEEP = 3000


def main(seal: Callable[[], object] | None = None) -> None:
    """Serve until standard input closes. ``seal`` is called once everything is imported and nothing has been read."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not become an answer
    sys.setrecursionlimit(_DEEP)
    import_readers()
    if seal:
        seal()
    bound = False
    while (head := take_frame(sys.stdin.buffer)) is not None:
        ask = msgspec.msgpack.decode(head, type=Ask)
        if not bound:
            bind(ask.limits)
            bound = True
        bind_next_file(ask.limits)
        try:
            answers.write(frame(msgspec.msgpack.encode(_answer(ask))))
        except MemoryError:
            os._exit(NO_MEMORY_STATUS)
        answers.flush()


def _answer(ask: Ask) -> Answer:
    """The last door: whatever a file does to a reader becomes an answer, and its text stays out of the log."""
    try:
        raw = take_frame(sys.stdin.buffer) or b""
        document = read_bytes(raw, ask.name, ask.limits)
        return Answer(document=replace(document, sha256=hashlib.sha256(raw).hexdigest(), bytes=len(raw)))
    except Unreadable as error:
        return Answer(reason=error.reason, detail=error.detail)
    except MemoryError:
        return Answer(reason="too_much_memory")
    except RecursionError:
        return Answer(reason="too_deep")
    except Exception as error:  # noqa: BLE001 - one file's surprise must not end the others
        log.error("a reader failed: %s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))  # noqa: TRY400 - a message may hold the file's text
        return Answer(reason="broken", detail=type(error).__name__)


if __name__ == "__main__":
    main()
