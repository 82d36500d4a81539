"""Rules that take candidates away. A guard can do nothing else: it names an objection to a candidate, or none.

Every policy has all of them, whether or not its owner wrote them down.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Literal, Protocol

from tandem.core.demands import refuse
from tandem.core.errors import (
    ContextLengthExceeded,
    Forbidden,
    OverBudget,
    TandemError,
    Unavailable,
    Unsupported,
)
from tandem.routing.facts import Candidate, Facts, PrivateSpan

PrivacyMode = Literal["lock", "redact", "block"]
NamesLock = Literal["strong", "all", "off"]
"""Which names of people keep a text here: those that identify somebody, every one, none."""
_NAME = "PERSON"
OPEN_LABELS = frozenset({"public", "open", "publiczne", "jawne"})
"""Labels that bind nobody, where the owner named none that do."""
_SHOWN = 5
_BEFORE_CAPITALS = re.compile(r"(?<!^)(?=[A-Z])")


class Guard(Protocol):
    """Takes candidates away, for a reason that a person can read."""

    protects_privacy: ClassVar[bool]

    def objection(self, candidate: Candidate, facts: Facts) -> str | None:
        """Why this candidate must not answer, ``None`` where nothing is against it."""
        ...

    def refusal(self, message: str, facts: Facts) -> TandemError:
        """What the caller gets where this guard took the last candidate."""
        ...


def name_of(rule: object) -> str:
    """A rule's name, as headers and tables show it."""
    return type(rule).__name__


class _Private:
    """What guards of privacy have in common."""

    protects_privacy: ClassVar[bool] = True

    def refusal(self, message: str, facts: Facts) -> TandemError:
        """A 403 with the rule's own code, such as ``private_stays_here``."""
        del facts
        return Forbidden(message, code=_BEFORE_CAPITALS.sub("_", name_of(self)).lower())


class _Practical:
    """What the other guards have in common."""

    protects_privacy: ClassVar[bool] = False

    def refusal(self, message: str, facts: Facts) -> TandemError:
        """A 503."""
        del facts
        return Unavailable(message)


@dataclass(frozen=True, slots=True)
class AskedToStayHere(_Private):
    """The caller asked that nothing leaves the device."""

    def objection(self, candidate: Candidate, facts: Facts) -> str | None:
        """Against every cloud, where the caller asked."""
        return "the caller asked for privacy" if facts.asked_private and candidate.is_cloud else None


@dataclass(frozen=True, slots=True)
class LabelStaysHere(_Private):
    """Text under a confidential label stays. ``labels`` are those; where there are none, every label but open ones."""

    labels: tuple[str, ...] = ()

    def binds(self, label: str) -> bool:
        """Whether text under this label must stay."""
        plain = label.strip().casefold()
        return plain in self.labels if self.labels else bool(plain) and plain not in OPEN_LABELS

    def objection(self, candidate: Candidate, facts: Facts) -> str | None:
        """Against every cloud, where one label binds: the strictest wins."""
        if not (facts.labels and candidate.is_cloud):
            return None
        bound = sorted({label for label in facts.labels if self.binds(label)})
        return "label " + ", ".join(repr(label[:40]) for label in bound[:_SHOWN]) if bound else None


def _locking(facts: Facts, names: NamesLock) -> tuple[PrivateSpan, ...]:
    """What keeps a text here: everything but those names of people that the owner lets pass."""
    if names == "off":
        return tuple(span for span in facts.private if span.label != _NAME)
    return facts.private if names == "all" else tuple(span for span in facts.private if not span.weak)


@dataclass(frozen=True, slots=True)
class PrivateStaysHere(_Private):
    """Private text stays, unless the owner chose to let it leave with stand-ins in its place (``redact``).

    A name that identifies nobody by itself does not keep a text here, unless ``names`` says so; in the mode ``redact``
    it leaves with a stand-in like everything else, and stays where there is none.
    """

    mode: PrivacyMode = "lock"
    names: NamesLock = "strong"

    def objection(self, candidate: Candidate, facts: Facts) -> str | None:
        """Against every cloud, where something private was found that no stand-in takes the place of."""
        if not (facts.private and candidate.is_cloud):
            return None
        if self.mode != "redact":
            found = _locking(facts, self.names)
            return _listed(found) if found else None
        found = _locking(facts, "off" if self.names == "off" else "all") if facts.unhideable else ()
        return f"{_listed(found)}: no stand-ins can take its place" if found else None


@dataclass(frozen=True, slots=True)
class PrivateIsRefused(_Private):
    """In the mode ``block`` nobody reads private text, not even the device."""

    mode: PrivacyMode = "lock"
    names: NamesLock = "strong"

    def objection(self, candidate: Candidate, facts: Facts) -> str | None:
        """Against everybody, where something private was found."""
        del candidate
        found = _locking(facts, self.names) if self.mode == "block" else ()
        return _listed(found) if found else None


@dataclass(frozen=True, slots=True)
class UnreadableStaysHere(_Private):
    """Pictures, sounds and files cannot be searched for private text, so they stay unless the owner allows it."""

    allowed: bool = False

    def objection(self, candidate: Candidate, facts: Facts) -> str | None:
        """Against every cloud, where something came along that cannot be searched."""
        if self.allowed or not (facts.unreadable and candidate.is_cloud):
            return None
        return (
            f"attachments that cannot be searched: {facts.unreadable}; "
            '[privacy] attachments = "allow" in tandem.toml lets them leave'
        )


@dataclass(frozen=True, slots=True)
class SmallTalkStaysHere(_Private):
    """Titles, tags and the like, which user interfaces ask for by themselves, are never worth a cloud."""

    def objection(self, candidate: Candidate, facts: Facts) -> str | None:
        """Against every cloud, where a program asks for itself."""
        return facts.purpose if facts.purpose and candidate.is_cloud else None


@dataclass(frozen=True, slots=True)
class CanHonour(_Practical):
    """Who cannot do what the request needs is not asked."""

    def objection(self, candidate: Candidate, facts: Facts) -> str | None:
        """Against models that were not told, or cannot be told, what the original body demands."""
        if facts.token_ids and candidate.card.provider:
            return "a prompt of token ids belongs to a model of this device"
        if facts.demands and facts.dialect not in candidate.card.dialects:
            return "it cannot honour " + ", ".join(repr(demand.param) for demand in facts.demands[:_SHOWN])
        return None

    def refusal(self, message: str, facts: Facts) -> TandemError:
        """The 400 that the field itself deserves."""
        if facts.demands:
            return refuse(facts.demands[0])
        return Unsupported(message, param="prompt")


@dataclass(frozen=True, slots=True)
class FitsContext(_Practical):
    """Who certainly cannot hold prompt and answer is not asked; who might is asked, and knows exactly."""

    def objection(self, candidate: Candidate, facts: Facts) -> str | None:
        """Against models whose context is too small for the fewest tokens that the prompt can have."""
        room = candidate.card.context_tokens
        return (
            f"at least {facts.least_tokens} tokens for a context of {room}" if 0 < room <= facts.least_tokens else None
        )

    def refusal(self, message: str, facts: Facts) -> TandemError:
        """A 400 that clients know."""
        del facts
        return ContextLengthExceeded(message, param="messages")


@dataclass(frozen=True, slots=True)
class Offline(_Practical):
    """The owner switched the network off."""

    def objection(self, candidate: Candidate, facts: Facts) -> str | None:
        """Against every cloud, while offline."""
        return "offline by the owner's setting" if facts.offline and candidate.is_cloud else None


@dataclass(frozen=True, slots=True)
class Reachable(_Practical):
    """Who did not answer lately is left in peace for a while: a circuit breaker, no pings."""

    def objection(self, candidate: Candidate, facts: Facts) -> str | None:
        """Against models whose provider's breaker is open, or that lack a key."""
        del facts
        return None if candidate.health.reachable else candidate.health.why or "not reachable"


@dataclass(frozen=True, slots=True)
class WithinBudget(_Practical):
    """The month's money. ``usd_per_month`` of ``None`` means no bound."""

    usd_per_month: Decimal | None = None

    def objection(self, candidate: Candidate, facts: Facts) -> str | None:
        """Against models that the month's rest does not pay for, or whose price nobody knows."""
        if self.usd_per_month is None or candidate.cost_usd == 0:
            return None
        if candidate.cost_usd is None:
            return "no price is known, so no budget can be kept; write its prices in [[model]]"
        if facts.spent_usd + candidate.cost_usd <= self.usd_per_month:
            return None
        return f"{facts.spent_usd:.4f} of {self.usd_per_month} USD are spent this month"

    def refusal(self, message: str, facts: Facts) -> TandemError:
        """A 402."""
        del facts
        return OverBudget(message)


@dataclass(frozen=True, slots=True)
class CostCeiling(_Practical):
    """The money of one request. ``usd_per_request`` of ``None`` means no bound."""

    usd_per_request: Decimal | None = None

    def objection(self, candidate: Candidate, facts: Facts) -> str | None:
        """Against models that would cost more, or whose price nobody knows."""
        del facts
        if self.usd_per_request is None or candidate.cost_usd == 0:
            return None
        if candidate.cost_usd is None:
            return "no price is known, so no ceiling can be kept; write its prices in [[model]]"
        if candidate.cost_usd <= self.usd_per_request:
            return None
        return f"about {candidate.cost_usd:.4f} USD, above the {self.usd_per_request} of one request"

    def refusal(self, message: str, facts: Facts) -> TandemError:
        """A 402."""
        del facts
        return OverBudget(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """The owner's choices that guards keep: ``[privacy]`` and ``[budget]``."""

    mode: PrivacyMode = "lock"
    names: NamesLock = "strong"
    labels: tuple[str, ...] = ()
    attachments_allowed: bool = False
    usd_per_month: Decimal | None = None
    usd_per_request: Decimal | None = None

    def guards(self) -> tuple[Guard, ...]:
        """Every guard, those of privacy first, in the order in which they are asked."""
        return (
            AskedToStayHere(),
            LabelStaysHere(self.labels),
            PrivateStaysHere(self.mode, self.names),
            PrivateIsRefused(self.mode, self.names),
            UnreadableStaysHere(self.attachments_allowed),
            SmallTalkStaysHere(),
            CanHonour(),
            FitsContext(),
            Offline(),
            Reachable(),
            WithinBudget(self.usd_per_month),
            CostCeiling(self.usd_per_request),
        )


def _listed(found: Iterable[object]) -> str:
    spans = [str(span) for span in found]
    more = f" and {len(spans) - _SHOWN} more" if len(spans) > _SHOWN else ""
    return ", ".join(spans[:_SHOWN]) + more
