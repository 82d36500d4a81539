"""What was found in a text is remembered: a conversation is sent whole with every turn, and searched once."""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Generic, TypeVar

T = TypeVar("T")
_LEAST_CHARACTERS = 400
"""A shorter text is searched as fast as its digest is made and looked up."""
_MOST = 8192


class Remembered(Generic[T]):
    """A pure function of a text with a bounded memory. Keys are digests under a key of this process, never texts.

    Threads may share it.
    """

    def __init__(self, function: Callable[[str], Sequence[T]]) -> None:
        self._function = function
        self._key = secrets.token_bytes(32)
        self._results: OrderedDict[bytes, Sequence[T]] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, text: str) -> Sequence[T]:
        """What the function gives for this text."""
        if len(text) < _LEAST_CHARACTERS:
            return self._function(text)
        key = blake2b(text.encode("utf-8", "surrogatepass"), key=self._key, digest_size=16).digest()
        with self._lock:
            known = self._results.get(key)
            if known is not None:
                self._results.move_to_end(key)
                return known
        found = self._function(text)
        with self._lock:
            self._results[key] = found
            if len(self._results) > _MOST:
                self._results.popitem(last=False)
        return found
