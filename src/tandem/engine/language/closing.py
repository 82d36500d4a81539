"""The way out of a grammar: how a JSON text that has run long is completed before its tokens are spent.

A small model fills a string or a list until the limit cuts it off, and half a JSON text is of no use to anyone. So the
last tokens of a bound answer are kept free for its quotes and brackets. The way is found by walking: end what is open,
and where something is still required, write the shortest thing that may stand there.
"""

from collections.abc import Sequence
from copy import copy

import numpy as np
from llguidance import LLMatcher
from numpy.typing import NDArray

from tandem.engine.language.numerals import Numerals

IN_VALUE = b'}],":ntf123456789[{0-'
IN_STRING = b'".'
FEW = 512
"""With no more tokens to choose from, a name or a number is being spelled out: the longest piece ends it soonest."""


class WayOut:
    """Finds tokens that complete a JSON text, for one tokenizer. ``pieces`` are the bytes of every token."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces
        ids = {piece: token for token, piece in reversed(list(enumerate(pieces))) if len(piece) == 1}
        self._in_value = [ids[bytes([byte])] for byte in IN_VALUE if bytes([byte]) in ids]
        self._in_string = [ids[bytes([byte])] for byte in IN_STRING if bytes([byte]) in ids]
        self._words: NDArray[np.uint32] = np.zeros((len(pieces) + 31) // 32, dtype=np.uint32)

    def find(self, matcher: LLMatcher, numerals: Numerals, limit: int) -> list[int] | None:
        """At most ``limit`` tokens after which the text may end; ``None`` where no such way shows. Both are left."""
        matcher, numerals = matcher.deep_copy(), copy(numerals)
        way: list[int] = []
        while not matcher.is_accepting():
            token = self._next(matcher, in_string=numerals.in_string) if len(way) < limit else None
            if token is None or not matcher.consume_token(token):
                return None
            numerals.feed(self._pieces[token])
            way.append(token)
        return way

    def _next(self, matcher: LLMatcher, *, in_string: bool) -> int | None:
        matcher.unsafe_compute_mask_ptr(self._words.ctypes.data, self._words.nbytes)
        if matcher.is_error():
            return None
        liked = self._in_string if in_string else self._in_value
        if in_string and self._allows(liked[0]):
            return liked[0]
        allowed = np.flatnonzero(np.unpackbits(self._words.view(np.uint8), count=len(self._pieces), bitorder="little"))
        few = allowed.size <= FEW and (in_string or not any(self._allows(token) for token in liked))
        if few and allowed.size:
            return max((int(token) for token in allowed), key=lambda token: len(self._pieces[token]))
        return next((token for token in liked if self._allows(token)), int(allowed[0]) if allowed.size else None)

    def _allows(self, token: int) -> bool:
        return bool(self._words[token >> 5] >> np.uint32(token & 31) & np.uint32(1))
