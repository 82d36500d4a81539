"""Noticing that an answer has become a loop: a small model that says one thing again and again never ends by itself."""

import numpy as np

_LOOK_EVERY = 32
_LONGEST_ROUND = 128
_ROUNDS = 6
_LEAST_TOKENS = 192
"""A loop is the same round of at most 128 tokens, six times over and for at least 192 tokens, with nothing between."""


class Loops:
    """Follows one answer's tokens. The same answer always ends at the same place."""

    def __init__(self) -> None:
        self._tokens: list[int] = []

    def closed_by(self, token: int) -> bool:
        """Take one token; true where the answer now only repeats itself. Looks at every 32nd token."""
        self._tokens.append(token)
        if len(self._tokens) % _LOOK_EVERY or len(self._tokens) < _LEAST_TOKENS:
            return False
        recent = np.array(self._tokens[-_LONGEST_ROUND * _ROUNDS :])
        rounds = np.flatnonzero(recent[-_LONGEST_ROUND - 1 : -1][::-1] == recent[-1]) + 1
        return any(_repeats(recent, int(length)) for length in rounds)


def _repeats(tokens: np.ndarray[tuple[int], np.dtype[np.int_]], length: int) -> bool:
    span = max(_ROUNDS * length, _LEAST_TOKENS)
    last = tokens[-span:]
    return len(last) == span and bool(np.array_equal(last[length:], last[:-length]))
