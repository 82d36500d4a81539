"""The desk of a model that embeds: a slice of each call in turn, so that a long list does not hold up a single text."""

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from tandem.core.errors import TandemError, Unsupported
from tandem.engine.desk import About, Outbox
from tandem.engine.embedding_model import EmbeddingModel
from tandem.engine.frames import Ask, Count, Embed, Embedded, EngineOptions, Failed, WorkerStats, fault_of
from tandem.engine.last_door import unforeseen

SLICE_INPUTS = 16


@dataclass(slots=True)
class _Work:
    """A call and what is done of it."""

    message: Embed
    rows: list[NDArray[np.float32]] = field(default_factory=list[NDArray[np.float32]])
    done: int = 0
    prompt_tokens: int = 0


class EmbeddingDesk:
    """Serves `Embed` calls, a slice of each in turn."""

    def __init__(self, model: EmbeddingModel, outbox: Outbox) -> None:
        self._model = model
        self._outbox = outbox
        self._queue: deque[_Work] = deque()
        self._embedded_inputs = 0
        self._prompt_tokens = 0

    @classmethod
    def open(cls, folder: Path, options: EngineOptions, outbox: Outbox) -> "EmbeddingDesk":
        """Load an embedder's folder. Raises `CorruptFile`."""
        return cls(EmbeddingModel.open(folder, threads=options.threads), outbox)

    @property
    def about(self) -> About:
        """What it can do."""
        return About(kind="embedding", context_tokens=self._model.max_tokens, dimensions=self._model.dimensions)

    def accept(self, message: Ask | Count | Embed) -> None:
        """Queue a call; refuse what only a model that talks can do."""
        if isinstance(message, Embed):
            self._queue.append(_Work(message))
            return
        refusal = Unsupported("This model embeds text and does not write any. Ask a chat model.", param="model")
        self._outbox.put(Failed(message.call, fault_of(refusal)))

    def cancel(self, call: int) -> None:
        """Forget a call."""
        self._queue = deque(work for work in self._queue if work.message.call != call)

    def step(self) -> bool:
        """Embed one slice of the call that waits longest for its turn."""
        if not self._queue:
            return False
        work = self._queue.popleft()
        try:
            self._embed_slice(work)
        except TandemError as error:
            self._outbox.put(Failed(work.message.call, fault_of(error)))
        except Exception as error:  # noqa: BLE001 - the worker's last door: one call fails, the others go on
            self._outbox.put(Failed(work.message.call, fault_of(unforeseen(error))))
        return True

    def stats(self) -> WorkerStats:
        """Counters and this process's memory."""
        return WorkerStats(
            waiting=len(self._queue),
            prompt_tokens=self._prompt_tokens,
            embedded_inputs=self._embedded_inputs,
            rss_bytes=psutil.Process().memory_info().rss,
        )

    def _embed_slice(self, work: _Work) -> None:
        message = work.message
        inputs = message.inputs[work.done : work.done + SLICE_INPUTS]
        rows, prompt_tokens = self._model.embed(inputs, message.dimensions)
        work.rows.append(rows)
        work.done += len(inputs)
        work.prompt_tokens += prompt_tokens
        self._embedded_inputs += len(inputs)
        self._prompt_tokens += prompt_tokens
        if work.done < len(message.inputs):
            self._queue.append(work)
            return
        whole = np.concatenate(work.rows).astype("<f4")
        self._outbox.put(Embedded(message.call, whole.tobytes(), whole.shape[1], work.prompt_tokens))
