"""Guards only take away, preferences only order: whatever the rules, the facts and the candidates are."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.gateways import CODER, FAR, LAN, NEAR, OTHER_NEAR
from tandem.core.errors import ContextLengthExceeded, Forbidden, OverBudget, TandemError, Unavailable
from tandem.core.ports import Health
from tandem.routing.facts import Candidate, Facts, PrivateSpan
from tandem.routing.guards import LabelStaysHere, PrivacyMode, Protection, name_of
from tandem.routing.policy import Policy, built_in
from tandem.routing.preferences import PREFERENCES, DeviceFirst, Preference
from tandem.routing.reading import read_policies

SPAN = PrivateSpan(label="PESEL", start=24, end=35)
MODES: tuple[PrivacyMode, ...] = ("lock", "redact", "block")
amounts = st.integers(0, 10_000)
preferences = st.lists(st.sampled_from(PREFERENCES).map(lambda kind: kind()), max_size=6)
candidates = st.lists(
    st.builds(
        Candidate,
        card=st.sampled_from([NEAR, OTHER_NEAR, LAN, FAR, CODER]),
        health=st.builds(Health, reachable=st.booleans(), queued=st.integers(0, 9)),
        cost_usd=st.none() | st.decimals(0, 9, places=3),
    ),
    unique_by=lambda one: one.id,
    max_size=5,
).map(tuple)
protections = st.builds(
    Protection,
    mode=st.sampled_from(MODES),
    labels=st.sampled_from([(), ("internal",)]),
    attachments_allowed=st.booleans(),
    usd_per_month=st.none() | st.decimals(0, 9, places=2),
    usd_per_request=st.none() | st.decimals(0, 9, places=2),
)
facts_of_all_kinds = st.builds(
    Facts,
    prompt_tokens=amounts,
    least_tokens=amounts,
    output_tokens=amounts,
    max_tokens=amounts,
    task=st.sampled_from(["", "code", "math"]),
    task_confidence=st.floats(0, 1),
    difficulty=st.floats(0, 1),
    private=st.sampled_from([(), (SPAN,)]),
    unhideable=st.booleans(),
    asked_private=st.booleans(),
    labels=st.sampled_from([(), ("public",), ("Internal ",), ("public", "internal")]),
    unreadable=st.integers(0, 2),
    purpose=st.sampled_from([None, "title_generation"]),
    offline=st.booleans(),
    spent_usd=st.decimals(0, 9, places=2),
    warm_model=st.sampled_from([None, "small", "large"]),
    warm_tokens=amounts,
)


@given(rules=preferences, protection=protections, offered=candidates, facts=facts_of_all_kinds)
def test_preferences_never_remove_and_guards_never_reorder(
    rules: list[Preference], protection: Protection, offered: tuple[Candidate, ...], facts: Facts
) -> None:
    policy = Policy(name="any", preferences=tuple(rules), protection=protection)

    left, taken, _ = policy.allowed(offered, facts)
    order, moved = policy.ordered(left, facts)

    assert left == tuple(one for one in offered if one in left)
    assert sorted(one.id for one in order) == sorted(one.id for one in left)
    assert all(not ruling.removed for ruling in moved)
    gone = [model for ruling in taken for model in ruling.removed]
    assert sorted([*gone, *(one.id for one in left)]) == sorted(one.id for one in offered)


@given(rules=preferences, protection=protections, offered=candidates, facts=facts_of_all_kinds)
def test_a_decision_has_an_order_or_a_refusal_and_never_a_cloud_for_what_must_stay(
    rules: list[Preference], protection: Protection, offered: tuple[Candidate, ...], facts: Facts
) -> None:
    decision = Policy(name="any", preferences=tuple(rules), protection=protection).decide(offered, facts)

    assert bool(decision.order) == (decision.refusal is None)
    private = facts.private and (protection.mode != "redact" or facts.unhideable)
    if facts.asked_private or private or facts.purpose or (facts.unreadable and not protection.attachments_allowed):
        assert not any(one.is_cloud for one in decision.order)
    if facts.private and protection.mode == "block":
        assert not decision.order


@given(offered=candidates, facts=facts_of_all_kinds)
def test_the_same_facts_give_the_same_decision(offered: tuple[Candidate, ...], facts: Facts) -> None:
    for policy in built_in(Protection()).values():
        first, second = policy.decide(offered, facts), policy.decide(offered, facts)
        assert (first.order, first.because) == (second.order, second.because)


def test_rules_say_what_they_did_and_why() -> None:
    both = (Candidate(card=FAR, cost_usd=Decimal("0.01")), Candidate(card=NEAR))

    decision = built_in(Protection())["cloud-first"].decide(both, Facts(private=(SPAN,)))

    assert [(one.rule, one.removed, one.detail) for one in decision.because] == [
        ("PrivateStaysHere", ("large",), "PESEL at 24-35"),
        ("CloudFirst", (), "far models first"),
    ]


@pytest.mark.parametrize(
    ("facts", "candidate", "error", "code"),
    [
        (Facts(private=(SPAN,)), Candidate(card=FAR), Forbidden, "private_stays_here"),
        (Facts(asked_private=True), Candidate(card=FAR), Forbidden, "asked_to_stay_here"),
        (Facts(labels=("internal",)), Candidate(card=FAR), Forbidden, "label_stays_here"),
        (Facts(unreadable=1), Candidate(card=FAR), Forbidden, "unreadable_stays_here"),
        (Facts(purpose="title_generation"), Candidate(card=FAR), Forbidden, "small_talk_stays_here"),
        (Facts(least_tokens=10**6), Candidate(card=NEAR), ContextLengthExceeded, "context_length_exceeded"),
        (Facts(offline=True), Candidate(card=FAR), Unavailable, "unavailable"),
        (Facts(spent_usd=Decimal(5)), Candidate(card=FAR, cost_usd=Decimal("0.1")), OverBudget, "over_budget"),
        (Facts(), Candidate(card=FAR, cost_usd=None), OverBudget, "over_budget"),
        (Facts(), Candidate(card=FAR, cost_usd=Decimal(3)), OverBudget, "over_budget"),
    ],
)
def test_who_took_the_last_candidate_away_is_told_as_an_error(
    facts: Facts, candidate: Candidate, error: type[TandemError], code: str
) -> None:
    protection = Protection(usd_per_month=Decimal(5), usd_per_request=Decimal(2))

    refusal = built_in(protection)["local-first"].decide((candidate,), facts).refusal

    assert isinstance(refusal, error)
    assert refusal.code == code
    assert candidate.id in refusal.message


@pytest.mark.parametrize(
    ("written", "label", "binds"),
    [
        ((), "internal", True),
        ((), "Public", False),
        ((), " jawne ", False),
        (("secret",), "Secret ", True),
        (("secret",), "internal", False),
    ],
)
def test_labels_bind_whatever_their_capitals(written: tuple[str, ...], label: str, binds: bool) -> None:
    assert LabelStaysHere(written).binds(label) == binds


def test_the_hash_tells_policies_apart_that_decide_differently() -> None:
    one = Policy(name="a", preferences=(DeviceFirst(),))

    assert one.hash == replace(one).hash
    assert len({one.hash, replace(one, name="b").hash, replace(one, protection=Protection(mode="block")).hash}) == 3
    assert len({one.hash, replace(one, preferences=()).hash, replace(one, models=("small",)).hash}) == 3


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"mine": {"rules": ["DeviceFrist"]}}, "did you mean 'DeviceFirst'"),
        ({"mine": {"rules": [{"rule": "HardGoesUp", "abve": 0.5}]}}, "did you mean 'above'"),
        ({"mine": {"rules": [{"rule": "HardGoesUp", "above": -1}]}}, "a number of at least 0"),
        ({"mine": {"rules": [{"rule": "BusyGoesUp", "queued": 1.5}]}}, "a whole number"),
        ({"mine": {"rules": ["PrivateStaysHere"]}}, "every policy has it already"),
        ({"mine": {"rulez": []}}, "did you mean 'rules'"),
        ({"mine": {"rules": "DeviceFirst"}}, "a list is wanted"),
        ({"mine": {"rules": [5]}}, "is no rule"),
        ({"mine": 3}, "must be a table"),
        ({"default": "nine", "mine": {"rules": []}}, "did you mean 'mine'"),
    ],
)
def test_a_mistake_is_told_with_what_would_be_right(table: dict[str, object], told: str) -> None:
    _, mistakes = read_policies(table, Protection())

    assert any(told in mistake for mistake in mistakes), mistakes


def test_every_rule_that_may_be_written_can_be_read_with_its_numbers() -> None:
    rules = [{"rule": kind.__name__} for kind in PREFERENCES]

    policies, mistakes = read_policies({"default": "all", "all": {"rules": rules}}, Protection())

    assert (mistakes, policies.default) == ((), "all")
    assert [name_of(one) for one in policies.named["all"].preferences] == [kind.__name__ for kind in PREFERENCES]
