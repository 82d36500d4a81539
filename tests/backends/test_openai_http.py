"""OpenAI's wire, against a scripted far side on a real socket."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

import msgspec

from support.scripted_cloud import Cloud, Reply, Script, scripted_cloud
from tandem.backends.door import Door, Endpoint
from tandem.backends.openai_http import OpenAIBackend
from tandem.backends.provider import Provider
from tandem.core.chat import ChatEvent, ChatRequest, Finished, Message, Started, TextDelta, Usage, collect
from tandem.core.models import ModelCard

CARD = ModelCard(id="far", kind="chat", place="cloud", context_tokens=0, source="test", upstream_id="gpt-far")
ASKED = ChatRequest(id="r1", model="far", messages=(Message(role="user", content="Hi"),))


def chunk(delta: dict[str, object] | None = None, finish: str | None = None, index: int = 0) -> bytes:
    body = {"choices": [{"index": index, "delta": delta or {}, "finish_reason": finish}]}
    return b"data: " + msgspec.json.encode(body) + b"\n\n"


UNSTREAMED = replace(ASKED, streamed=False)
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'
HELLO = chunk({"content": "Hello"}) + chunk({"content": " there"}) + chunk(finish="stop") + USAGE + b"data: [DONE]\n\n"
WHOLE = (
    b'{"choices":[{"index":0,"message":{"role":"assistant","content":"Hello there"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":3,"completion_tokens":2}}'
)


@asynccontextmanager
async def far(script: Script) -> AsyncGenerator[tuple[OpenAIBackend, Cloud]]:
    async with scripted_cloud(script) as cloud:
        endpoint = Endpoint(url=f"{cloud.url}/v1", api_key="k", provider="elsewhere")
        async with Provider(Door(endpoint), key_env="ELSEWHERE_KEY") as provider:
            yield OpenAIBackend(CARD, provider), cloud


def events_of(script: Script, request: ChatRequest = ASKED) -> tuple[list[ChatEvent], Cloud]:
    async def main() -> tuple[list[ChatEvent], Cloud]:
        async with far(script) as (backend, cloud):
            return [event async for event in backend.respond(request)], cloud

    return asyncio.run(main())


def test_a_stream_is_told_event_by_event() -> None:
    events, cloud = events_of(Reply.events(HELLO))

    assert events[0] == Started(model="far", place="cloud")
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Hello there"
    assert events[-2:] == [Finished(reason="stop"), Usage(prompt_tokens=3, completion_tokens=2)]
    asked = msgspec.json.decode(cloud.bodies[0])
    assert asked["stream"] is True
    assert asked["model"] == "gpt-far"
    assert cloud.requests[0].headers["authorization"] == "Bearer k"


def test_an_answer_in_one_piece_is_told_as_the_same_events() -> None:
    streamed, _ = events_of(Reply.events(HELLO))
    whole, cloud = events_of(Reply.json(WHOLE), UNSTREAMED)

    assert whole == streamed
    assert "stream" not in msgspec.json.decode(cloud.bodies[0])


def test_every_split_of_the_bytes_is_the_same_answer() -> None:
    async def main() -> None:
        body = b"\xef\xbb\xbf: hello\r\n\r\n" + HELLO.replace(b"Hello", "Zażółć 🦊".encode()).replace(b"\n", b"\r\n")
        script = [Reply.events(body, sizes=[at]) for at in range(1, len(body))]
        async with far(script) as (backend, _):
            for _ in script:
                reply = await collect(backend.respond(ASKED))
                assert reply.choices[0].text == "Zażółć 🦊 there"
                assert reply.usage.prompt_tokens == 3

    asyncio.run(main())
