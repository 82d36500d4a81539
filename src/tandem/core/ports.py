"""The plugs. Each room asks for what it needs by one of these; the composition root connects them."""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from tandem.core.chat import ChatEvent, ChatRequest
from tandem.core.embedding import EmbeddingRequest, Embeddings
from tandem.core.ledger import LedgerLine
from tandem.core.models import ModelCard

Progress = Callable[[int, int, str], None]
"""``progress(done, total, what)``: units done of a total (0 where unknown), and what is being done, for people."""


class Responder(Protocol):
    """Anything that answers: a model here, a model far away, or a gateway that chooses among them.

    Closing the generator (``aclose``) or cancelling its consumer stops the model within one token.
    Errors are raised as `tandem.core.errors.TandemError`; before the first event they mean that nothing was said.
    """

    def respond(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """Answer as a stream of events (see `tandem.core.chat`)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a backend is now, without asking it: from what it did last.

    ``reachable`` is false while its provider's circuit breaker is open, and ``why`` is then a sentence for people.
    ``queued`` counts requests that it is answering, or keeping in a queue, now.
    """

    reachable: bool = True
    why: str = ""
    queued: int = 0


WELL = Health()


class Backend(Responder, Protocol):
    """A `Responder` in one known place."""

    @property
    def card(self) -> ModelCard:
        """What is known about the model."""
        ...

    def health(self) -> Health:
        """How it is now; answers at once."""
        ...


class Departures(Protocol):
    """Told of every request body that leaves this process for a far side, before its answer is known."""

    def left(self, request_id: str, provider: str, body_bytes: int) -> None:
        """``body_bytes`` of request ``request_id`` are being written to ``provider``'s socket now. Never raises."""
        ...


class Ledger(Protocol):
    """What went where, how long it took and what it cost. Never the text."""

    def record(self, line: LedgerLine) -> None:
        """Keep one line for good; returns at once, the disk may take it up to a second later."""
        ...

    def spent_usd(self) -> Decimal:
        """What this calendar month (UTC) has cost so far, answers that have just ended included."""
        ...


class NoLedger:
    """A `Ledger` that keeps nothing, for programs that need none."""

    def record(self, line: LedgerLine) -> None:
        """Forget it."""

    def spent_usd(self) -> Decimal:
        """Nothing was spent."""
        return Decimal(0)


class Embedder(Protocol):
    """Turns texts into vectors."""

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """Embed all inputs. Raises `NotFound` for an unknown model and `ContextLengthExceeded` for a text too long."""
        ...


class Directory(Protocol):
    """Which models can be asked, by the names that callers use."""

    def cards(self) -> Sequence[ModelCard]:
        """Every model that a caller may name, virtual ones (``auto``) included, in a stable order."""
        ...

    def card(self, model: str) -> ModelCard:
        """The card behind a name, aliases followed. Raises `NotFound` with what to do."""
        ...
