"""POST /v1/chat/completions."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from hashlib import blake2s

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tandem import __version__
from tandem.core.chat import ChatRequest, Started
from tandem.server.answers import Answer, begin, reply
from tandem.server.decode import decoded, encoded
from tandem.server.exchange import exchange_of
from tandem.server.failures import Failure, openai_shape
from tandem.server.service import Service
from tandem.server.sse import DONE, EventStream, frame, json_response
from tandem.server.wire.chat_body import ChatBody, chat_request
from tandem.server.wire.chat_reply import Chunks, Head, completion
from tandem.server.wire.fields import Wishes, chat_card, treated
from tandem.server.wire.original import with_original


def routes(service: Service) -> list[Route]:
    """The one route of this dialect."""

    async def chat_completions(request: Request) -> Response:
        raw = await request.body()
        body = decoded(raw, ChatBody)
        asked = with_original(read(service, request, body), raw, "openai.chat")
        if not body.stream:
            whole = await reply(service, request, asked)
            return json_response(encoded(completion(head_of(service, request, whole.started, "chatcmpl"), whole)))
        answer = await begin(service, request, asked)
        chunks = Chunks(
            head_of(service, request, answer.started, "chatcmpl"),
            include_usage=bool(body.stream_options and body.stream_options.include_usage),
        )
        return EventStream(_frames(answer, chunks), broken=broken, exchange=exchange_of(request))

    return [Route("/v1/chat/completions", chat_completions, methods=["POST"])]


def read(service: Service, request: Request, body: ChatBody) -> ChatRequest:
    """The request that a body and its headers stand for."""
    asked = chat_request(
        body,
        chat_card(service.directory, body.model),
        request_id=exchange_of(request).request_id,
        choices=service.limits.choices,
    )
    wishes = Wishes(priority=body.priority, private=body.private, metadata=body.metadata)
    return treated(asked, request.headers, wishes)


def head_of(service: Service, request: Request, started: Started, prefix: str) -> Head:
    """What every chunk of a reply repeats."""
    name = exchange_of(request).request_id.removeprefix("req_")
    return Head(
        id=f"{prefix}-{name}",
        created=int(service.now()),
        model=started.model,
        system_fingerprint=fingerprint(started.model),
    )


def fingerprint(model: str) -> str:
    """Changes when the same seed may give another text: another model, or another Tandem."""
    return "fp_" + blake2s(f"{__version__}/{model}".encode(), digest_size=5).hexdigest()


def broken(failure: Failure) -> bytes:
    """The last event of a stream that an error ended; OpenAI's clients raise on it."""
    return frame(encoded(openai_shape(failure)))


async def _frames(answer: Answer, chunks: Chunks) -> AsyncGenerator[bytes]:
    async with aclosing(answer.events) as events:
        async for event in events:
            if pieces := chunks.of(event):
                yield b"".join([frame(encoded(piece)) for piece in pieces])
    yield DONE
