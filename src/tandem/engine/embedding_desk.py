"""The desk of a model that embeds: a batch of each call in turn, so that long lists do not hold up a single text."""

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from tandem.core.errors import TandemError, Unsupported
from tandem.engine.desk import About, Outbox
from tandem.engine.embedding_model import BATCH_TOKENS, EmbeddingModel, TokenIds, batches
from tandem.engine.frames import Ask, Count, Embed, Embedded, EngineOptions, Failed, WorkerStats, fault_of
from tandem.engine.last_door import unforeseen


@dataclass(slots=True)
class _Work:
    """A call; once it is checked, its tokens, the batches still to read, and the vectors so far."""

    message: Embed
    tokens: list[TokenIds] = field(default_factory=list[TokenIds])
    plan: deque[list[int]] = field(default_factory=deque[list[int]])
    rows: dict[int, NDArray[np.float32]] = field(default_factory=dict[int, NDArray[np.float32]])


class EmbeddingDesk:
    """Serves `Embed` calls, a batch of each in turn."""

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
        """Embed one batch of the call that waits longest for its turn."""
        if not self._queue:
            return False
        work = self._queue.popleft()
        try:
            self._embed_batch(work)
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

    def _embed_batch(self, work: _Work) -> None:
        message = work.message
        if not work.tokens:
            work.tokens = self._model.tokenize(message.inputs)
            work.plan.extend(batches([len(one) for one in work.tokens], BATCH_TOKENS))
        members = work.plan.popleft()
        vectors, prompt_tokens = self._model.embed([work.tokens[i] for i in members], message.dimensions)
        work.rows.update(zip(members, vectors, strict=True))
        self._embedded_inputs += len(members)
        self._prompt_tokens += prompt_tokens
        if work.plan:
            self._queue.append(work)
            return
        whole = np.stack([work.rows[i] for i in range(len(work.tokens))]).astype("<f4")
        self._outbox.put(Embedded(message.call, whole.tobytes(), whole.shape[1], sum(map(len, work.tokens))))
