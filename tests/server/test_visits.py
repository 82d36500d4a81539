"""A request lives as long as its client."""

import asyncio
import json

import pytest

from support.clients import calling, post, sent
from support.fakes import STARTED, ScriptedResponder, said
from support.serving import a_service, served
from tandem.core.chat import TextDelta
from tandem.server.service import Limits

PATH = "/v1/chat/completions"


def asked(*, stream: bool) -> bytes:
    body = {"model": "scripted", "stream": stream, "messages": [{"role": "user", "content": "Hello"}]}
    return post(PATH, json.dumps(body).encode())


def test_a_client_that_leaves_in_mid_stream_stops_the_responder_at_once() -> None:
    async def main() -> None:
        responder = ScriptedResponder(
            [STARTED, *[step for _ in range(500) for step in (TextDelta(text="word "), 0.01)]]
        )
        async with served(a_service(responder)) as address:
            reader, writer = await sent(address, asked(stream=True))
            await reader.readuntil(b"word ")
            writer.close()
            await asyncio.wait_for(responder.closed.wait(), 10)
            assert responder.played < 40

    asyncio.run(main())


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_before_the_first_word_stops_the_responder(stream: bool) -> None:
    async def main() -> None:
        responder = ScriptedResponder([STARTED, asyncio.Event(), *said("never")[1:]])
        async with served(a_service(responder)) as address:
            _, writer = await sent(address, asked(stream=stream))
            await responder.begun.wait()
            writer.close()
            await asyncio.wait_for(responder.closed.wait(), 10)

    asyncio.run(main())


def test_a_client_that_leaves_a_whole_answer_in_the_middle_stops_the_responder() -> None:
    async def main() -> None:
        responder = ScriptedResponder(
            [STARTED, *[step for _ in range(500) for step in (TextDelta(text="word "), 0.01)]]
        )
        async with served(a_service(responder)) as address:
            _, writer = await sent(address, asked(stream=False))
            await responder.begun.wait()
            await asyncio.sleep(0.1)
            writer.close()
            await asyncio.wait_for(responder.closed.wait(), 10)
            assert responder.played < 100

    asyncio.run(main())


def test_a_reader_that_stalls_stops_the_responder_when_it_leaves() -> None:
    async def main() -> None:
        flood = [TextDelta(text="x" * 100_000) for _ in range(2000)]
        responder = ScriptedResponder([STARTED, *flood])
        async with served(a_service(responder)) as address:
            _, writer = await sent(address, asked(stream=True))
            await asyncio.sleep(0.3)
            held_at = responder.played
            await asyncio.sleep(0.2)
            assert responder.played == held_at < 1000
            writer.close()
            await asyncio.wait_for(responder.closed.wait(), 10)

    asyncio.run(main())


def test_an_answer_that_is_complete_is_not_disturbed_by_its_client_leaving() -> None:
    async def main() -> None:
        responder = ScriptedResponder()
        service = a_service(responder)
        async with served(service) as address:
            reader, writer = await sent(address, asked(stream=True))
            await reader.readuntil(b"[DONE]\n\n")
            writer.close()
            await asyncio.wait_for(responder.closed.wait(), 10)
            assert responder.played == len(responder.script)

    asyncio.run(main())


def test_a_body_over_the_limit_is_answered_with_413_in_the_shape_of_the_dialect() -> None:
    async def main() -> None:
        service = a_service(limits=Limits(body_bytes=1000))
        async with calling(service) as client:
            too_large = b'{"model": "' + b"x" * 5000 + b'"}'
            answer = await client.post(PATH, content=too_large)
            assert answer.status_code == 413
            assert answer.json()["error"]["code"] == "body_too_large"
            assert "1000 bytes" in answer.json()["error"]["message"]
            anthropic = await client.post("/v1/messages", content=too_large)
            assert anthropic.json()["error"]["type"] == "request_too_large"

            async def endless():  # noqa: ANN202
                for _ in range(30):
                    yield b"x" * 100

            assert (await client.post(PATH, content=endless())).status_code == 413
            assert (await client.get("/healthz")).status_code == 200

    asyncio.run(main())


def test_a_body_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tandem.server.visits._BODY_SECONDS", 0.2)

    async def main() -> None:
        async with served(a_service()) as address:
            whole = asked(stream=False)
            reader, writer = await sent(address, whole[:-5])
            assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 408")
            writer.close()
            _, writer = await sent(address, whole[:-5])
            writer.close()

    asyncio.run(main())
