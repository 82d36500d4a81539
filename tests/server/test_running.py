"""Listening, and ending."""

import asyncio
import logging
import os
import signal
import socket
import time

import httpx
import pytest

from support.clients import QUESTION, post, sent
from support.fakes import STARTED, ScriptedResponder, said
from support.serving import a_service, served
from tandem.core.chat import TextDelta
from tandem.core.errors import SettingsError
from tandem.server.routes import build
from tandem.server.running import HEAD_BYTES, listen, new_event_loop, serve, url_of


def test_a_port_that_is_taken_is_said_with_another_one() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(SettingsError, match=f"Port {port} on 127.0.0.1 is taken.*--port {port + 1}"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "port", "says"),
    [
        ("192.0.2.1", 0, "no address of this machine"),
        ("127.0.0.1", 70000, "no port"),
        ("no such host", 0, "no address"),
    ],
)
def test_an_address_that_is_none_is_said(host: str, port: int, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        listen(host, port)


def test_the_address_that_people_type_is_one_that_they_can_reach() -> None:
    with listen("0.0.0.0", 0) as everywhere:
        assert url_of(everywhere) == f"http://127.0.0.1:{everywhere.getsockname()[1]}"
    if socket.has_ipv6:
        with listen("::1", 0) as six:
            assert url_of(six) == f"http://[::1]:{six.getsockname()[1]}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_serving_and_not_the_process_and_a_running_answer_is_finished(number: signal.Signals) -> None:
    async def main() -> tuple[str, float]:
        responder = ScriptedResponder([STARTED, TextDelta(text="one"), 0.5, TextDelta(text=" two"), *said()[1:]])
        listening = listen("127.0.0.1", 0)
        address = url_of(listening)
        serving = asyncio.create_task(serve(build(a_service(responder)), listening))
        async with httpx.AsyncClient(base_url=address) as client:
            asked = {"model": "scripted", "messages": QUESTION}
            answering = asyncio.create_task(client.post("/v1/chat/completions", json=asked))
            await responder.begun.wait()
            os.kill(os.getpid(), number)
            answer = await answering
        began = time.monotonic()
        await asyncio.wait_for(serving, 10)
        return answer.json()["choices"][0]["message"]["content"], time.monotonic() - began

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        text, seconds = runner.run(main())
    assert text == "one two"
    assert seconds < 8


def test_an_answer_without_end_is_told_so_and_does_not_keep_the_server(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tandem.server.running._GRACE_SECONDS", 1)

    async def main() -> float:
        responder = ScriptedResponder([STARTED, TextDelta(text="one"), asyncio.Event()])
        async with served(a_service(responder)) as address:
            body = b'{"model":"scripted","stream":true,"messages":[{"role":"user","content":"x"}]}'
            reader, streaming = await sent(address, post("/v1/chat/completions", body))
            await reader.readuntil(b"one")
            whole, waiting = await sent(address, post("/v1/chat/completions", body.replace(b"true", b"false")))
            await asyncio.sleep(0.1)
            began = time.monotonic()
        await asyncio.wait_for(responder.closed.wait(), 6)
        rest = (await reader.read()).decode()
        assert '"code":"stopping"' in rest
        assert "[DONE]" not in rest
        assert (await whole.readline()).startswith(b"HTTP/1.1 503")
        streaming.close()
        waiting.close()
        return time.monotonic() - began

    with caplog.at_level(logging.INFO):
        assert asyncio.run(main()) < 7
    assert "Traceback" not in caplog.text
    assert "model=scripted" in caplog.text


@pytest.mark.parametrize("many", [False, True], ids=["one endless header", "many headers"])
def test_a_request_head_without_end_is_cut_off(many: bool) -> None:
    async def main() -> None:
        async with served(a_service()) as address:
            reader, writer = await sent(address, b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: ")
            piece = b"y: " + b"z" * 1000 + b"\r\n" if many else b"z" * 1000
            if many:
                writer.write(b"\r\n")
            sent_bytes = 0
            while not reader.at_eof() and sent_bytes < 20 * HEAD_BYTES:
                writer.write(piece)
                sent_bytes += len(piece)
                await asyncio.sleep(0)
                if writer.is_closing() or reader._buffer:  # pyright: ignore[reportAttributeAccessIssue]
                    break
            assert sent_bytes < 10 * HEAD_BYTES
            async with httpx.AsyncClient(base_url=address) as client:
                assert (await client.get("/healthz")).status_code == 200

    asyncio.run(main())


def test_small_events_are_not_held_back_by_the_network() -> None:
    async def main() -> float:
        async with served(a_service()) as address, httpx.AsyncClient(base_url=address) as client:
            await client.get("/healthz")
            seconds: list[float] = []
            for _ in range(20):
                began = time.perf_counter()
                await client.get("/healthz")
                seconds.append(time.perf_counter() - began)
            return sorted(seconds)[10]  # a delayed acknowledgement would cost each of them 40 ms

    assert asyncio.run(main()) < 0.03
