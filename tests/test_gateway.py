"""Names become models, and the gateway says why."""

import asyncio
from dataclasses import replace

import pytest

from tandem.backends.echo import ECHO_CARD, EchoBackend
from tandem.core.chat import ChatRequest, Message, collect
from tandem.core.embedding import EmbeddingRequest, Embeddings
from tandem.core.errors import BadRequest, NotFound
from tandem.core.models import ModelCard
from tandem.gateway import Gateway, Names

EMBEDDER = replace(ECHO_CARD, id="words", kind="embedding", dimensions=3)
ABSENT = replace(ECHO_CARD, id="phi-4-mini", installed=False)


class FakeEmbedder:
    """Remembers which model it was asked for."""

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """No vectors, only the model."""
        return Embeddings(model=request.model, vectors=(), prompt_tokens=0)


def gateway(*cards: ModelCard) -> Gateway:
    catalog = cards or (ECHO_CARD, EMBEDDER, ABSENT)
    return Gateway(
        cards=lambda: catalog,
        backend=lambda model: EchoBackend(next(card for card in catalog if card.id == model)),
        embedder=FakeEmbedder(),
        names=Names(default_model="echo", default_embedder="words", aliases={"gpt-4o": "echo", "lost": "nowhere"}),
    )


def ask(model: str) -> ChatRequest:
    return ChatRequest(id="1", model=model, messages=(Message(role="user", content="one two"),))


@pytest.mark.parametrize(
    ("model", "because"),
    [
        ("auto", "NearestFirst"),
        ("auto:local-first", "NearestFirst"),
        ("echo", "AskedByName"),
        ("gpt-4o", "AskedByName"),
    ],
)
def test_a_name_reaches_its_model_and_the_answer_says_why(model: str, because: str) -> None:
    reply = asyncio.run(collect(gateway().respond(ask(model))))

    assert reply.choices[0].text == "one two"
    assert (reply.started.model, reply.started.because) == ("echo", (because,))


def test_the_list_holds_auto_the_installed_models_and_live_aliases() -> None:
    assert [card.id for card in gateway().cards()] == ["auto", "auto:local-first", "echo", "words", "gpt-4o"]
    assert gateway().card("gpt-4o").id == "gpt-4o"


def test_without_the_default_model_auto_is_not_offered() -> None:
    assert [card.id for card in gateway(EMBEDDER).cards()] == ["words"]


@pytest.mark.parametrize(
    ("model", "advice"),
    [("ehco", "Did you mean 'echo'"), ("phi-4-mini", "tandem models pull phi-4-mini"), ("zzz", "GET /v1/models")],
)
def test_an_unknown_model_is_not_found_and_the_message_says_what_to_do(model: str, advice: str) -> None:
    with pytest.raises(NotFound) as caught:
        asyncio.run(collect(gateway().respond(ask(model))))

    assert advice in str(caught.value)
    assert caught.value.param == "model"
    with pytest.raises(NotFound):
        gateway().card(model)


def test_a_model_of_the_wrong_kind_is_refused() -> None:
    with pytest.raises(BadRequest, match="for embeddings, not for chat"):
        asyncio.run(collect(gateway().respond(ask("words"))))


def test_embeddings_follow_the_same_names() -> None:
    request = EmbeddingRequest(id="1", model="auto", inputs=("a",))

    assert asyncio.run(gateway().embed(request)).model == "words"
    with pytest.raises(BadRequest, match="for chat, not for embeddings"):
        asyncio.run(gateway().embed(replace(request, model="echo")))
