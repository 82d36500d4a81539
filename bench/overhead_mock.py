"""A far side that costs nothing: ``python -m bench.overhead_mock``. Its first line of output is its port.

It speaks OpenAI's wire over bare asyncio. The model's name tells how long it thinks: ``mock-20ms`` waits 20 ms, any
other answers at once. Every answer is the same.
"""

import asyncio
import json
from typing import cast

import uvloop

SLOW = "mock-20ms"
FAST = "mock-0ms"
SLOW_SECONDS = 0.02
WORDS = ("Here", "is", "a", "short", "answer", "of", "a", "dozen", "words,", "one", "each", "event.")
_USAGE = {"prompt_tokens": 120, "completion_tokens": len(WORDS), "total_tokens": 120 + len(WORDS)}
_SLOW_MARK = f'"{SLOW}"'.encode()


def whole_answer() -> bytes:
    """The response to a request in one piece, head included."""
    message = {"role": "assistant", "content": " ".join(WORDS)}
    body = _json("chat.completion", [{"index": 0, "message": message, "finish_reason": "stop"}], usage=_USAGE)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


def streamed_answer() -> bytes:
    """The response to a streamed request, head included: every event is a chunk of HTTP's own."""
    deltas: list[tuple[dict[str, str], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": f"{word} "}, None) for word in WORDS]
    deltas.append(({}, "stop"))
    kind = "chat.completion.chunk"
    events = [_json(kind, [{"index": 0, "delta": delta, "finish_reason": end}]) for delta, end in deltas]
    events += [_json(kind, [], usage=_USAGE), b"[DONE]"]
    chunks = [b"data: " + event + b"\n\n" for event in events]
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        + body
        + b"0\r\n\r\n"
    )


def _json(kind: str, choices: list[dict[str, object]], **more: object) -> bytes:
    return json.dumps(
        {"id": "chatcmpl-1", "object": kind, "created": 1, "model": "mock", "choices": choices, **more}
    ).encode()


_WHOLE, _STREAMED = whole_answer(), streamed_answer()


class Mock(asyncio.Protocol):
    """One connection: a request is read by its content-length, or by its chunks."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its type
        self._held = b""

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._held += data
        while (end := self._end_of_request()) > 0:
            body, self._held = self._held[:end], self._held[end:]
            answer = _STREAMED if b'"stream":true' in body or b'"stream": true' in body else _WHOLE
            if _SLOW_MARK in body:
                asyncio.get_running_loop().call_later(SLOW_SECONDS, self._transport.write, answer)
            else:
                self._transport.write(answer)

    def _end_of_request(self) -> int:
        at = self._held.find(b"\r\n\r\n")
        if at < 0:
            return 0
        head = self._held[:at].lower()
        if b"content-length:" not in head:
            last = self._held.find(b"0\r\n\r\n", at) if b"transfer-encoding: chunked" in head else at - 1
            return last + 5 if last >= 0 else 0
        size = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        return at + 4 + size if len(self._held) >= at + 4 + size else 0


async def main() -> None:
    """Serve until terminated."""
    server = await asyncio.get_running_loop().create_server(Mock, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
