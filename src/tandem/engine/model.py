"""The seam to whatever multiplies the matrices: a model opens sequences, and a sequence is the KV of one text.

Two implementations stand behind it: `tandem.engine.genai` (any ONNX Runtime GenAI folder) and
`tandem.engine.session` (plain decoder graphs, where the KV memory is ours). Tests use a third that needs no model.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]
"""One row for each token asked about: float32 [rows, vocabulary]."""


class TokenSequence(Protocol):
    """The KV of one token sequence. Not thread-safe."""

    @property
    def length(self) -> int:
        """Tokens read so far."""
        ...

    @property
    def byte_count(self) -> int:
        """Memory that this sequence's KV occupies."""
        ...

    def append(self, tokens: Sequence[int], rows: int) -> Logits:
        """Read tokens and return the logits after each of the last ``rows`` of them, [rows, vocabulary].

        ``rows`` is between 0 (only read) and ``len(tokens)``; of a piece of more than `DRAFT_TOKENS_LIMIT` tokens only
        the last row is promised to be true.
        """
        ...

    def rewind(self, length: int) -> None:
        """Forget everything after the first ``length`` tokens; costs nothing."""
        ...

    def close(self) -> None:
        """Free the memory."""
        ...


class LanguageModel(Protocol):
    """A loaded model. One thread uses it."""

    @property
    def context_tokens(self) -> int:
        """The most tokens a sequence may hold."""
        ...

    def open(self) -> TokenSequence:
        """An empty sequence."""
        ...

    def fork(self, source: TokenSequence, length: int) -> TokenSequence | None:
        """A copy of the first ``length`` tokens of another sequence; ``None`` where only reading them again helps."""
        ...

    def bytes_for(self, tokens: int) -> int:
        """Memory that a sequence of so many tokens occupies."""
        ...


DRAFT_TOKENS_LIMIT = 16
"""Converted graphs compute the head for each position of a run of so many tokens, and for the end of a longer one."""
