"""One answer as the ledger keeps it: what was decided, where it went, how long it took, its cost. Never the text."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from tandem.core.chat import Place

Outcome = Literal["answered", "refused", "failed", "broken", "left"]
"""``refused``: a rule or the request itself was against it; ``failed``: nobody could, before the first word;
``broken``: the stream ended with an error; ``left``: the client went away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """Everything about one request that may be kept.

    ``at`` is the arrival in Unix seconds; ``asked`` the name that the caller gave, ``model`` who answered (empty where
    nobody did). ``place`` is ``None`` where nobody answered. ``because`` and ``removed`` name rules: those that had a
    say, and those that took candidates away. ``private`` are the labels that were found, without positions.
    ``evidence`` identifies who answered: a model file's sha256 on the device, the provider's name elsewhere.
    ``left_bytes`` counts request bodies that left this machine, failed attempts included; ``left_to`` are providers.
    Costs are in US dollars, ``None`` where no price is known; ``cloud_cost_usd`` is what the same tokens would have
    cost at the dearest cloud candidate of this request's policy. Seconds are wall-clock; ``first_word_seconds`` is
    ``None`` where nothing was said. ``error`` is the code of the error that ended it.
    """

    request_id: str
    at: float
    route: str
    asked: str
    policy: str
    policy_hash: str
    outcome: Outcome
    model: str = ""
    place: Place | None = None
    evidence: str = ""
    seal: str = ""
    because: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    redacted: int = 0
    fallbacks: int = 0
    purpose: str | None = None
    task: str = ""
    difficulty: float | None = None
    left_bytes: int = 0
    left_to: tuple[str, ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: Decimal | None = None
    cloud_cost_usd: Decimal | None = None
    first_word_seconds: float | None = None
    seconds: float = 0.0
    error: str | None = None
