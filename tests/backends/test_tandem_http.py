"""What comes over the wire is told in our own errors, whatever the far side says, and wishes travel with a request."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from support.fakes import ScriptedResponder
from support.serving import a_service, served
from tandem.backends.door import Endpoint, read_json
from tandem.backends.tandem_http import TandemBackend
from tandem.core.chat import ChatReply, ChatRequest, Message, collect
from tandem.core.errors import BadRequest, Busy, Forbidden, NotFound, TandemError, Unavailable
from tandem.core.models import ModelCard
from tandem.server.probes import Ready

CARD = ModelCard(id="far", kind="chat", place="cloud", context_tokens=0, source="test")
ASKED = ChatRequest(
    id="r", model="scripted", messages=(Message(role="user", content="Hi"),), private=True, priority="background"
)


def far(status: int, body: str, headers: dict[str, str] | None = None) -> Starlette:
    """A far side that always says the same."""

    async def say(_: Request) -> Response:
        return Response(body, status, headers)

    return Starlette(routes=[Route("/v1/chat/completions", say, methods=["POST"]), Route("/readyz", say)])


def failure_of(app: Starlette, act: Callable[[Endpoint], Awaitable[object]]) -> TandemError:
    """The error that an act against a far side ends with."""

    async def main() -> TandemError:
        async with served(app) as address:
            with pytest.raises(TandemError) as raised:
                await act(Endpoint(url=address))
        return raised.value

    return asyncio.run(main())


async def ask(endpoint: Endpoint) -> ChatReply:
    async with TandemBackend(CARD, endpoint) as backend:
        return await collect(backend.respond(ASKED))


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, BadRequest), (401, Forbidden), (404, NotFound), (429, Busy), (500, Unavailable), (503, Unavailable)],
)
def test_a_status_becomes_our_error_with_the_far_sides_sentence(status: int, kind: type[TandemError]) -> None:
    error = failure_of(far(status, '{"error": {"message": "No, because."}}'), ask)

    assert type(error) is kind
    assert error.message.startswith("No, because.")


def test_a_date_to_come_back_at_is_no_number_of_seconds() -> None:
    error = failure_of(far(429, "later", {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}), ask)

    assert isinstance(error, Busy)
    assert error.retry_after_seconds == 1


@pytest.mark.parametrize("body", ['data: {"choices": []}\n\n', "data: {no json\n\n", "data: [1]\n\n"])
def test_a_stream_that_breaks_off_or_is_none_is_told(body: str) -> None:
    assert isinstance(failure_of(far(200, body, {"content-type": "text/event-stream"}), ask), Unavailable)


def test_facts_that_are_of_another_shape_are_told() -> None:
    error = failure_of(far(200, '{"status": 7}'), lambda endpoint: read_json(endpoint, "/readyz", Ready))

    assert isinstance(error, Unavailable)
    assert "/readyz" in error.message


def test_privacy_and_priority_travel_with_the_request() -> None:
    async def main() -> ChatRequest:
        responder = ScriptedResponder()
        async with served(a_service(responder)) as address:
            await ask(Endpoint(url=address))
        return responder.asked[0]

    heard = asyncio.run(main())
    assert (heard.private, heard.priority) == (True, "background")
