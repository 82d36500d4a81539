"""The proof goes through every class of facts, and finds the hole where there is one."""

import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from support.gateways import CODER, FAR, NEAR, house
from tandem.app.checking import checked
from tandem.cli.policy import _tell
from tandem.cli.words import Words
from tandem.routing.facts import Candidate, Facts, PrivateSpan
from tandem.routing.guards import Guard, NamesLock, PrivacyMode, Protection, name_of
from tandem.routing.policy import Policy, built_in, by_name
from tandem.routing.preferences import DeviceFirst, Preference
from tandem.routing.proof import _guarded_facts, prove, why_locked
from tandem.settings import Settings

CARDS = (NEAR, FAR, CODER)
PRIVACY = tuple(name_of(one) for one in Protection().guards() if one.protects_privacy)
MODES: tuple[PrivacyMode, ...] = ("lock", "redact", "block")
NAMES: tuple[NamesLock, ...] = ("strong", "all", "off")
NUMBER = PrivateSpan(label="PESEL", start=0, end=11)
NAME = PrivateSpan(label="PERSON", start=0, end=12)
WEAK = PrivateSpan(label="PERSON", start=0, end=4, weak=True)


def without(policy: Policy, *names: str) -> Policy:
    """The same policy with guards taken out."""
    weaker = replace(policy)
    object.__setattr__(weaker, "_guards", tuple(one for one in policy._guards if name_of(one) not in names))
    return weaker


@pytest.mark.parametrize(("mode", "names"), [("lock", "all"), ("lock", "off"), ("redact", "off"), ("block", "all")])
def test_a_policy_is_proved_in_every_mode_whatever_names_count(mode: PrivacyMode, names: NamesLock) -> None:
    protection = Protection(mode=mode, names=names)

    assert prove([built_in(protection)["cloud-first"]], (FAR,), protection).holds


@pytest.mark.parametrize("mode", MODES)
def test_every_built_in_policy_is_proved_in_every_mode(mode: PrivacyMode) -> None:
    protection = Protection(mode=mode, usd_per_month=Decimal(5), usd_per_request=Decimal(1))

    proof = prove(list(built_in(protection).values()), CARDS, protection)

    assert proof.holds
    assert 0 < proof.locked < proof.decisions


@pytest.mark.parametrize(
    ("guard", "mode"),
    [
        ("AskedToStayHere", "lock"),
        ("LabelStaysHere", "lock"),
        ("PrivateStaysHere", "lock"),
        ("PrivateStaysHere", "redact"),
        ("PrivateIsRefused", "block"),
        ("UnreadableStaysHere", "lock"),
        ("SmallTalkStaysHere", "lock"),
    ],
)
def test_a_policy_without_one_of_its_guards_has_a_counter_example(guard: str, mode: PrivacyMode) -> None:
    protection = Protection(mode=mode)
    weak = without(built_in(protection)["cloud-first"], guard)

    proof = prove([weak], CARDS, protection)

    assert not proof.holds
    example = proof.counter_examples[0]
    assert example.policy == "cloud-first"
    assert example.reached
    assert why_locked(example.facts, protection) == example.why_locked


def test_the_check_prints_a_counter_example(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = house()
    policies = here.gateway._rules.policies
    object.__setattr__(policies, "named", {"weak": without(policies.named["cloud-first"], "PrivateStaysHere")})

    document = checked(Settings(home=tmp_path), here.gateway)
    _tell(document, Words("en"))

    assert document["ok"] is False
    assert document["proof"]["counter_examples"][0]["reached"] == ["large"]
    told = capsys.readouterr().out
    assert "NOT proved" in told
    assert "cloud-first: large (private text under the mode 'lock') {'private':" in told


@pytest.mark.parametrize(("names", "mode"), [("strong", "lock"), ("all", "lock"), ("all", "block"), ("off", "block")])
def test_guards_that_let_more_names_pass_than_the_owner_allows_have_a_counter_example(
    names: NamesLock, mode: PrivacyMode
) -> None:
    laxer: NamesLock = "strong" if names == "all" else "off"
    lax = built_in(Protection(mode=mode, names=laxer))["cloud-first"]

    proof = prove([lax], CARDS, Protection(mode=mode, names=names))

    assert proof.holds == (laxer == names)


@pytest.mark.parametrize(
    ("names", "mode", "spans", "unhideable", "stays"),
    [
        ("strong", "lock", (WEAK,), False, False),
        ("strong", "lock", (NAME,), False, True),
        ("strong", "lock", (WEAK, NUMBER), False, True),
        ("all", "lock", (WEAK,), False, True),
        ("off", "lock", (NAME,), False, False),
        ("off", "lock", (NAME, NUMBER), False, True),
        ("strong", "redact", (WEAK,), False, False),
        ("strong", "redact", (WEAK,), True, True),
        ("off", "redact", (NAME,), True, False),
        ("strong", "block", (WEAK,), False, False),
        ("strong", "block", (NAME,), False, True),
    ],
)
def test_which_names_keep_a_text_here_is_the_owners_choice(
    names: NamesLock, mode: PrivacyMode, spans: tuple[PrivateSpan, ...], unhideable: bool, stays: bool
) -> None:
    protection = Protection(mode=mode, names=names)
    facts = Facts(private=spans, unhideable=unhideable)
    both = (Candidate(card=FAR, cost_usd=Decimal("0.01")), Candidate(card=NEAR))

    decision = built_in(protection)["cloud-first"].decide(both, facts)

    assert any(one.is_cloud for one in decision.order) is not stays
    assert (why_locked(facts, protection) is not None) is stays


def test_each_guard_of_privacy_is_weakened_by_the_test_above() -> None:
    assert {"AskedToStayHere", "LabelStaysHere", "PrivateStaysHere", "PrivateIsRefused"} < set(PRIVACY)
    assert set(PRIVACY) - {"AskedToStayHere", "LabelStaysHere", "PrivateStaysHere", "PrivateIsRefused"} == {
        "UnreadableStaysHere",
        "SmallTalkStaysHere",
    }


def test_an_order_that_loses_or_brings_back_a_candidate_is_a_counter_example(monkeypatch: pytest.MonkeyPatch) -> None:
    protection = Protection()
    ordered = Policy.ordered

    def careless(self: Policy, candidates: tuple[Candidate, ...], facts: Facts) -> object:
        order, rulings = ordered(self, candidates, facts)
        return (*order, *order[:1]), rulings

    monkeypatch.setattr(Policy, "ordered", careless)

    proof = prove([Policy(name="odd", preferences=(DeviceFirst(),), protection=protection)], CARDS, protection)

    assert {one.why_locked for one in proof.counter_examples} == {"order"}


class Recorder:
    """Facts that remember which of them were read."""

    def __init__(self, facts: Facts, read: set[str]) -> None:
        self._facts = facts
        self._read = read

    def __getattr__(self, name: str) -> object:
        self._read.add(name)
        return getattr(self._facts, name)


def all_modes() -> Iterator[Protection]:
    """Protections of every kind."""
    for mode, names in itertools.product(MODES, NAMES):
        for allowed in (False, True)[: 1 + (names == "strong")]:
            yield Protection(
                mode=mode,
                names=names,
                attachments_allowed=allowed,
                usd_per_month=Decimal(5),
                usd_per_request=Decimal(1),
            )


def test_guards_read_exactly_those_facts_that_the_proof_goes_through() -> None:
    read: set[str] = set()
    varied: dict[str, set[object]] = {}
    for protection in all_modes():
        for facts in _guarded_facts(protection):
            for one in dataclasses.fields(Facts):
                varied.setdefault(one.name, set()).add(getattr(facts, one.name))
            recorder = Recorder(facts, read)
            for guard in protection.guards():
                for card in CARDS:
                    guard.objection(Candidate(card=card, cost_usd=Decimal("0.01")), recorder)  # pyright: ignore[reportArgumentType]

    assert read == {name for name, values in varied.items() if len(values) > 1}


def test_a_guard_that_is_not_asked_for_privacy_cannot_be_left_out_by_a_policy() -> None:
    protection = Protection()

    for policy in (*built_in(protection).values(), by_name(protection)):
        guards: tuple[Guard, ...] = policy._guards
        assert [name_of(one) for one in guards] == [name_of(one) for one in protection.guards()]
        preferences: tuple[Preference, ...] = policy.preferences
        assert not {name_of(one) for one in preferences} & {name_of(one) for one in guards}


def test_the_proof_of_a_plain_configuration_stays_small_enough_to_wait_for() -> None:
    protection = Protection()

    proof = prove(list(built_in(protection).values()), CARDS, protection)

    assert 100_000 < proof.decisions < 400_000
