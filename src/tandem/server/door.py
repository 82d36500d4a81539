"""The outer door, as plain ASGI: a request enters with an id and leaves with an answer, whatever happens inside.

It turns errors into the dialect's shape, puts our headers on every answer, and writes the log line and the metrics.
"""

import asyncio
import logging
from time import perf_counter

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tandem.core.errors import TandemError
from tandem.server.exchange import SCOPE_KEY, Exchange, header_value
from tandem.server.failures import STOPPING, Failure, Refusal, failure_of, failure_response, unexpected
from tandem.server.metrics import Measured
from tandem.server.service import Service

log = logging.getLogger(__name__)


class Door:
    """ASGI middleware around everything. With `EventStream` it owns the only catch of every `Exception`."""

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
        self._service.metrics.in_flight.inc()
        try:
            await self._answered(exchange, scope, receive, send)
        finally:
            self._service.metrics.in_flight.dec()
            exchange.route = getattr(scope.get("route"), "path", "other")
            self._remember(exchange)

    async def _answered(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message = _headed(message, exchange)
            await send(message)

        failure: Failure | None = None
        try:  # a request is cancelled by its client's leaving or by the end of the server, and ends here either way
            await self._app(scope, receive, sending)
        except asyncio.CancelledError:
            failure = None if exchange.left else STOPPING
        except Refusal as refusal:
            failure = refusal.failure
        except TandemError as error:
            failure = failure_of(error)
        except HTTPException as error:
            failure = _plain_http(error)
        except Exception as error:  # noqa: BLE001
            exchange.blame(error)
            failure = unexpected(exchange.request_id)
        if failure is not None and not begun:
            await failure_response(failure, scope["path"])(scope, receive, sending)

    def _remember(self, exchange: Exchange) -> None:
        seconds = perf_counter() - exchange.arrived
        usage = exchange.usage
        tokens_in, tokens_out = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
        self._service.metrics.record(
            Measured(
                route=exchange.route,
                status=exchange.status,
                model=exchange.model,
                place=exchange.place,
                seconds=seconds,
                first_word_seconds=exchange.first_word and exchange.first_word - exchange.arrived,
                tokens_in=tokens_in,
                tokens_out=tokens_out,
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
            tokens_in,
            tokens_out,
            seconds * 1000,
        )


def _headed(message: Message, exchange: Exchange) -> Message:
    exchange.status = message["status"]
    own = header_value(exchange.request_id)
    ours = [
        (b"x-tandem-request-id", own),
        (b"x-request-id", own),
        (b"x-content-type-options", b"nosniff"),
        (b"openai-processing-ms", str(round((perf_counter() - exchange.arrived) * 1000)).encode()),
    ]
    return {**message, "headers": [*message.get("headers", ()), *ours, *exchange.headers]}


def _plain_http(error: HTTPException) -> Failure:
    sentences = {
        404: "There is nothing at this address. GET /openapi.json lists what there is.",
        405: "This address does not know the method.",
    }
    return Failure(
        status=error.status_code,
        message=sentences.get(error.status_code, error.detail),
        kind="invalid_request_error",
        code={404: "unknown_url", 405: "method_not_allowed"}.get(error.status_code),
        headers=dict(error.headers or {}),
    )
