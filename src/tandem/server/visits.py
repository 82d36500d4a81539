"""A request lives as long as its client: the body is read up to its limit, and who leaves is not answered."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tandem.server.exchange import SCOPE_KEY
from tandem.server.failures import Failure, Refusal

_BODY_SECONDS = 60
_PATIENCE = 8
"""A body that is too large is read (and dropped) up to this many times the limit, so that its sender hears why."""


class Visits:
    """ASGI middleware that gives the application a whole body, and cancels it once its client is gone."""

    def __init__(self, app: ASGIApp, body_bytes: int) -> None:
        self._app = app
        self._body_bytes = body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request while its client is there. Raises `Refusal` where the body is too large or too slow."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await self._body(receive)
        if body is not None:
            await _while_present(_Visit(self._app, scope, body), receive, send)

    async def _body(self, receive: Receive) -> bytes | None:
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                return await _whole_body(receive, self._body_bytes)
        except TimeoutError as error:
            raise Refusal(_failure(408, "The body did not arrive in time.", "timeout")) from error


class _Visit:
    """One run of the application; knows whether its answer is complete."""

    def __init__(self, app: ASGIApp, scope: Scope, body: bytes) -> None:
        self._app = app
        self._scope = scope
        self._unread = [body]
        self._complete = False

    async def run(self, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                self._complete = True
            await send(message)

        await self._app(self._scope, self._receive, sending)

    async def watch(self, receive: Receive, answering: "asyncio.Task[object]") -> None:
        """Wait for the client to leave, and cancel its answer where that is not complete."""
        while (await receive())["type"] != "http.disconnect":
            pass
        if not self._complete:
            self._scope[SCOPE_KEY].left = True
            answering.cancel()

    async def _receive(self) -> Message:
        if self._unread:
            return {"type": "http.request", "body": self._unread.pop(), "more_body": False}
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}


async def _while_present(visit: _Visit, receive: Receive, send: Send) -> None:
    """Run in this task, with a watch beside it. Raises `CancelledError` as it came; the door knows whose it was."""
    here = asyncio.current_task()
    assert here is not None
    # no TaskGroup: it would wrap the application's errors, which the door tells apart by their type
    watching = asyncio.create_task(visit.watch(receive, here))
    try:
        await visit.run(send)
    finally:
        watching.cancel()


async def _whole_body(receive: Receive, limit: int) -> bytes | None:
    """The body, or ``None`` where the client left."""
    pieces: list[bytes] = []
    size = 0
    more = True
    while more and size <= _PATIENCE * limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        size += len(message.get("body", b""))
        if size <= limit:
            pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    if size > limit:
        why = f"The body is larger than {limit} bytes. Send less, or raise the server's limit."
        raise Refusal(_failure(413, why, "body_too_large"))
    return b"".join(pieces)


def _failure(status: int, message: str, code: str) -> Failure:
    return Failure(status=status, message=message, kind="invalid_request_error", code=code)
