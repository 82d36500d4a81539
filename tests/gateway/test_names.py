"""Names become models, and the gateway says why."""

import asyncio
from dataclasses import replace

import pytest

from support.gateways import CODER, EMBEDDER, FAR, LAN, NEAR, OTHER_NEAR, ScriptedBackend, ask, house
from tandem.core.chat import collect
from tandem.core.embedding import EmbeddingRequest
from tandem.core.errors import BadRequest, NotFound


@pytest.mark.parametrize(
    ("model", "answers", "because"),
    [
        ("auto", "small", "DeviceFirst"),
        ("auto:local-first", "small", "DeviceFirst"),
        ("auto:cloud-first", "large", "CloudFirst"),
        ("small", "small", "AskedByName"),
        ("large", "large", "AskedByName"),
        ("gpt-4o", "large", "AskedByName"),
        ("careful", "small", "DeviceFirst"),
    ],
)
def test_a_name_reaches_its_model_and_the_answer_says_why(model: str, answers: str, because: str) -> None:
    here = house(aliases={"gpt-4o": "large", "careful": "auto:local-first", "lost": "nowhere"})

    reply = asyncio.run(collect(here.gateway.respond(ask(model=model))))

    assert reply.choices[0].text == "Hello there"
    assert (reply.started.model, reply.started.because) == (answers, (because,))


def test_the_list_holds_auto_every_policy_the_models_and_live_aliases() -> None:
    here = house(policy={"mine": {"rules": ["CloudFirst"]}}, aliases={"gpt-4o": "large", "lost": "nowhere"})

    listed = [card.id for card in here.gateway.cards()]

    policies = ["auto", "auto:local-first", "auto:cloud-first", "auto:by-task", "auto:mine"]
    assert listed == [*policies, "small", "words", "large", "gpt-4o"]
    assert here.gateway.card("gpt-4o").id == "gpt-4o"


def test_with_nothing_that_chats_auto_is_not_offered() -> None:
    assert [card.id for card in house(ScriptedBackend(EMBEDDER)).gateway.cards() if card.id.startswith("auto")] == []


def test_auto_asks_the_default_model_and_far_ones_and_other_near_ones_only_where_a_policy_lists_them() -> None:
    backends = [ScriptedBackend(card) for card in (OTHER_NEAR, NEAR, LAN, FAR, CODER)]
    here = house(*backends, policy={"wide": {"models": ["small-too", "large"], "rules": ["DeviceFirst"]}})

    assert [one.id for one in here.gateway.decide(ask()).order] == ["small", "lan", "large", "coder"]
    assert [one.id for one in here.gateway.decide(ask(), "wide").order] == ["small-too", "large"]


@pytest.mark.parametrize(
    ("model", "advice"),
    [
        ("smal", "Did you mean 'small'"),
        ("phi", "tandem models pull phi"),
        ("zzz", "GET /v1/models"),
        ("auto:cloud-frist", "Did you mean 'auto:cloud-first'"),
        ("auto:0", "There are auto:local-first"),
    ],
)
def test_an_unknown_model_is_not_found_and_the_message_says_what_to_do(model: str, advice: str) -> None:
    gateway = house().gateway

    with pytest.raises(NotFound) as caught:
        asyncio.run(collect(gateway.respond(ask(model=model))))

    assert advice in str(caught.value)
    assert caught.value.param == "model"
    with pytest.raises(NotFound):
        gateway.card(model)


def test_a_model_of_the_wrong_kind_is_refused() -> None:
    with pytest.raises(BadRequest, match="for embeddings, not for chat"):
        asyncio.run(collect(house().gateway.respond(ask(model="words"))))


def test_embeddings_follow_the_same_names_and_stay_on_the_device() -> None:
    request = EmbeddingRequest(id="1", model="auto", inputs=("a",))
    gateway = house().gateway

    assert asyncio.run(gateway.embed(request)).model == "words"
    for model in ("small", "large"):
        with pytest.raises(BadRequest, match="for chat, not for embeddings"):
            asyncio.run(gateway.embed(replace(request, model=model)))
