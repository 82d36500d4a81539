"""A proof by going through everything: no combination of facts lets a policy send locked text away.

Deciding has two steps, and each is gone through whole. First every guard: every combination of the classes of facts
that guards read, with every state of near and far models; whoever is left must not be a cloud where text is locked.
Then every preference: every combination of the classes of facts that preferences read (below a rule's number, at it,
above it); the order must hold the same candidates as before, each once.
Fallback only walks the order that a decision gives, so this is a proof for fallback as well; that the gateway asks
nobody else is tested where the gateway is.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import cast

from tandem.core.chat import Demand
from tandem.core.models import ModelCard
from tandem.core.ports import Health
from tandem.routing.facts import Candidate, Facts, PrivateSpan
from tandem.routing.guards import LabelStaysHere, NamesLock, Protection
from tandem.routing.policy import Policy, by_name
from tandem.routing.preferences import Preference

_SPAN = PrivateSpan(label="PESEL", start=0, end=11)
_NAME = PrivateSpan(label="PERSON", start=12, end=24)
_WEAK_NAME = PrivateSpan(label="PERSON", start=25, end=29, weak=True)
_SPANS = ((), (_SPAN,), (_NAME,), (_WEAK_NAME,))
_WHERE_NOTHING_HIDES: Mapping[NamesLock, NamesLock] = {"strong": "all", "all": "all", "off": "off"}
"""The mode ``redact`` promises stand-ins for weak names too, so where there are none these stay as well."""
_WAYS_TO_BE = ("well", "unreachable", "busy")


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterExample:
    """A decision that sends away what must stay: the facts, the name that was asked, and who would have read it."""

    policy: str
    facts: Facts
    reached: tuple[str, ...]
    why_locked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was gone through: ``decisions`` in all, ``locked`` of them about text that must stay."""

    decisions: int
    locked: int
    counter_examples: tuple[CounterExample, ...]

    @property
    def holds(self) -> bool:
        """Whether no counter-example was found."""
        return not self.counter_examples


def why_locked(facts: Facts, protection: Protection) -> str | None:
    """Why text of these facts must not leave, by the promises of docs/privacy.md; written without the guards."""
    if facts.asked_private:
        return "the caller asked that it stays"
    if any(LabelStaysHere(protection.labels).binds(label) for label in facts.labels):
        return "its label binds it"
    if protection.mode != "redact" and _binds(facts, protection.names):
        return f"private text under the mode {protection.mode!r}"
    if protection.mode == "redact" and facts.unhideable and _binds(facts, _WHERE_NOTHING_HIDES[protection.names]):
        return "private text that no stand-in can hide"
    if facts.unreadable and not protection.attachments_allowed:
        return "an attachment that cannot be searched"
    if facts.purpose:
        return "small talk of a user interface"
    return None


def _binds(facts: Facts, names: NamesLock) -> bool:
    """Whether something private is there, by the owner's word on names."""
    for span in facts.private:
        passes = {"strong": span.weak, "all": False, "off": span.label == "PERSON"}[names]
        if not passes:
            return True
    return False


def prove(policies: Sequence[Policy], cards: Sequence[ModelCard], protection: Protection, *, most: int = 10) -> Proof:
    """Go through every combination for every policy, and for every kind of model asked by its name."""
    asked = [
        *((policy, tuple(cards)) for policy in policies),
        *((by_name(protection), (one,)) for one in _kinds(cards)),
    ]
    decisions = locked = 0
    found: list[CounterExample] = []
    for policy, pool in asked:
        for facts in _guarded_facts(protection):
            secret = why_locked(facts, protection)
            for candidates in _all_candidates(pool):
                left = policy.allowed(candidates, facts)[0]
                decisions += 1
                if secret is not None:
                    locked += 1
                    found.extend(_broken(policy, left, facts, secret, protection))
        for facts in _preferred_facts(policy, pool):
            for candidates in _all_candidates(pool):
                order = policy.ordered(candidates, facts)[0]
                decisions += 1
                if sorted(one.id for one in order) != sorted(one.id for one in candidates):
                    reached = tuple(one.id for one in order)
                    found.append(CounterExample(policy=policy.name, facts=facts, reached=reached, why_locked="order"))
    return Proof(decisions=decisions, locked=locked, counter_examples=tuple(found[:most]))


def _kinds(cards: Sequence[ModelCard]) -> tuple[ModelCard, ...]:
    """One model of each kind that guards can tell apart."""
    return tuple({(card.place, bool(card.provider), card.context_tokens > 0): card for card in cards}.values())


def _broken(
    policy: Policy, left: tuple[Candidate, ...], facts: Facts, secret: str, protection: Protection
) -> Iterator[CounterExample]:
    refused = protection.mode == "block" and _binds(facts, protection.names)
    reached = tuple(one.id for one in left if refused or one.card.place == "cloud")
    if reached:
        yield CounterExample(policy=policy.name, facts=facts, reached=reached, why_locked=secret)


def _guarded_facts(protection: Protection) -> Iterator[Facts]:
    """Every combination of the classes of facts that guards read."""
    labels = ((), ("public",), ("confidential",), ("public", *(protection.labels[:1] or ("secret",))))
    spent = (Decimal(0), *(() if protection.usd_per_month is None else (protection.usd_per_month,)))
    private_ways = [(spans, unhideable) for spans in _SPANS for unhideable in (False, True)[: 1 + bool(spans)]]
    for (private, unhideable), asked, label, unreadable, purpose in itertools.product(
        private_ways, (False, True), labels, (0, 1), (None, "title_generation")
    ):
        for offline, money, least, ids, demands in itertools.product(
            (False, True), spent, (0, 10**9), (False, True), ((), (Demand(param="x", why="x is not supported"),))
        ):
            yield Facts(
                private=private,
                unhideable=unhideable,
                asked_private=asked,
                labels=label,
                unreadable=unreadable,
                purpose=purpose,
                offline=offline,
                spent_usd=money,
                least_tokens=least,
                token_ids=ids,
                demands=demands,
                dialect="openai.chat" if demands else None,
            )


def _preferred_facts(policy: Policy, pool: Sequence[ModelCard]) -> Iterator[Facts]:
    """Every combination of the classes of facts that this policy's preferences read."""
    bounds = _bounds(policy.preferences)
    tasks = ("",) if "sure" not in bounds else tuple(dict.fromkeys(("", *(task for one in pool for task in one.tasks))))
    warm = (None,) if "tokens" not in bounds else (None, *(card.id for card in pool))
    numbers = ("prompt_tokens", "output_tokens", "max_tokens", "above", "sure", "tokens")
    for task, model, *values in itertools.product(tasks, warm, *(_around(bounds, name) for name in numbers)):
        prompt, output, most, hard, sure, tokens = cast("list[float]", values)
        yield Facts(
            task=cast("str", task),
            warm_model=cast("str | None", model),
            prompt_tokens=int(prompt),
            output_tokens=int(output),
            max_tokens=int(most),
            difficulty=hard,
            task_confidence=sure,
            warm_tokens=int(tokens),
        )


def _bounds(preferences: Sequence[Preference]) -> dict[str, set[float]]:
    """The numbers that a policy's rules compare with, by the rule's field."""
    bounds: dict[str, set[float]] = {}
    for preference in preferences:
        for one in fields(preference):  # type: ignore[arg-type]
            bounds.setdefault(one.name, set()).add(float(getattr(preference, one.name)))
    return bounds


def _around(bounds: Mapping[str, set[float]], name: str) -> tuple[float, ...]:
    """One value of each class that the bounds cut: nothing, each bound, and above it."""
    return tuple(sorted({0.0, *(value for bound in bounds.get(name, ()) for value in (bound, bound + 1))}))


def _all_candidates(pool: Sequence[ModelCard]) -> Iterator[tuple[Candidate, ...]]:
    """Every state of near and far models: well, out of reach, busy."""
    for near, far in itertools.product(_WAYS_TO_BE, _WAYS_TO_BE):
        yield tuple(_candidate(card, far if card.place == "cloud" else near) for card in pool)


def _candidate(card: ModelCard, way: str) -> Candidate:
    health = Health(reachable=way != "unreachable", queued=10**6 if way == "busy" else 0)
    cost = Decimal(0) if card.place == "device" else Decimal("0.01")
    return Candidate(card=card, health=health, cost_usd=cost)
