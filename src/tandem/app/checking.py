"""``tandem policy check``: what every policy is made of, what in it cannot work, and the proof of its privacy."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from tandem.core.models import ModelCard
from tandem.gateway import Gateway
from tandem.routing.facts import Facts
from tandem.routing.guards import name_of
from tandem.routing.policy import Policy
from tandem.routing.proof import CounterExample
from tandem.routing.tasks import LABELS
from tandem.settings import Settings

_NOTHING = Facts()


def checked(settings: Settings, gateway: Gateway) -> dict[str, Any]:
    """The whole check as JSON."""
    policies = settings.policies
    proof = gateway.proof()
    cards = [card for card in gateway.cards() if card.source != "policy"]
    return {
        "ok": proof.holds,
        "default": policies.default,
        "policies": [_row(policy, default=name == policies.default) for name, policy in policies.named.items()],
        "guards": [name_of(guard) for guard in settings.protection.guards()],
        "warnings": list(_warnings(settings, cards)),
        "proof": {
            "holds": proof.holds,
            "decisions": proof.decisions,
            "locked": proof.locked,
            "counter_examples": [_example(one) for one in proof.counter_examples],
        },
    }


def _row(policy: Policy, *, default: bool) -> dict[str, Any]:
    return {
        "name": policy.name,
        "default": default,
        "hash": policy.hash,
        "rules": [repr(rule) for rule in policy.preferences],
        "models": list(policy.models),
    }


def _warnings(settings: Settings, cards: list[ModelCard]) -> Iterator[str]:
    """What is allowed but will not do what its writer means."""
    known = {card.id for card in cards}
    for policy in settings.policies.named.values():
        for model in policy.models:
            if model not in known:
                yield f"[policy.{policy.name}] lists the model {model!r}, which is not here: it is passed over."
        if not policy.preferences:
            yield f"[policy.{policy.name}] has no rules: candidates keep the order in which they are listed."
    for model in settings.models:
        for task in model.tasks:
            if task not in LABELS:
                name = model.id or model.upstream_id
                yield f"[[model]] {name!r} lists the task {task!r}, which no request has: {', '.join(LABELS)}."
    bounded = settings.budget.usd_per_month is not None or settings.budget.usd_per_request is not None
    for card in cards:
        if bounded and card.provider and card.cost_usd(prompt_tokens=1, completion_tokens=1) is None:
            yield f"{card.id} has no known price, so under [budget] it is never asked: write its prices in [[model]]."


def _example(one: CounterExample) -> dict[str, Any]:
    blank = asdict(_NOTHING)
    facts = {name: str(value) for name, value in asdict(one.facts).items() if value != blank[name]}
    return {"policy": one.policy, "reached": list(one.reached), "why_locked": one.why_locked, "facts": facts}
