"""A lean streaming client of OpenAI's chat endpoint: one kept connection, events split by hand, every arrival timed.

Measurements use it because the official client spends several times more of the same two cores on each chunk than the
server does (`openai_client.py` measures that too). Standard library only.
"""

import http.client
import json
import time
from collections.abc import Iterator
from typing import cast

from bench.asking import Answer, Ask, Json

TIMEOUT_SECONDS = 120.0
IDLE_SECONDS = 20.0


class SSEClient:
    """One connection to one model behind one address (``host:port``). Not for several threads."""

    def __init__(self, address: str, model: str) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=TIMEOUT_SECONDS)
        self._model = model
        self._used = time.monotonic()

    def answer(self, ask: Ask, sent: float) -> Answer:
        """Send at the moment ``sent`` and read to the end. Raises ``OSError`` where the server refuses."""
        self._refresh()
        time.sleep(max(0.0, sent - time.perf_counter()))
        chunks: list[float] = []
        text = ""
        usage: dict[str, object] = {}
        for moment, event in self._events(ask):
            if event.get("usage"):
                usage = cast("dict[str, object]", event["usage"])
            for choice in cast("list[dict[str, dict[str, str]]]", event["choices"]):
                if piece := choice["delta"].get("content"):
                    chunks.append(moment)
                    text += piece
        details = cast("dict[str, int]", usage.get("prompt_tokens_details") or {})
        return Answer(
            sent=sent,
            chunks=tuple(chunks),
            prompt_tokens=cast("int", usage["prompt_tokens"]),
            completion_tokens=cast("int", usage["completion_tokens"]),
            cached_tokens=details.get("cached_tokens", -1),
            text=text,
        )

    def start(self, ask: Ask) -> "http.client.HTTPResponse":
        """Send and return the response, of which nothing has been read."""
        self._connection.request(
            "POST", "/v1/chat/completions", chat_body(self._model, ask), {"content-type": "application/json"}
        )
        response = self._connection.getresponse()
        if response.status != http.client.OK:
            raise OSError(f"status {response.status}: {response.read(2000).decode(errors='replace')}")
        return response

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _refresh(self) -> None:
        """Connect again where the connection has idled so long that the server may have closed it."""
        if time.monotonic() - self._used > IDLE_SECONDS:
            self._connection.close()
            self._connection.connect()
        self._used = time.monotonic()

    def _events(self, ask: Ask) -> Iterator[tuple[float, Json]]:
        response = self.start(ask)
        rest = b""
        while piece := response.read1(65536):
            moment = time.perf_counter()
            *blocks, rest = (rest + piece).split(b"\n\n")
            for block in blocks:
                if block.startswith(b"data: {"):
                    yield moment, cast("Json", json.loads(block[6:]))


def chat_body(model: str, ask: Ask) -> bytes:
    """The request: greedy, streaming, with usage at the end."""
    return json.dumps(
        {
            "model": model,
            "messages": [turn._asdict() for turn in ask.turns],
            "max_tokens": ask.max_tokens,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ).encode()
