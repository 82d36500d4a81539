"""Server-sent events: an answer that is written piece by piece."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from tandem.core.errors import TandemError
from tandem.server.exchange import Exchange
from tandem.server.failures import STOPPING, Failure, failure_of, unexpected

Frames = AsyncGenerator[bytes]
_END: Message = {"type": "http.response.body", "body": b"", "more_body": False}
DONE = b"data: [DONE]\n\n"
"""The end of every stream of OpenAI's that ended well."""


def frame(body: bytes, event: str | None = None) -> bytes:
    """One event on the wire. ``body`` is JSON on one line."""
    return b"data: " + body + b"\n\n" if event is None else b"event: " + event.encode() + b"\ndata: " + body + b"\n\n"


def json_response(body: bytes, status: int = 200) -> Response:
    """An answer that is whole."""
    return Response(body, status, media_type="application/json")


class EventStream(Response):
    """Writes ``frames`` (whole events, see `frame`) as they come.

    ``broken`` makes the last frame where an error ends them. The frames are closed whatever happens. A client that
    leaves cancels the task that runs this, so the responder stops at its next wait.
    """

    media_type = "text/event-stream"

    def __init__(self, frames: Frames, *, broken: Callable[[Failure], bytes], exchange: Exchange) -> None:
        super().__init__(headers={"cache-control": "no-cache", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._frames = frames
        self._broken = broken
        self._exchange = exchange

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Write the head, every frame, and the end."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            async with aclosing(self._frames) as frames:
                async for piece in frames:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        except asyncio.CancelledError:
            if not self._exchange.left:
                await self._break(STOPPING, send)
                await send(_END)
            raise
        except TandemError as error:
            await self._break(failure_of(error), send)
        except Exception as error:  # noqa: BLE001
            self._exchange.blame(error)
            await self._break(unexpected(self._exchange.request_id), send)
        await send(_END)

    async def _break(self, failure: Failure, send: Send) -> None:
        """Say why there is no more. The log and the metrics count it as the status that came too late."""
        self._exchange.status = failure.status
        await send({"type": "http.response.body", "body": self._broken(failure), "more_body": True})
