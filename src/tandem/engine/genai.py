"""Any ONNX Runtime GenAI folder as a `LanguageModel`: one ``og.Generator`` for each sequence.

A generator takes the KV memory for its whole ``max_length`` when it is made. So a sequence begins with a small one
and, when it is full, moves to one twice as large by reading its tokens again.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import onnxruntime_genai
from numpy.typing import NDArray

from tandem.core.errors import CorruptFile, Unavailable
from tandem.engine.cores import SPIN_ENTRY, SPIN_MICROSECONDS
from tandem.engine.geometry import Geometry
from tandem.engine.model import Logits, TokenSequence

og = cast("Any", onnxruntime_genai)


class Generator(Protocol):
    """The part of ``og.Generator`` that the engine uses. It holds Python's lock while it runs."""

    def append_tokens(self, tokens: NDArray[np.int32]) -> None:
        """Read tokens."""
        ...

    def get_logits(self) -> NDArray[np.float32]:
        """Logits after the last token, [1, 1, vocabulary]."""
        ...

    def get_output(self, name: str) -> NDArray[np.float32]:
        """A graph output; ``logits`` is [1, tokens of the last run, vocabulary]."""
        ...

    def rewind_to(self, length: int) -> None:
        """Forget everything after the first ``length`` tokens."""
        ...


class GenAIModel:
    """A folder with ``genai_config.json``, opened by ONNX Runtime GenAI. Raises `CorruptFile` where it cannot be."""

    def __init__(self, folder: Path, geometry: Geometry, *, threads: int) -> None:
        og.disable_telemetry_events()
        self._geometry = geometry
        config = og.Config(str(folder))
        session_options = {"intra_op_num_threads": threads, SPIN_ENTRY: SPIN_MICROSECONDS}
        config.overlay(json.dumps({"model": {"decoder": {"session_options": session_options}}}))
        try:
            self._model = og.Model(config)
        except RuntimeError as error:
            raise CorruptFile(
                f"ONNX Runtime GenAI cannot open {folder}: {error}. Pull or import the model again."
            ) from error

    @property
    def context_tokens(self) -> int:
        """The most tokens a sequence may hold."""
        return self._geometry.context_tokens

    def open(self) -> TokenSequence:
        """An empty sequence."""
        return GenAISequence(self._generator, self._geometry)

    def fork(self, source: TokenSequence, length: int) -> TokenSequence | None:  # noqa: ARG002 - the port names them
        """Generators cannot be copied."""
        return None

    def bytes_for(self, tokens: int) -> int:
        """The memory of the generator that holds so many tokens."""
        return self._geometry.capacity_for(tokens) * self._geometry.kv_bytes_per_token

    def _generator(self, capacity: int) -> Generator:
        params = og.GeneratorParams(self._model)
        params.set_search_options(max_length=capacity, do_sample=False, past_present_share_buffer=True)
        return cast("Generator", og.Generator(self._model, params))


class GenAISequence:
    """One generator and the tokens it has read."""

    def __init__(self, generator_of: Callable[[int], Generator], geometry: Geometry) -> None:
        self._generator_of = generator_of
        self._geometry = geometry
        self._capacity = geometry.capacity_for(1)
        self._generator: Generator | None = None
        self._tokens: list[int] = []

    @property
    def length(self) -> int:
        """Tokens read so far."""
        return len(self._tokens)

    @property
    def byte_count(self) -> int:
        """The whole buffer, used or not."""
        return self._capacity * self._geometry.kv_bytes_per_token if self._generator else 0

    def append(self, tokens: Sequence[int], rows: int) -> Logits:
        """Read tokens; grows the generator first where they do not fit."""
        generator = self._room_for(len(self._tokens) + len(tokens))
        try:
            generator.append_tokens(np.asarray(tokens, dtype=np.int32))
            self._tokens.extend(tokens)
            if rows <= 1:
                return generator.get_logits()[0][:rows]
            return generator.get_output("logits")[0, -rows:]
        except RuntimeError as error:
            raise Unavailable(f"ONNX Runtime GenAI stopped: {error}") from error

    def rewind(self, length: int) -> None:
        """Forget everything after the first ``length`` tokens."""
        if length < len(self._tokens) and self._generator is not None:
            self._generator.rewind_to(length)
        del self._tokens[length:]

    def close(self) -> None:
        """Free the generator."""
        self._generator = None
        self._tokens.clear()

    def _room_for(self, tokens: int) -> Generator:
        if self._generator is None or tokens > self._capacity:
            self._generator = None
            self._capacity = self._geometry.capacity_for(tokens)
            self._generator = self._generator_of(self._capacity)
            if self._tokens:
                self._generator.append_tokens(np.asarray(self._tokens, dtype=np.int32))
        return self._generator
