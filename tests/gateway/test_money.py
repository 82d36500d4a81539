"""What an answer costs is charged, however it ends; and nobody is asked for whom the money has gone meanwhile."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest

from support.gateways import FAR, LAN, NEAR, FakeLedger, ScriptedBackend, ask, house
from tandem.core.chat import ChatEvent, ChatRequest, TextDelta, collect
from tandem.core.errors import OverBudget, Unreachable, WorkerDied
from tandem.core.ports import Health
from tandem.gateway.departures import DepartureBook
from tandem.gateway.entry import Entry
from tandem.routing.facts import Candidate, Facts
from tandem.routing.guards import Protection
from tandem.routing.policy import Decision, by_name


def test_an_answer_that_breaks_is_charged_by_what_was_said() -> None:
    here = house(ScriptedBackend(NEAR), ScriptedBackend(FAR, words=("word " * 60, "x"), breaks=Unreachable("Cut.")))

    with pytest.raises(Unreachable):
        asyncio.run(collect(here.gateway.respond(ask(model="large"))))

    line = here.ledger.lines[0]
    assert (line.outcome, line.completion_tokens) == ("broken", 100)
    assert line.cost_usd == (line.prompt_tokens * Decimal(10) + 100 * Decimal(30)) / 1_000_000


def test_an_answer_that_its_caller_leaves_is_charged_too() -> None:
    async def leave(model: str) -> FakeLedger:
        here = house(ScriptedBackend(NEAR, words=("word " * 60,)), ScriptedBackend(FAR, words=("word " * 60,)))
        events = here.gateway.respond(ask(model=model))
        async for event in events:
            if isinstance(event, TextDelta):
                break
        await events.aclose()
        return here.ledger

    cloud, device = asyncio.run(leave("large")).lines[0], asyncio.run(leave("small")).lines[0]

    assert (cloud.outcome, cloud.completion_tokens, cloud.cost_usd) == ("left", 100, Decimal("0.00304"))
    assert (device.outcome, device.cost_usd) == ("left", Decimal(0))


def test_a_caller_who_leaves_before_the_first_word_still_pays_for_the_prompt_that_left() -> None:
    book = DepartureBook()
    decision = Decision(policy="p", order=(), because=(), facts=Facts(prompt_tokens=1000))
    request = ask(model="large")
    entry = Entry(
        request=request,
        policy=by_name(Protection()),
        decision=decision,
        clouds=(FAR,),
        arrived=0.0,
        left=book.expect(request.id),
    )
    entry.chosen = Candidate(card=FAR)

    before = entry.line(evidence="", seal="")
    book.left(request.id, "acme", 4000)
    after = entry.line(evidence="", seal="")

    assert (before.model, before.cost_usd) == ("", Decimal(0))
    assert (after.model, after.cost_usd) == ("large", Decimal("0.01"))


def test_several_choices_cost_several_times_as_much() -> None:
    here = house(protection=Protection(usd_per_request=Decimal("0.005")))

    assert here.gateway.decide(ask(model="auto:cloud-first")).order[0].id == "large"
    assert "CostCeiling" in here.gateway.decide(ask(model="auto:cloud-first", n=3)).names


@dataclass
class Together(ScriptedBackend):
    """Fails for all twenty askers at the same moment."""

    all_here: asyncio.Event = field(default_factory=asyncio.Event)
    here: int = 0

    async def respond(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """Wait for the others, then play the script."""
        self.here += 1
        if self.here == 20:
            self.all_here.set()
        await self.all_here.wait()
        async for event in ScriptedBackend.respond(self, request):
            yield event


def test_a_fallback_counts_the_money_that_others_took_while_it_waited() -> None:
    here = house(
        Together(NEAR, refuses=WorkerDied("It ended.")),
        ScriptedBackend(FAR, words=("word",) * 20),
        protection=Protection(usd_per_month=Decimal("0.005")),
    )

    async def many() -> list[object]:
        asked = (collect(here.gateway.respond(ask())) for _ in range(20))
        return list(await asyncio.gather(*asked, return_exceptions=True))

    outcomes = asyncio.run(many())

    assert len(here.far["large"].asked) == 2
    assert sum(isinstance(one, WorkerDied) for one in outcomes) == 18


def test_a_fallback_walks_past_who_became_unreachable_meanwhile() -> None:
    far = ScriptedBackend(FAR)

    class Dying(ScriptedBackend):
        async def respond(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
            far.now = Health(reachable=False, why="acme rests for 20 s")
            async for event in ScriptedBackend.respond(self, request):
                yield event

    here = house(Dying(NEAR, refuses=WorkerDied("It ended.")), far)

    with pytest.raises(WorkerDied, match="acme rests"):
        asyncio.run(collect(here.gateway.respond(ask())))

    assert far.asked == []


def test_nothing_is_saved_where_there_is_no_cloud() -> None:
    lan = replace(LAN, usd_per_million_input_tokens=Decimal(1), usd_per_million_output_tokens=Decimal(1))
    here = house(ScriptedBackend(NEAR), ScriptedBackend(lan))

    asyncio.run(collect(here.gateway.respond(ask(model="small"))))

    assert here.ledger.lines[0].cloud_cost_usd is None


def test_a_named_cloud_over_budget_is_refused_by_its_rule() -> None:
    here = house(protection=Protection(usd_per_month=Decimal(0)))

    with pytest.raises(OverBudget, match="WithinBudget"):
        asyncio.run(collect(here.gateway.respond(ask(model="large"))))


def test_a_far_model_with_the_id_of_a_near_one_is_never_asked_in_its_place() -> None:
    here = house(ScriptedBackend(NEAR), ScriptedBackend(replace(FAR, id=NEAR.id)))

    reply = asyncio.run(collect(here.gateway.respond(ask("hi", NEAR.id, private=True))))

    assert (reply.started.place, here.far[NEAR.id].asked) == ("device", [])


def test_the_cheapest_is_the_same_for_the_server_as_for_a_decision_that_is_only_told() -> None:
    dear_words = replace(FAR, id="words", usd_per_million_input_tokens=Decimal(1))
    dear_prompt = replace(FAR, id="prompt", usd_per_million_output_tokens=Decimal(25))
    mine = {"rules": ["CheapestFirst"], "models": ["words", "prompt"]}
    here = house(ScriptedBackend(dear_words), ScriptedBackend(dear_prompt), policy={"default": "mine", "mine": mine})
    question = ask("def f(): " + "fix it " * 130)

    told = here.gateway.decide(question).order[0].id
    reply = asyncio.run(collect(here.gateway.respond(question)))

    assert reply.started.model == told == "prompt"
