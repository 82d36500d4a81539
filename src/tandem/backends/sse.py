"""Server-sent events, read from bytes that arrive in any pieces (WHATWG HTML, 9.2.6).

Only what answers need: the data of each event and its name. Lines end with CRLF, LF or CR; comments are let pass.
A byte order mark is taken away before, where it is told whether an answer is a stream.
"""

from typing import NamedTuple

from tandem.core.errors import Unreachable


class Frame(NamedTuple):
    """One event: its name (empty where it has none) and its data, lines joined by a line feed."""

    event: bytes
    data: bytes


class EventReader:
    """Collects pieces of bytes into events. An event above ``limit`` bytes is refused with `Unreachable`."""

    def __init__(self, limit: int, sender: str) -> None:
        self._limit = limit
        self._sender = sender
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._after_cr = False
        self._event = b""
        self._data: list[bytes] = []
        self._data_bytes = 0

    def feed(self, piece: bytes) -> list[Frame]:
        """The events that are complete now. Raises `Unreachable` for one that is too long."""
        if self._after_cr and piece:
            self._after_cr = False
            piece = piece.removeprefix(b"\n")
        if b"\n" not in piece and b"\r" not in piece:
            self._hold(piece)
            return []
        if self._held:
            piece = b"".join((*self._held, piece))
            self._held.clear()
            self._held_bytes = 0
        lines = piece.splitlines()
        if piece.endswith(b"\r"):
            self._after_cr = True
        elif not piece.endswith(b"\n"):
            self._hold(lines.pop())
        return self._frames(lines)

    def end(self) -> list[Frame]:
        """What the last bytes held, though no empty line came after them."""
        rest = b"".join(self._held)
        self._held.clear()
        return self._frames([rest, b""])

    def _frames(self, lines: list[bytes]) -> list[Frame]:
        frames: list[Frame] = []
        for line in lines:
            if line.startswith(b"data:"):
                value = line[6:] if line[5:6] == b" " else line[5:]
                self._data_bytes += len(value)
                if self._data_bytes > self._limit:
                    raise self._too_long()
                self._data.append(value)
            elif not line:
                if self._data:
                    frames.append(Frame(self._event, self._data[0] if len(self._data) == 1 else b"\n".join(self._data)))
                    self._data.clear()
                    self._data_bytes = 0
                self._event = b""
            elif line.startswith(b"event:"):
                self._event = line[6:].removeprefix(b" ")
        return frames

    def _hold(self, piece: bytes) -> None:
        if not piece:
            return
        self._held.append(piece)
        self._held_bytes += len(piece)
        if self._held_bytes > self._limit:
            raise self._too_long()

    def _too_long(self) -> Unreachable:
        return Unreachable(f"{self._sender} sent an event of more than {self._limit} bytes, which is no answer.")
