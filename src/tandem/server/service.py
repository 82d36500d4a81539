"""What the server is given: everything it needs from the other rooms, as one value."""

import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tandem.core.accounts import Accounts
from tandem.core.chat import ChatRequest
from tandem.core.ports import Directory, Embedder, Responder
from tandem.server.metrics import Metrics
from tandem.server.state import State
from tandem.server.stored import StoreLimits


class TokenCounter(Protocol):
    """Counts what a request would cost to read, without answering it."""

    async def count_tokens(self, request: ChatRequest) -> int:
        """Count the prompt's tokens, template included. Raises as `Responder.respond` does before its first event."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFact:
    """A process that runs a model now, and the seal it runs under."""

    model: str
    pid: int
    seal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether the default model can answer, which one that is, which seal its worker runs under, and every worker."""

    ready: bool
    model: str
    seal: str
    detail: str = ""
    workers: tuple[WorkerFact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on what a caller may send.

    ``body_bytes`` is the largest request body, ``choices`` bounds ``n``, ``prompts`` the prompts of a plain completion.
    """

    body_bytes: int = 16 * 1024 * 1024
    choices: int = 16
    prompts: int = 64
    embedding_inputs: int = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may call. ``api_keys`` empty means everybody on an allowed host; origins are such as ``http://localhost:3000``.

    Loopback names and addresses are always allowed hosts; ``hosts`` adds others, without ports.
    ``cors_origins`` may hold ``*``.
    """

    api_keys: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


def new_id() -> str:
    """24 random hexadecimal digits: dialects put their own prefix before them."""
    return secrets.token_hex(12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Everything the server needs. ``store`` is the SQLite file of kept responses; ``None`` keeps them in memory.

    ``limits`` bound one request, ``store_limits`` what is kept of all.

    ``now`` gives Unix seconds, ``new_id`` a fresh identifier without prefix. ``accounts`` and ``state`` are for the
    home page, which says less without them.
    """

    responder: Responder
    embedder: Embedder
    directory: Directory
    counter: TokenCounter
    readiness: Callable[[], Awaitable[Readiness]]
    default_model: str
    accounts: Accounts | None = None
    state: Callable[[], Awaitable[State]] | None = None
    store: Path | None = None
    access: Access = field(default_factory=Access)
    limits: Limits = field(default_factory=Limits)
    store_limits: StoreLimits = field(default_factory=StoreLimits)
    metrics: Metrics = field(default_factory=Metrics)
    now: Callable[[], float] = time.time
    new_id: Callable[[], str] = new_id
