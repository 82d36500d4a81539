"""A policy: guards take candidates away, preferences order those that are left. Pure functions.

The one thing worth knowing: a guard only filters and a preference only sorts, by their types; so nothing that was
taken away can come back, and whoever walks a `Decision`'s order never meets a candidate that a guard refused.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from tandem.core.errors import TandemError, Unavailable
from tandem.routing.facts import Candidate, Facts
from tandem.routing.guards import Guard, Protection, name_of
from tandem.routing.preferences import (
    AskedByName,
    BusyGoesUp,
    ByTask,
    CloudFirst,
    DeviceFirst,
    HardGoesUp,
    LargeGoesUp,
    Preference,
    StayWarm,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What one rule did: which candidates it took away, or why it moved them."""

    rule: str
    removed: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Who may answer, best first, and why. ``refusal`` is the error to raise where nobody may."""

    policy: str
    order: tuple[Candidate, ...]
    because: tuple[Ruling, ...]
    facts: Facts
    refusal: TandemError | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The rules that had a say, in order."""
        return tuple(ruling.rule for ruling in self.because)

    @property
    def removed_by(self) -> tuple[str, ...]:
        """The rules that took somebody away."""
        return tuple(ruling.rule for ruling in self.because if ruling.removed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A named list of preferences, behind guards that every policy has.

    ``models`` bounds who is asked at all, and orders those that rank alike; empty means every model.
    """

    name: str
    preferences: tuple[Preference, ...]
    protection: Protection = field(default_factory=Protection)
    models: tuple[str, ...] = ()
    hash: str = field(init=False, compare=False)
    """What identifies this policy in receipts: 16 hexadecimal digits over its name, rules and protection."""
    _guards: tuple[Guard, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make the guards, and the hash, once."""
        guards = self.protection.guards()
        written = repr((self.name, self.models, guards, self.preferences))
        object.__setattr__(self, "_guards", guards)
        object.__setattr__(self, "hash", hashlib.sha256(written.encode()).hexdigest()[:16])

    @property
    def judges(self) -> bool:
        """Whether anything here looks at a question's kind or difficulty; a budget does, to expect its cost."""
        bounded = self.protection.usd_per_month is not None or self.protection.usd_per_request is not None
        return bounded or any(preference.judges for preference in self.preferences)

    def decide(self, candidates: Sequence[Candidate], facts: Facts) -> Decision:
        """Judge the candidates, given in the catalog's order: `allowed`, then `ordered`."""
        left, taken, last = self.allowed(candidates, facts)
        if not left:
            refusal = self._refusal(last, taken, facts)
            return Decision(policy=self.name, order=(), because=taken, facts=facts, refusal=refusal)
        order, moved = self.ordered(left, facts)
        return Decision(policy=self.name, order=order, because=(*taken, *moved), facts=facts)

    def allowed(
        self, candidates: Sequence[Candidate], facts: Facts
    ) -> tuple[tuple[Candidate, ...], tuple[Ruling, ...], Guard | None]:
        """Who is left when every guard was asked, what they did, and the guard that took the last away."""
        left = self._listed(candidates)
        rulings: list[Ruling] = []
        for guard in self._guards:
            kept, ruling = _filtered(guard, left, facts)
            if ruling is not None:
                rulings.append(ruling)
                if not kept:
                    return (), tuple(rulings), guard
                left = kept
        return left, tuple(rulings), None

    def ordered(
        self, candidates: tuple[Candidate, ...], facts: Facts
    ) -> tuple[tuple[Candidate, ...], tuple[Ruling, ...]]:
        """The same candidates, best first, and the preferences that had a say: the first, and those that moved one."""
        order = candidates
        rulings: list[Ruling] = []
        for at, preference in enumerate(self.preferences):
            said = preference.say(facts, order)
            if said is None:
                continue
            moved = tuple(sorted(order, key=lambda one, by=preference: by.rank(one, facts)))
            if moved != order or at == 0:
                rulings.append(Ruling(rule=name_of(preference), detail=said))
            order = moved
        return order, tuple(rulings)

    def _listed(self, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        if not self.models:
            return tuple(candidates)
        by_id = {one.id: one for one in candidates}
        return tuple(by_id[model] for model in self.models if model in by_id)

    def _refusal(self, last: Guard | None, rulings: Sequence[Ruling], facts: Facts) -> TandemError:
        if last is None:
            return Unavailable(f"The policy {self.name!r} knows no model that is here. See `tandem models list`.")
        told = "; ".join(f"{one.rule} took {', '.join(one.removed)} away ({one.detail})" for one in rulings)
        return last.refusal(f"Nobody may answer this by the policy {self.name!r}: {told}.", facts)


def by_name(protection: Protection) -> Policy:
    """The policy of a caller who names one model: it is obeyed, within the guards."""
    return Policy(name="by-name", preferences=(AskedByName(),), protection=protection)


def built_in(protection: Protection) -> dict[str, Policy]:
    """The three patterns, by name."""
    patterns: dict[str, tuple[Preference, ...]] = {
        "local-first": (DeviceFirst(), StayWarm(), LargeGoesUp(), HardGoesUp(), BusyGoesUp()),
        "cloud-first": (CloudFirst(),),
        "by-task": (DeviceFirst(), StayWarm(), ByTask()),
    }
    return {name: Policy(name=name, preferences=rules, protection=protection) for name, rules in patterns.items()}


def _filtered(
    guard: Guard, candidates: tuple[Candidate, ...], facts: Facts
) -> tuple[tuple[Candidate, ...], Ruling | None]:
    whys = [guard.objection(one, facts) for one in candidates]
    if not any(why is not None for why in whys):
        return candidates, None
    objections = list(zip(candidates, whys, strict=True))
    removed = tuple(one.id for one, why in objections if why is not None)
    details = dict.fromkeys(why for why in whys if why is not None)
    kept = tuple(one for one, why in objections if why is None)
    return kept, Ruling(rule=name_of(guard), removed=removed, detail="; ".join(details))
