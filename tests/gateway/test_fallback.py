"""Fallback happens before the first word, along the order, in the open; what breaks later breaks."""

import asyncio
import threading
from dataclasses import replace
from decimal import Decimal

import pytest

from support.gateways import CODER, FAR, NEAR, PESEL, SENSES, FakeLedger, ScriptedBackend, ask, house
from tandem.core.chat import ChatEvent, Message, Sampling, Started, TextDelta, collect
from tandem.core.errors import (
    Busy,
    ContextLengthExceeded,
    Forbidden,
    OverBudget,
    ProviderRefused,
    TandemError,
    Unavailable,
    Unreachable,
    Unsupported,
    WorkerDied,
)
from tandem.core.ports import Health
from tandem.routing.guards import Protection

FAILURES = [
    WorkerDied("The process ended."),
    Busy("The queue is full.", retry_after_seconds=3),
    ContextLengthExceeded("Too long.", param="messages"),
    Unreachable("Nobody is there."),
    ProviderRefused("The key is wrong.", status=401),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda error: type(error).__name__)
def test_a_failure_before_the_first_word_falls_back_and_is_told(failure: TandemError) -> None:
    here = house(ScriptedBackend(NEAR, refuses=failure), ScriptedBackend(FAR))

    reply = asyncio.run(collect(here.gateway.respond(ask())))

    assert (reply.started.model, reply.started.place, reply.started.fallbacks) == ("large", "cloud", 1)
    assert reply.started.note == f"small could not answer ({failure.code})"
    assert here.ledger.lines[0].fallbacks == 1


def test_a_failure_before_the_first_word_never_falls_back_to_a_cloud_with_private_text() -> None:
    here = house(ScriptedBackend(NEAR, refuses=WorkerDied("The process ended.")), ScriptedBackend(FAR))

    with pytest.raises(WorkerDied):
        asyncio.run(collect(here.gateway.respond(ask(f"PESEL {PESEL}"))))

    assert here.far["large"].asked == []
    assert (here.ledger.lines[0].outcome, here.ledger.lines[0].left_bytes) == ("failed", 0)


def test_a_stream_that_says_nothing_is_a_failure_before_the_first_word() -> None:
    here = house(ScriptedBackend(NEAR, words=()), ScriptedBackend(FAR, words=("", "", "late")))
    here.near["small"].words = ()

    reply = asyncio.run(collect(here.gateway.respond(ask(model="auto:cloud-first"))))

    assert (reply.started.model, reply.choices[0].text) == ("large", "late")


def test_a_reply_that_breaks_in_the_middle_raises_and_nobody_else_is_asked() -> None:
    here = house(ScriptedBackend(NEAR, breaks=WorkerDied("It ended.")), ScriptedBackend(FAR))
    seen: list[ChatEvent] = []

    async def listen() -> None:
        async for event in here.gateway.respond(ask()):
            seen.append(event)  # noqa: PERF401 - what came before the break is what counts

    with pytest.raises(WorkerDied):
        asyncio.run(listen())

    assert [event.text for event in seen if isinstance(event, TextDelta)] == ["Hello"]
    assert here.far["large"].asked == []
    assert (here.ledger.lines[0].outcome, here.ledger.lines[0].error) == ("broken", "worker_died")


def test_where_all_fail_the_first_error_is_raised_and_tells_of_the_others() -> None:
    here = house(
        ScriptedBackend(NEAR, refuses=Busy("The queue is full.", retry_after_seconds=3)),
        ScriptedBackend(FAR, refuses=Unreachable("acme is silent.")),
    )

    with pytest.raises(Busy, match=r"The queue is full.*large: acme is silent") as caught:
        asyncio.run(collect(here.gateway.respond(ask())))

    assert caught.value.retry_after_seconds == 3


def test_a_named_model_is_not_replaced() -> None:
    here = house(ScriptedBackend(NEAR), ScriptedBackend(FAR, refuses=Unreachable("acme is silent.")))

    with pytest.raises(Unreachable):
        asyncio.run(collect(here.gateway.respond(ask(model="large"))))

    assert here.near["small"].asked == []


@pytest.mark.parametrize(
    ("text", "policy", "order"),
    [
        ("hi", "local-first", ["small", "large", "coder"]),
        ("difficulty=0.90", "local-first", ["large", "coder", "small"]),
        ("word " * 5000, "local-first", ["large", "coder", "small"]),
        ("word " * 9000, "local-first", ["large", "coder"]),
        ("Write 3000 words about rain.", "local-first", ["large", "coder", "small"]),
        ("hi", "cloud-first", ["large", "coder", "small"]),
        (f"PESEL {PESEL}", "cloud-first", ["small"]),
        ("def f(): fix it", "by-task", ["coder", "small", "large"]),
        ("hi", "by-task", ["small", "large", "coder"]),
        (f"def f(): PESEL {PESEL}", "by-task", ["small"]),
    ],
)
def test_each_pattern_orders_as_its_table_says(text: str, policy: str, order: list[str]) -> None:
    here = house(*(ScriptedBackend(card) for card in (NEAR, FAR, CODER)))

    assert [one.id for one in here.gateway.decide(ask(text), policy).order] == order


def test_a_deep_queue_here_sends_others_up() -> None:
    here = house(ScriptedBackend(NEAR, now=Health(queued=4)), ScriptedBackend(FAR))

    decision = here.gateway.decide(ask())

    assert ([one.id for one in decision.order], decision.names) == (["large", "small"], ("DeviceFirst", "BusyGoesUp"))


def test_what_may_be_written_counts_as_size() -> None:
    here = house()

    decision = here.gateway.decide(ask(sampling=Sampling(max_tokens=6000)))

    assert decision.names == ("DeviceFirst", "LargeGoesUp")


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"offline": True}, Unavailable, "Offline"),
        ({"protection": Protection(usd_per_month=Decimal(5)), "ledger": FakeLedger(Decimal(5))}, OverBudget, "5"),
        ({"protection": Protection(usd_per_request=Decimal("0.0001"))}, OverBudget, "CostCeiling"),
    ],
)
def test_offline_and_over_budget_the_device_answers_and_a_named_cloud_is_refused(
    changes: dict[str, object], error: type[TandemError], words: str
) -> None:
    here = house(**changes)  # pyright: ignore[reportArgumentType]

    reply = asyncio.run(collect(here.gateway.respond(ask(model="auto:cloud-first"))))

    assert reply.started.place == "device"
    with pytest.raises(error, match=words):
        asyncio.run(collect(here.gateway.respond(ask(model="large"))))
    assert here.far["large"].asked == []
    assert here.ledger.lines[-1].outcome in {"refused", "failed"}


def test_an_open_breaker_is_walked_past_without_asking() -> None:
    here = house(ScriptedBackend(NEAR), ScriptedBackend(FAR, now=Health(reachable=False, why="acme rests for 20 s")))

    reply = asyncio.run(collect(here.gateway.respond(ask(model="auto:cloud-first"))))

    assert (reply.started.model, reply.started.because) == ("small", ("Reachable", "CloudFirst"))
    with pytest.raises(Unavailable, match="acme rests for 20 s"):
        asyncio.run(collect(here.gateway.respond(ask(model="large"))))


def test_money_under_way_counts() -> None:
    async def two_at_once() -> list[str]:
        here = house(protection=Protection(usd_per_month=Decimal("0.003")))
        first = here.gateway.respond(ask(model="auto:cloud-first"))
        started = await anext(first)
        second = await collect(here.gateway.respond(ask(model="auto:cloud-first")))
        await first.aclose()
        third = await collect(here.gateway.respond(ask(model="auto:cloud-first")))
        assert isinstance(started, Started)
        return [started.model, second.started.model, third.started.model]

    assert asyncio.run(two_at_once()) == ["large", "small", "large"]


def test_a_long_conversation_stays_where_it_is_warm() -> None:
    here = house()
    history = (Message(role="user", content="difficulty=0.90 " + "long " * 400),)
    asyncio.run(collect(here.gateway.respond(ask(messages=history))))

    again = ask(
        messages=(*history, Message(role="assistant", content="Hello there"), Message(role="user", content="and?"))
    )
    decision = here.gateway.decide(again)

    assert decision.names == ("DeviceFirst", "StayWarm")
    assert decision.order[0].id == "large"


def test_small_talk_never_leaves_and_waits_behind_people() -> None:
    here = house()

    for model in ("auto", "auto:cloud-first", "large"):
        reply = asyncio.run(collect(here.gateway.respond(ask("TITLE please", model))))
        assert (reply.started.model, "SmallTalkStaysHere" in reply.started.because) == ("small", True)

    assert here.far["large"].asked == []
    assert {one.priority for one in here.near["small"].asked} == {"background"}
    assert here.ledger.lines[0].purpose == "title_generation"


def test_privacy_forbids_a_named_cloud_and_names_the_rule() -> None:
    here = house()

    for request, rule in (
        (ask(f"PESEL {PESEL}", "large"), "PrivateStaysHere"),
        (ask("hi", "large", private=True), "AskedToStayHere"),
        (ask("hi", "large", labels=("internal",)), "LabelStaysHere"),
        (ask("hi", "large", unreadable=1), "UnreadableStaysHere"),
    ):
        with pytest.raises(Forbidden, match=rule):
            asyncio.run(collect(here.gateway.respond(request)))

    assert here.far["large"].asked == []


def test_token_ids_and_demands_go_where_they_can_be_honoured() -> None:
    here = house()

    assert [one.id for one in here.gateway.decide(ask(messages=(), raw_prompt=(1, 2))).order] == ["small"]
    with pytest.raises(Unsupported, match="token ids"):
        asyncio.run(collect(here.gateway.respond(ask(model="large", messages=(), raw_prompt=(1, 2)))))


def test_a_client_that_leaves_stops_the_model_and_the_ledger_says_so() -> None:
    async def leave() -> ScriptedBackend:
        here = house()
        events = here.gateway.respond(ask())
        await anext(events)
        await events.aclose()
        assert here.ledger.lines[0].outcome == "left"
        return here.near["small"]

    assert asyncio.run(leave()).running == 0


def test_the_ledger_knows_who_answered_and_what_it_cost() -> None:
    here = house()

    asyncio.run(collect(here.gateway.respond(ask(model="large"))))
    asyncio.run(collect(here.gateway.respond(ask(f"PESEL {PESEL}"))))

    cloud, device = here.ledger.lines
    assert (cloud.model, cloud.evidence, cloud.cost_usd) == ("large", "acme", Decimal("0.013"))
    assert (device.evidence, device.seal, device.cost_usd) == ("sha256 of small", "namespace", Decimal(0))
    assert (device.cloud_cost_usd, device.private) == (Decimal("0.013"), ("PESEL",))
    assert device.removed == ("PrivateStaysHere",)
    assert replace(device, request_id="x").policy_hash == device.policy_hash != cloud.policy_hash


def test_a_long_text_is_read_beside_the_loop_so_that_others_need_not_wait() -> None:
    threads: set[int] = set()

    def search(text: str) -> tuple[()]:
        threads.add(threading.get_ident())
        return ()

    def read_by(text: str) -> set[int]:
        threads.clear()
        here = house(senses=replace(SENSES, private=search))
        asyncio.run(collect(here.gateway.respond(ask(text))))
        return set(threads)

    assert read_by("hi") == {threading.get_ident()}
    assert threading.get_ident() not in read_by("word " * 7000)
