"""The plugs. Each room asks for what it needs by one of these; the composition root connects them."""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Protocol

from tandem.core.chat import ChatEvent, ChatRequest
from tandem.core.embedding import EmbeddingRequest, Embeddings
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


class Backend(Responder, Protocol):
    """A `Responder` in one known place."""

    @property
    def card(self) -> ModelCard:
        """What is known about the model."""
        ...


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
