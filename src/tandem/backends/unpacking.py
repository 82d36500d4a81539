"""Answers that come packed though none was asked for: unpacked within a limit, so that no bomb goes off."""

import zlib
from collections.abc import Callable

from tandem.core.errors import Unreachable

Unpack = Callable[[bytes, int], bytes]
"""``unpack(piece, limit)``: the bytes that a piece unpacks to, at most one more than ``limit``."""


def unpacker(packing: str, sender: str) -> Unpack | None:
    """What undoes a packing, ``None`` where there is none to undo. Raises `Unreachable` for one that is not known."""
    match packing.strip().lower():
        case "identity":
            return None
        case "gzip" | "x-gzip" | "deflate":
            machine = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        case _:
            raise Unreachable(f"{sender} answers in an encoding that was not asked for.")

    def unpack(piece: bytes, limit: int) -> bytes:
        try:
            return machine.decompress(piece, limit + 1)
        except zlib.error as error:
            raise Unreachable(f"{sender} sent bytes that cannot be unpacked.") from error

    return unpack
