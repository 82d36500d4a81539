"""What the ledger tells its readers: sums, waiting times, the course of days. For the home page and for tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Protocol

from tandem.core.ledger import LedgerLine

Step = Literal["hour", "day"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over some requests.

    ``requests`` counts lines, those of which only a gap tells included. ``saved_usd`` is what all of it would have
    cost in the cloud less what it did cost, over the requests where both are known; ``unpriced`` counts answers whose
    cost is not known.
    """

    requests: int = 0
    fallbacks: int = 0
    redacted: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    left_bytes: int = 0
    cost_usd: Decimal = Decimal(0)
    saved_usd: Decimal = Decimal(0)
    unpriced: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Percentiles of a waiting time in seconds, within 2 % of the exact ones, over ``requests`` answers."""

    requests: int
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Everything since the beginning of an hour (``since``, Unix seconds).

    ``by_*`` are keyed by place (``device``, ``cloud``, empty where nobody answered), model, policy and outcome. Names
    are counted once for each request: ``rules`` had a say, ``removed`` took candidates away, ``private`` are labels,
    ``left_to`` providers that were sent something. ``first_word`` and ``whole`` are the waits of answered requests, by
    place.
    """

    since: float
    total: Totals
    by_place: Mapping[str, Totals]
    by_model: Mapping[str, Totals]
    by_policy: Mapping[str, Totals]
    by_outcome: Mapping[str, Totals]
    rules: Mapping[str, int]
    removed: Mapping[str, int]
    private: Mapping[str, int]
    left_to: Mapping[str, int]
    tasks: Mapping[str, int]
    purposes: Mapping[str, int]
    errors: Mapping[str, int]
    first_word: Mapping[str, Waits]
    whole: Mapping[str, Waits]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One hour or one day (UTC) that begins ``at`` (Unix seconds), by place. Spans without requests are left out.

    ``first_word`` are the waits of answered requests, by place.
    """

    at: float
    by_place: Mapping[str, Totals]
    first_word: Mapping[str, Waits] = field(default_factory=dict[str, Waits])


class Accounts(Protocol):
    """Reads the ledger. Every method blocks for some milliseconds and raises `Unavailable` where there is none."""

    def summary(self, since: float = 0.0) -> Summary:
        """Sums from the beginning of the hour of ``since`` on."""
        ...

    def series(self, since: float, step: Step = "hour") -> Sequence[Span]:
        """The same, hour by hour or day by day, oldest first."""
        ...

    def recent(self, limit: int = 50) -> Sequence[LedgerLine]:
        """The latest answers, newest first."""
        ...
