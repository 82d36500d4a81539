"""A plain decoder graph as a `LanguageModel`: the folder and kernels of ONNX Runtime GenAI, the KV memory our own.

Past and present of each layer are one buffer, which ``GroupQueryAttention`` extends in place. Owning it buys what
``og.Generator`` does not offer: memory is touched only as tokens come, a full buffer grows by a copy, a prefix is
copied into another sequence in milliseconds where reading it again takes seconds, and Python's other threads run on.
"""

import mmap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tandem.core.errors import Unavailable
from tandem.engine.geometry import Geometry
from tandem.engine.model import Logits, TokenSequence
from tandem.engine.onnx import FAILURES, Binding, Session, open_session

PLAIN_INPUTS = frozenset({"input_ids", "attention_mask", "position_ids"})


class SessionModel:
    """A decoder whose KV inputs are float32 ``past_key_values.N.key|value`` of [1, heads, tokens, head size]."""

    def __init__(self, session: Session, geometry: Geometry) -> None:
        self.session = session
        self.geometry = geometry
        self.wants_positions = any(wanted.name == "position_ids" for wanted in session.get_inputs())
        self.ones = np.ones((1, geometry.context_tokens), dtype=np.int64)
        self.positions = np.arange(geometry.context_tokens, dtype=np.int64)[np.newaxis]
        self._scratch = np.empty((0, geometry.vocabulary_size), dtype=np.float32)

    @classmethod
    def open_folder(cls, folder: Path, geometry: Geometry, *, threads: int) -> "SessionModel | None":
        """Open the graph; ``None`` where it is not plain. Raises `CorruptFile` where it cannot be opened."""
        session = open_session(folder / geometry.filename, threads=threads)
        return cls(session, geometry) if _is_plain(session, geometry) else None

    @property
    def context_tokens(self) -> int:
        """The most tokens a sequence may hold."""
        return self.geometry.context_tokens

    def open(self) -> "SessionSequence":
        """An empty sequence."""
        return SessionSequence(self)

    def fork(self, source: TokenSequence, length: int) -> "SessionSequence | None":
        """Copy a prefix of another sequence of this model."""
        if not isinstance(source, SessionSequence):
            return None
        copy = SessionSequence(self)
        copy.take_prefix(source, length)
        return copy

    def bytes_for(self, tokens: int) -> int:
        """Only what tokens touch counts; the rest of a buffer is address space."""
        return tokens * self.geometry.kv_bytes_per_token

    def scratch(self, rows: int) -> Logits:
        """Memory for the logits of one run, [rows, vocabulary]; the next run writes over it."""
        if len(self._scratch) < rows:
            self._scratch = np.empty((rows, self.geometry.vocabulary_size), dtype=np.float32)
        return self._scratch[:rows]


class SessionSequence:
    """The KV buffers of one text, bound once to a run of the graph.

    ``kv`` is [2 * layers, heads, capacity, head size]: the keys of layer N at 2N, its values at 2N + 1.
    """

    def __init__(self, model: SessionModel) -> None:
        self._model = model
        self._length = 0
        self._most_length = 0
        self.kv: NDArray[np.float32] | None = None
        self._binding: Binding | None = None

    @property
    def length(self) -> int:
        """Tokens read so far."""
        return self._length

    @property
    def byte_count(self) -> int:
        """What the longest text in these buffers touched."""
        return self._model.bytes_for(self._most_length)

    def append(self, tokens: Sequence[int], rows: int) -> Logits:
        """Read tokens in one run of the graph."""
        model, count, total = self._model, len(tokens), self._length + len(tokens)
        binding = self._room_for(total)
        logits = model.scratch(count)
        ids = np.asarray(tokens, dtype=np.int64)[np.newaxis]
        _bind_input(binding, "input_ids", ids)
        _bind_input(binding, "attention_mask", model.ones[:, :total])
        if model.wants_positions:
            _bind_input(binding, "position_ids", model.positions[:, self._length : total])
        _bind_output(binding, "logits", logits[np.newaxis])
        try:
            model.session.run_with_iobinding(binding)
        except FAILURES as error:
            raise Unavailable(f"ONNX Runtime stopped: {error}") from error
        self._length = total
        self._most_length = max(self._most_length, total)
        return logits[count - rows :].copy()

    def rewind(self, length: int) -> None:
        """Forget everything after the first ``length`` tokens."""
        self._length = min(self._length, length)

    def close(self) -> None:
        """Free the buffers."""
        self._binding = self.kv = None
        self._length = self._most_length = 0

    def take_prefix(self, source: "SessionSequence", length: int) -> None:
        """Become a copy of another sequence's first ``length`` tokens."""
        self._room_for(length)
        if self.kv is not None and source.kv is not None:
            self.kv[:, :, :length] = source.kv[:, :, :length]
        self._length = self._most_length = length

    def _room_for(self, tokens: int) -> Binding:
        """A binding of the graph to buffers of enough room; a full buffer moves."""
        old = self.kv
        if self._binding is None or old is None or tokens > old.shape[2]:
            self.kv = self._allocate(self._model.geometry.capacity_for(tokens))
            self._binding = self._bind(self._model.session, self.kv)
            if old is not None:
                self.kv[:, :, : self._length] = old[:, :, : self._length]
            self._most_length = self._length
        return self._binding

    def _allocate(self, capacity: int) -> NDArray[np.float32]:
        """Buffers for ``capacity`` tokens: anonymous pages, which cost memory only once they are written to."""
        geometry = self._model.geometry
        pages = mmap.mmap(-1, geometry.kv_bytes_per_token * capacity)
        shape = (2 * geometry.layers, geometry.kv_heads, capacity, geometry.head_size)
        return np.frombuffer(pages, dtype=np.float32).reshape(shape)

    def _bind(self, session: Session, kv: NDArray[np.float32]) -> Binding:
        binding = session.io_binding()
        for layer in range(self._model.geometry.layers):
            for row, name in ((2 * layer, "key"), (2 * layer + 1, "value")):
                buffer = kv[row : row + 1]
                _bind_input(binding, f"past_key_values.{layer}.{name}", buffer)
                _bind_output(binding, f"present.{layer}.{name}", buffer)
        return binding


def _is_plain(session: Session, geometry: Geometry) -> bool:
    """Whether inputs and outputs are exactly what `SessionSequence` binds, with KV in float32 and of the told shape."""
    names = [f"{layer}.{kind}" for layer in range(geometry.layers) for kind in ("key", "value")]
    inputs = {wanted.name: wanted for wanted in session.get_inputs()}
    pasts = {f"past_key_values.{name}" for name in names}
    outputs = {given.name: given for given in session.get_outputs()}
    return (
        inputs.keys() - PLAIN_INPUTS == pasts
        and {"input_ids", "attention_mask"} <= inputs.keys()
        and outputs.keys() == {"logits"} | {f"present.{name}" for name in names}
        and all(inputs[past].type == "tensor(float)" for past in pasts)
        and outputs["logits"].type == "tensor(float)"
        and all(
            inputs[past].shape[1] == geometry.kv_heads and inputs[past].shape[3] in (geometry.head_size, "kv_cache_dim")
            for past in pasts
        )
    )


def _bind_input(binding: Binding, name: str, array: "NDArray[np.int64] | NDArray[np.float32]") -> None:
    binding.bind_input(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)


def _bind_output(binding: Binding, name: str, array: NDArray[np.float32]) -> None:
    binding.bind_output(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
