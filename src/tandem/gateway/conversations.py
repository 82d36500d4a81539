"""Which model answered a conversation last: there its cache is warm. Keys are digests under a key of this process."""

import secrets
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b

from tandem.core.chat import Message

_MOST = 4096
"""Conversations that are remembered; the longest unseen is forgotten first."""


class Conversations:
    """A bounded memory from a conversation so far to the model that answered it."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._answered: OrderedDict[bytes, str] = OrderedDict()

    def answered(self, messages: Sequence[Message], model: str) -> None:
        """Remember that ``model`` has read these messages and answered them."""
        key = self._digest(messages)
        self._answered[key] = model
        self._answered.move_to_end(key)
        while len(self._answered) > _MOST:
            self._answered.popitem(last=False)

    def warm(self, messages: Sequence[Message]) -> tuple[str | None, int]:
        """Who answered the turn before, and the characters of the history that it has read."""
        last = next((at for at in range(len(messages) - 1, -1, -1) if messages[at].role == "assistant"), 0)
        if not last:
            return None, 0
        before = messages[:last]
        return self._answered.get(self._digest(before)), sum(len(one.content) for one in before)

    def _digest(self, messages: Sequence[Message]) -> bytes:
        digest = blake2b(key=self._key, digest_size=16)
        for message in messages:
            text = message.content.encode("utf-8", "surrogatepass")
            digest.update(f"{message.role}:{len(text)}:".encode())
            digest.update(text)
        return digest.digest()
