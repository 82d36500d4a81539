"""A model behind somebody's OpenAI-compatible endpoint. The only module that opens connections to the outside.

Today it reaches a Tandem that already runs on this machine; the wire is OpenAI's, so the far side may be anything.
"""

import ipaddress
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import httpx
import msgspec

from tandem.core.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    FinishReason,
    Message,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from tandem.core.errors import BadRequest, Busy, Forbidden, NotFound, TandemError, Unavailable
from tandem.core.models import ModelCard
from tandem.core.ports import WELL, Health

_PATH = "/v1/chat/completions"
_CONNECT_SECONDS = 2.0
_SILENCE_SECONDS = 300.0
_FACTS_SECONDS = 5.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where it answers: ``url`` up to and without ``/v1``, and the key, if one is needed."""

    url: str
    api_key: str | None = None

    def client(self) -> httpx.AsyncClient:
        """A connection pool to this endpoint; proxies of the environment are left out on this machine."""
        headers = {"authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        timeout = httpx.Timeout(_SILENCE_SECONDS, connect=_CONNECT_SECONDS)
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=timeout, trust_env=not self._is_here())

    def _is_here(self) -> bool:
        host = urlsplit(self.url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


class OpenAIBackend:
    """A `tandem.core.ports.Backend` over the wire. The card says what the far side is."""

    def __init__(self, card: ModelCard, endpoint: Endpoint) -> None:
        self._card = card
        self._endpoint = endpoint

    @property
    def card(self) -> ModelCard:
        """What is known about the model."""
        return self._card

    def health(self) -> Health:
        """How it is now."""
        return WELL

    async def respond(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """Stream the answer. Raises by status; `Unavailable` where it cannot be reached or breaks off."""
        try:
            async with (
                self._endpoint.client() as client,
                client.stream("POST", _PATH, json=_body(request), headers=_headers(request)) as response,
            ):
                if response.status_code != 200:
                    raise _failure(response.status_code, await response.aread(), response.headers)
                yield _started(response.headers, self._card)
                usage: Usage | None = None
                async with aclosing(_events(response.aiter_lines())) as events:
                    async for event in events:
                        if isinstance(event, Usage):
                            usage = event
                        else:
                            yield event
                yield usage or Usage(prompt_tokens=0, completion_tokens=0)
        except (httpx.HTTPError, msgspec.DecodeError) as error:
            raise Unavailable(
                f"{self._endpoint.url} broke off or cannot be reached ({type(error).__name__})."
            ) from error


async def read_json(endpoint: Endpoint, path: str, kind: type[T]) -> T:
    """GET a JSON object as ``kind``, whatever its status. Raises `Unavailable` where it cannot be had soon."""
    try:
        async with endpoint.client() as client:
            return msgspec.json.decode((await client.get(path, timeout=_FACTS_SECONDS)).content, type=kind)
    except (httpx.HTTPError, msgspec.DecodeError) as error:
        raise Unavailable(f"{endpoint.url}{path} does not answer as expected ({type(error).__name__}).") from error


def _headers(request: ChatRequest) -> dict[str, str]:
    wishes = {"x-tandem-private": "true" if request.private else "", "x-tandem-priority": request.priority}
    return {name: value for name, value in wishes.items() if value}


def _body(request: ChatRequest) -> dict[str, Any]:
    sampling = request.sampling
    asked: dict[str, Any] = {
        "model": request.model,
        "messages": [_message(message) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "stop": list(sampling.stop) or None,
        "n": request.n if request.n > 1 else None,
    }
    return {name: value for name, value in asked.items() if value is not None}


def _message(message: Message) -> dict[str, Any]:
    wire: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_call_id:
        wire["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        wire["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    return wire


def _started(headers: httpx.Headers, card: ModelCard) -> Started:
    place = "cloud" if headers.get("x-tandem-place", card.place) == "cloud" else "device"
    because = tuple(rule for rule in headers.get("x-tandem-because", "").split(",") if rule)
    return Started(
        model=headers.get("x-tandem-model", card.id),
        place=place,
        because=tuple(rule.strip() for rule in because),
        fallbacks=_whole(headers.get("x-tandem-fallbacks", ""), otherwise=0),
        note=headers.get("x-tandem-note"),
    )


def _whole(text: str, *, otherwise: int) -> int:
    """A number in a header of somebody's, which may say anything (``retry-after`` may be a date)."""
    return int(text) if text.isascii() and text.isdigit() else otherwise


async def _events(lines: AsyncIterator[str]) -> AsyncGenerator[ChatEvent]:
    async for line in lines:
        if not line.startswith("data:"):
            continue
        payload = line.removeprefix("data:").strip()
        if payload == "[DONE]":
            return
        chunk = msgspec.json.decode(payload, type=dict[str, Any])
        if "error" in chunk:
            raise Unavailable(str(cast("dict[str, Any]", chunk["error"]).get("message", "the answer broke off")))
        for choice in cast("list[dict[str, Any]]", chunk.get("choices") or []):
            for event in _choice(choice):
                yield event
        if usage := cast("dict[str, Any] | None", chunk.get("usage")):
            yield _usage(usage)
    raise Unavailable("The answer broke off before its end.")


def _choice(choice: dict[str, Any]) -> list[ChatEvent]:
    index = int(choice.get("index", 0))
    delta = cast("dict[str, Any]", choice.get("delta") or {})
    events: list[ChatEvent] = []
    if reasoning := delta.get("reasoning_content"):
        events.append(ReasoningDelta(index=index, text=str(reasoning)))
    if text := delta.get("content"):
        events.append(TextDelta(index=index, text=str(text)))
    for call in cast("list[dict[str, Any]]", delta.get("tool_calls") or []):
        function = cast("dict[str, Any]", call.get("function") or {})
        events.append(
            ToolCallDelta(
                index=index,
                call_index=int(call.get("index", 0)),
                id=call.get("id"),
                name=function.get("name"),
                arguments=str(function.get("arguments") or ""),
            )
        )
    if reason := choice.get("finish_reason"):
        events.append(Finished(index=index, reason=cast("FinishReason", reason)))
    return events


def _usage(usage: dict[str, Any]) -> Usage:
    prompt_details = cast("dict[str, Any]", usage.get("prompt_tokens_details") or {})
    completion_details = cast("dict[str, Any]", usage.get("completion_tokens_details") or {})
    return Usage(
        prompt_tokens=int(usage.get("prompt_tokens", 0)),
        completion_tokens=int(usage.get("completion_tokens", 0)),
        cached_tokens=int(prompt_details.get("cached_tokens") or 0),
        reasoning_tokens=int(completion_details.get("reasoning_tokens") or 0),
    )


def _failure(status: int, body: bytes, headers: httpx.Headers) -> TandemError:
    try:
        error = msgspec.json.decode(body, type=dict[str, dict[str, Any]])["error"]
    except (msgspec.DecodeError, KeyError):
        error = {}
    message = str(error.get("message") or f"The server answered with status {status}.")
    match status:
        case 404:
            return NotFound(message, param=error.get("param"), code=error.get("code"))
        case 401:
            return Forbidden(f"{message} Here its variable is named by server.api_key_env in tandem.toml.")
        case 403:
            return Forbidden(message)
        case 429:
            return Busy(message, retry_after_seconds=_whole(headers.get("retry-after", ""), otherwise=1))
        case _ if status < 500:
            return BadRequest(message, param=error.get("param"), code=error.get("code"))
        case _:
            return Unavailable(message)
