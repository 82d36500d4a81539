"""Tokens to text as they come: characters cut by token borders wait for their rest."""

import codecs
from collections.abc import Sequence


class Detokenizer:
    """Joins token bytes and gives whole characters. Bytes that are no UTF-8 become U+FFFD, as in a whole decode.

    ``strip_first`` drops one leading space, which SentencePiece tokenizers put before the first word.
    """

    def __init__(self, pieces: Sequence[bytes], *, strip_first: bool = False) -> None:
        self._pieces = pieces
        self._strip = strip_first
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, token: int) -> str:
        """The text that this token completes."""
        return self._stripped(self._decoder.decode(self._pieces[token]))

    def flush(self) -> str:
        """What an unfinished character leaves: U+FFFD once, or nothing."""
        return self._stripped(self._decoder.decode(b"", final=True))

    def _stripped(self, text: str) -> str:
        if self._strip and text:
            self._strip = False
            return text.removeprefix(" ")
        return text
