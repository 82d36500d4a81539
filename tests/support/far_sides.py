"""Backends over the wire to a scripted far side, and what far sides say in OpenAI's and Anthropic's words."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import msgspec
import pytest

from support.scripted_cloud import Cloud, Script, scripted_cloud
from tandem.backends.anthropic_http import AnthropicBackend
from tandem.backends.door import Bounds, Door, Endpoint, Patience
from tandem.backends.openai_http import OpenAIBackend
from tandem.backends.provider import Provider, Retries, Temper
from tandem.backends.quirks import Quirks
from tandem.core.chat import ChatEvent, ChatRequest, Message
from tandem.core.errors import TandemError
from tandem.core.models import ModelCard
from tandem.core.ports import Backend

CARD = ModelCard(id="far", kind="chat", place="cloud", context_tokens=1000, source="test", upstream_id="gpt-far")
ASKED = ChatRequest(id="r1", model="far", messages=(Message(role="user", content="Hi"),))
UNSTREAMED = replace(ASKED, streamed=False)
KEY = "sk-a-key-of-mine"
DONE = b"data: [DONE]\n\n"
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'
Json = dict[str, object]


def chunk(delta: Json | None = None, finish: str | None = None, index: int = 0, **more: object) -> bytes:
    """One event of OpenAI's."""
    choice: Json = {"index": index, "delta": delta or {}, "finish_reason": finish, **more}
    return b"data: " + msgspec.json.encode({"choices": [choice]}) + b"\n\n"


HELLO = chunk({"content": "Hello"}) + chunk({"content": " there"}) + chunk(finish="stop") + USAGE + DONE
WHOLE = (
    b'{"choices":[{"index":0,"message":{"role":"assistant","content":"Hello there"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":3,"completion_tokens":2}}'
)


def claude(*events: Json) -> bytes:
    """Events of Anthropic's."""
    return b"".join(f"event: {e['type']}\ndata: ".encode() + msgspec.json.encode(e) + b"\n\n" for e in events)


@dataclass
class Bill:
    """`Departures` that are kept."""

    lines: list[tuple[str, str, int]] = field(default_factory=list[tuple[str, str, int]])

    def left(self, request_id: str, provider: str, body_bytes: int) -> None:
        """Keep one."""
        self.lines.append((request_id, provider, body_bytes))


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass(kw_only=True)
class Ways:
    """How a far side is treated in a test."""

    patience: Patience = field(default_factory=lambda: Patience(first_token_seconds=5, silence_seconds=5))
    bounds: Bounds = field(default_factory=Bounds)
    retries: Retries = field(default_factory=lambda: Retries(pause_seconds=0.01))
    quirks: Quirks = field(default_factory=lambda: Quirks(completions=True))
    bill: Bill = field(default_factory=Bill)
    clock: Clock = field(default_factory=Clock)
    key: str | None = KEY


@asynccontextmanager
async def asking(url: str, ways: Ways | None = None) -> AsyncGenerator[OpenAIBackend]:
    """An OpenAI backend of an address that ends before ``/v1``."""
    ways = ways or Ways()
    endpoint = Endpoint(url=f"{url}/v1", api_key=ways.key, provider="elsewhere")
    door = Door(endpoint, patience=ways.patience, bounds=ways.bounds, departures=ways.bill)
    temper = Temper(retries=ways.retries, clock=ways.clock, now=lambda: 1000.0)
    async with Provider(door, key_env="ELSEWHERE_KEY", temper=temper) as provider:
        yield OpenAIBackend(CARD, provider, ways.quirks)


@asynccontextmanager
async def far(script: Script, ways: Ways | None = None) -> AsyncGenerator[tuple[OpenAIBackend, Cloud]]:
    """An OpenAI backend, and the scripted far side that it asks."""
    async with scripted_cloud(script) as cloud, asking(cloud.url, ways) as backend:
        yield backend, cloud


@asynccontextmanager
async def far_claude(script: Script) -> AsyncGenerator[tuple[AnthropicBackend, Cloud]]:
    """An Anthropic backend, and the scripted far side that it asks."""
    async with scripted_cloud(script) as cloud:
        endpoint = Endpoint(url=f"{cloud.url}/v1", api_key=KEY, provider="anthropic", key_header="x-api-key")
        async with Provider(Door(endpoint), key_env="ANTHROPIC_API_KEY") as provider:
            yield AnthropicBackend(CARD, provider), cloud


async def all_events(backend: Backend, request: ChatRequest = ASKED) -> list[ChatEvent]:
    """Everything that is answered."""
    return [event async for event in backend.respond(request)]


async def error_of(backend: Backend, request: ChatRequest = ASKED) -> TandemError:
    """The error that an answer ends with."""
    with pytest.raises(TandemError) as raised:
        await all_events(backend, request)
    return raised.value


def events_of(script: Script, request: ChatRequest = ASKED, ways: Ways | None = None) -> tuple[list[ChatEvent], Cloud]:
    """Everything that a scripted far side answers through an OpenAI backend, and what it heard."""

    async def main() -> tuple[list[ChatEvent], Cloud]:
        async with far(script, ways) as (backend, cloud):
            return await all_events(backend, request), cloud

    return asyncio.run(main())


def failure_of(script: Script, request: ChatRequest = ASKED, ways: Ways | None = None) -> TandemError:
    """The error that a scripted far side's answer ends with."""

    async def main() -> TandemError:
        async with far(script, ways) as (backend, _):
            return await error_of(backend, request)

    return asyncio.run(main())
