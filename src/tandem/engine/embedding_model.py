"""Texts to vectors of unit length: a tokenizer and one ONNX graph that pools and normalizes inside.

Texts are sorted by length and read in small batches, because on a CPU long batches lose more to padding and to the
cache than they win; a text's vector does not depend on its neighbours. One thread uses a model at a time.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from tandem.core.errors import BadRequest, ContextLengthExceeded, CorruptFile
from tandem.core.telemetry import telemetry_refused

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from tandem.engine.onnx import Session

TokenIds = tuple[int, ...]
BATCH_TOKENS = 512
"""Padded tokens in one batch: as fast as any larger one on 2 cores, in 30 MB where 8,192 take 320 MB."""


class EmbeddingFacts(Struct, frozen=True):
    """What ``tandem.json`` says of an embedding model. ``max_tokens`` is its longest input, with special ones."""

    dimensions: int
    max_tokens: int


class EmbeddingModel:
    """A loaded embedding model."""

    def __init__(self, facts: EmbeddingFacts, tokenizer: "Tokenizer", session: "Session") -> None:
        self._facts = facts
        self._tokenizer = tokenizer
        self._session = session
        self._input_names = frozenset(one.name for one in session.get_inputs())
        self._vocabulary_size = tokenizer.get_vocab_size()
        self._first, self._last = _special_tokens(tokenizer)

    @classmethod
    def open(cls, folder: Path, *, threads: int = 0) -> "EmbeddingModel":
        """Load ``model.onnx``, ``tokenizer.json`` and ``tandem.json``; ``threads`` 0 means one for each core.

        Raises `CorruptFile` where one of them is missing or is not what it should be.
        """
        with telemetry_refused():
            from tandem.engine.onnx import NO_SPIN, open_session
        from tandem.engine.tokenizer import read_tokenizer

        try:
            facts = msgspec.json.decode((folder / "tandem.json").read_bytes(), type=EmbeddingFacts)
            tokenizer = read_tokenizer((folder / "tokenizer.json").read_text(encoding="utf-8"))
            session = open_session(folder / "model.onnx", threads=threads, idle=NO_SPIN)
        except (OSError, UnicodeDecodeError, msgspec.DecodeError, CorruptFile) as error:
            raise CorruptFile(
                f"{folder} does not hold an embedding model that can be read ({type(error).__name__}). "
                f"Remove it and pull it again: tandem models rm {folder.name} && tandem models pull {folder.name}."
            ) from error
        return cls(facts, tokenizer, session)

    @property
    def dimensions(self) -> int:
        """Numbers in a whole vector."""
        return self._facts.dimensions

    @property
    def max_tokens(self) -> int:
        """The longest input in tokens, special tokens included."""
        return self._facts.max_tokens

    def embed(self, inputs: Sequence[str | TokenIds], dimensions: int | None = None) -> tuple[NDArray[np.float32], int]:
        """Vectors of unit length, float32 [inputs, dimensions], in order, and the number of tokens read.

        Token ids are of the model's own vocabulary; its special tokens are put around them where they are missing.
        ``dimensions`` keeps the first numbers of each vector and makes its length 1 again.
        Raises `BadRequest` for an empty input, a foreign token id or impossible ``dimensions``, and
        `ContextLengthExceeded` for an input that is too long: nothing is ever cut.
        """
        width = self._width(dimensions)
        tokens = self.tokenize(inputs)
        vectors = np.empty((len(tokens), self.dimensions), dtype=np.float32)
        for members in batches([len(one) for one in tokens], BATCH_TOKENS):
            vectors[members] = self._run([tokens[i] for i in members])
        return shortened(vectors, width), sum(map(len, tokens))

    def tokenize(self, inputs: Sequence[str | TokenIds]) -> list[TokenIds]:
        """Token ids with the special ones, which `embed` takes as they are: checks a long list before its first slice.

        Raises `BadRequest` and `ContextLengthExceeded` as `embed` does.
        """
        if not inputs:
            raise BadRequest("input is an empty list: give at least one text.", param="input")
        texts = [i for i, one in enumerate(inputs) if isinstance(one, str)]
        encoded = self._tokenizer.encode_batch([_checked(i, cast("str", inputs[i])) for i in texts])
        ids_of = {i: tuple(encoding.ids) for i, encoding in zip(texts, encoded, strict=True)}
        tokens = [ids_of[i] if isinstance(one, str) else self._completed(i, one) for i, one in enumerate(inputs)]
        for i, one in enumerate(tokens):
            if len(one) > self.max_tokens:
                raise ContextLengthExceeded(
                    f"input[{i}] has {len(one)} tokens, but this model reads at most {self.max_tokens}. "
                    "Split the text and embed its parts.",
                    param=f"input[{i}]",
                )
        return tokens

    def _width(self, dimensions: int | None) -> int:
        if dimensions is None:
            return self.dimensions
        if not 1 <= dimensions <= self.dimensions:
            raise BadRequest(
                f"dimensions must be between 1 and {self.dimensions} for this model, not {dimensions}.",
                param="dimensions",
            )
        return dimensions

    def _completed(self, position: int, ids: TokenIds) -> TokenIds:
        if not ids:
            raise _empty(position)
        foreign = next((one for one in ids if not 0 <= one < self._vocabulary_size), None)
        if foreign is not None:
            raise BadRequest(
                f"input[{position}] holds the token id {foreign}, but this model's vocabulary ends at "
                f"{self._vocabulary_size - 1}. Send text, or ids of this model's own tokenizer.",
                param=f"input[{position}]",
            )
        begun = ids[: len(self._first)] == self._first
        ended = not self._last or ids[-len(self._last) :] == self._last
        return ids if begun and ended else (*self._first, *ids, *self._last)

    def _run(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        shape = (len(tokens), max(map(len, tokens)))
        input_ids, attention_mask = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        for row, one in enumerate(tokens):
            input_ids[row, : len(one)] = one
            attention_mask[row, : len(one)] = 1
        every = {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": np.zeros_like(input_ids)}
        feed = {name: array for name, array in every.items() if name in self._input_names}
        return self._session.run(["embedding"], feed)[0]


def batches(lengths: Sequence[int], budget_tokens: int) -> Iterator[list[int]]:
    """Positions in groups of similar length, longest first; padded, a group of several keeps to the budget."""
    group: list[int] = []
    for position in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if group and lengths[group[0]] * (len(group) + 1) > budget_tokens:
            yield group
            group = []
        group.append(position)
    if group:
        yield group


def shortened(vectors: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """The first ``width`` numbers of each row, float32 [rows, width], of unit length again (a zero row stays zero)."""
    if width == vectors.shape[1]:
        return vectors
    cut = vectors[:, :width]
    lengths = np.linalg.norm(cut, axis=1, keepdims=True)
    return np.divide(cut, lengths, out=np.zeros_like(cut), where=lengths > 0)


def _special_tokens(tokenizer: "Tokenizer") -> tuple[TokenIds, TokenIds]:
    """What the tokenizer puts before and after a text."""
    whole = tokenizer.encode("a")
    mask = whole.special_tokens_mask
    ids = whole.ids
    before = next((i for i, special in enumerate(mask) if not special), len(mask))
    after = next((i for i, special in enumerate(reversed(mask)) if not special), 0)
    return tuple(ids[:before]), tuple(ids[len(ids) - after :])


def _checked(position: int, text: str) -> str:
    if not text:
        raise _empty(position)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadRequest(
            f"input[{position}] holds half of a surrogate pair, which is not text.", param=f"input[{position}]"
        ) from error
    return text


def _empty(position: int) -> BadRequest:
    return BadRequest(f"input[{position}] is empty: leave it out or give a text.", param=f"input[{position}]")
