"""A server that wants a key is answered with it, or the person is told where it is named."""

import asyncio

import pytest

from support.serving import a_service, served
from tandem.backends.door import Endpoint
from tandem.backends.tandem_http import TandemBackend
from tandem.core.chat import ChatRequest, Message, collect
from tandem.core.errors import Forbidden
from tandem.core.models import ModelCard
from tandem.server.service import Access


async def asked(key: str | None) -> str | Forbidden:
    async with served(a_service(access=Access(api_keys=("right",)))) as address:
        card = ModelCard(id="auto", kind="chat", place="device", context_tokens=0, source=address)
        request = ChatRequest(id="r", model="scripted", messages=(Message(role="user", content="Hello"),))
        async with TandemBackend(card, Endpoint(url=address, api_key=key)) as backend:
            try:
                return (await collect(backend.respond(request))).choices[0].text
            except Forbidden as error:
                return error


def test_the_right_key_opens() -> None:
    assert asyncio.run(asked("right")) == "Hello there"


@pytest.mark.parametrize("key", [None, "wrong"])
def test_no_key_or_a_wrong_one_is_told_where_it_is_named(key: str | None) -> None:
    refused = asyncio.run(asked(key))
    assert isinstance(refused, Forbidden)
    assert "server.api_key_env" in refused.message
