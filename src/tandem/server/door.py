"""The outer door, as plain ASGI: a request enters with an id and leaves with an answer, whatever happens inside.

It reads the body up to its limit, watches for a client that leaves, turns errors into the dialect's shape,
puts the headers on every answer, and writes the log line and the metrics.
"""

import asyncio
import logging
from time import perf_counter

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tandem.core.errors import TandemError
from tandem.server.exchange import SCOPE_KEY, Exchange, header_value
from tandem.server.failures import Failure, failure_of, failure_response, unexpected
from tandem.server.metrics import Measured
from tandem.server.service import Service

log = logging.getLogger(__name__)


class Door:
    """ASGI middleware around everything. It owns the only catch of every `Exception`."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(request_id=f"req_{self._service.new_id()}")
        scope[SCOPE_KEY] = exchange
        visit = _Visit(exchange, send)
        self._service.metrics.in_flight.inc()
        try:
            await self._visited(visit, scope, receive)
        finally:
            self._service.metrics.in_flight.dec()
            self._remember(exchange)

    async def _visited(self, visit: "_Visit", scope: Scope, receive: Receive) -> None:
        try:
            body = await _body(receive, self._service.limits.body_bytes)
        except ClientGoneError:
            return
        except TooLargeError as error:
            await visit.fail(
                Failure(status=413, message=str(error), kind="invalid_request_error", code="body_too_large"), scope
            )
            return
        async with asyncio.TaskGroup() as group:
            answering = group.create_task(self._guarded(visit, scope, _replay(body)))
            watching = group.create_task(_cancel_when_gone(receive, visit, answering))
            answering.add_done_callback(lambda _: watching.cancel())

    async def _guarded(self, visit: "_Visit", scope: Scope, receive: Receive) -> None:
        try:
            await self._app(scope, receive, visit.send)
        except TandemError as error:
            await visit.fail(failure_of(error), scope)
        except HTTPException as error:
            await visit.fail(_plain_http(error), scope)
        except Exception as error:  # noqa: BLE001
            visit.exchange.blame(error)
            await visit.fail(unexpected(visit.exchange.request_id), scope)
        route = scope.get("route")
        visit.exchange.route = getattr(route, "path", "other")

    def _remember(self, exchange: Exchange) -> None:
        seconds = perf_counter() - exchange.arrived
        first = None if exchange.first_word is None else exchange.first_word - exchange.arrived
        usage = exchange.usage
        self._service.metrics.record(
            Measured(
                route=exchange.route,
                status=exchange.status,
                model=exchange.model,
                place=exchange.place,
                seconds=seconds,
                first_word_seconds=first,
                tokens_in=usage.prompt_tokens if usage else 0,
                tokens_out=usage.completion_tokens if usage else 0,
                tokens_cached=usage.cached_tokens if usage else 0,
            )
        )
        log.info(
            "%s %s %d model=%s rule=%s in=%d out=%d ms=%.0f",
            exchange.request_id,
            exchange.route,
            exchange.status,
            exchange.model or "-",
            ",".join(exchange.because) or "-",
            usage.prompt_tokens if usage else 0,
            usage.completion_tokens if usage else 0,
            seconds * 1000,
        )


class _Visit:
    """The sending side of one request: knows whether the answer has begun and whether it is complete."""

    def __init__(self, exchange: Exchange, send: Send) -> None:
        self.exchange = exchange
        self.begun = False
        self.complete = False
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            self.exchange.status = message["status"]
            own = header_value(self.exchange.request_id)
            mine = [(b"x-tandem-request-id", own), (b"x-request-id", own), *self.exchange.headers]
            message = {**message, "headers": [*message.get("headers", ()), *mine]}
        elif not message.get("more_body", False):
            self.complete = True
        await self._send(message)

    async def fail(self, failure: Failure, scope: Scope) -> None:
        if not self.begun:
            await failure_response(failure, scope["path"])(scope, _nothing_more, self.send)


class ClientGoneError(Exception):
    """The client left before its request was complete."""


class TooLargeError(Exception):
    """The body is over the limit."""


async def _body(receive: Receive, limit: int) -> bytes:
    """Read the body. One that is too large is read on all the same (and dropped), so that its sender listens."""
    pieces: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        size += len(message.get("body", b""))
        if size <= limit:
            pieces.append(message.get("body", b""))
        elif size > 8 * limit:
            break
        more = message.get("more_body", False)
    if size > limit:
        raise TooLargeError(f"The body is larger than {limit} bytes. Send less, or raise the server's limit.")
    return b"".join(pieces)


def _replay(body: bytes) -> Receive:
    unread = [body]

    async def receive() -> Message:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        return await _nothing_more()

    return receive


async def _nothing_more() -> Message:
    await asyncio.Event().wait()
    return {"type": "http.disconnect"}


async def _cancel_when_gone(receive: Receive, visit: _Visit, answering: asyncio.Task[None]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    if not visit.complete:
        answering.cancel()


def _plain_http(error: HTTPException) -> Failure:
    return Failure(
        status=error.status_code,
        message=error.detail,
        kind="invalid_request_error",
        headers=dict(error.headers or {}),
    )
