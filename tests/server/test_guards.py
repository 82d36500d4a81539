"""Who may come in, and who may not."""

import asyncio

import httpx
import openai
import pytest

from support.clients import QUESTION, asking, calling, post, sent
from support.fakes import ScriptedResponder
from support.serving import a_service, served
from tandem.core.errors import SettingsError
from tandem.server.running import check_binding
from tandem.server.service import Access

CHAT = "/v1/chat/completions"
BODY = {"model": "scripted", "messages": QUESTION}
KEYED = Access(api_keys=("correct horse", "żółw"))


async def status(client: httpx.AsyncClient, headers: dict[str, str], path: str = CHAT) -> int:
    return (await client.post(path, json=BODY, headers=headers)).status_code


def test_a_key_is_wanted_where_one_is_set_and_either_header_carries_it() -> None:
    async def main() -> None:
        async with calling(a_service(access=KEYED)) as client:
            assert await status(client, {}) == 401
            assert await status(client, {"authorization": "Bearer wrong"}) == 401
            assert await status(client, {"authorization": "Basic correct horse"}) == 401
            assert await status(client, {"authorization": "Bearer correct hors"}) == 401
            assert await status(client, {"authorization": "Bearer correct horse"}) == 200
            assert await status(client, {"authorization": "bearer  correct horse"}) == 200
            assert await status(client, {"x-api-key": "correct horse"}) == 200
            for path in ("/v1/models", "/metrics", "/readyz", "/openapi.json", "/v1/nothing"):
                assert (await client.get(path)).status_code == 401
            for path in ("/healthz", "/", "/favicon.svg"):
                assert (await client.get(path)).status_code == 200

    asyncio.run(main())


def test_the_openai_client_raises_its_own_error_without_a_key() -> None:
    async def main() -> None:
        responder = ScriptedResponder()
        async with asking(a_service(responder, access=KEYED), key="wrong") as client:
            with pytest.raises(openai.AuthenticationError, match="not one that this server knows") as refused:
                await client.chat.completions.create(model="scripted", messages=QUESTION)
        assert refused.value.code == "invalid_api_key"
        assert not responder.asked

    asyncio.run(main())


def test_a_missing_key_is_told_to_anthropics_clients_in_their_shape() -> None:
    async def main() -> None:
        async with calling(a_service(access=KEYED)) as client:
            answer = await client.post("/v1/messages", json={})
        assert answer.status_code == 401
        assert answer.json()["error"]["type"] == "authentication_error"
        assert answer.json()["type"] == "error"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", True),
        ("localhost:8000", True),
        ("LOCALHOST", True),
        ("tandem.localhost:1", True),
        ("127.0.0.1:9", True),
        ("127.8.9.1", True),
        ("[::1]:8000", True),
        ("box.lan:8000", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example:8000", False),
        ("192.168.1.7", False),
        ("evil@localhost", False),
        ("localhost@evil.example", False),
        ("[::1", False),
        ("", False),
    ],
)
def test_only_names_of_this_machine_are_served(host: str, allowed: bool) -> None:
    async def main() -> None:
        responder = ScriptedResponder()
        async with calling(a_service(responder, access=Access(hosts=("box.lan",)))) as client:
            answer = await client.post(CHAT, json=BODY, headers={"host": host})
        assert answer.status_code == (200 if allowed else 403)
        assert len(responder.asked) == allowed

    asyncio.run(main())


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"origin": "http://localhost:8000", "host": "localhost:8000"}, True),
        ({"origin": "http://localhost:3000", "host": "localhost:8000"}, False),
        ({"origin": "https://localhost:8000", "host": "localhost:8000"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"origin": "https://evil.example", "content-type": "text/plain"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-origin"}, True),
    ],
)
def test_pages_of_other_origins_cannot_ask(headers: dict[str, str], allowed: bool) -> None:
    async def main() -> None:
        responder = ScriptedResponder()
        async with calling(a_service(responder)) as client:
            answer = await client.post(CHAT, json=BODY, headers=headers)
        assert answer.status_code == (200 if allowed else 403)
        assert len(responder.asked) == allowed
        assert "access-control-allow-origin" not in answer.headers

    asyncio.run(main())


def test_without_cors_even_the_question_of_a_browser_is_refused() -> None:
    async def main() -> None:
        asks = {"origin": "https://app.example", "access-control-request-method": "POST"}
        async with calling(a_service()) as client:
            answer = await client.options(CHAT, headers=asks)
        assert answer.status_code == 403
        assert not [name for name in answer.headers if name.startswith("access-control")]

    asyncio.run(main())


def test_a_listed_origin_may_ask_and_read_answers_and_errors() -> None:
    async def main() -> None:
        access = Access(cors_origins=("https://app.example",), api_keys=("k",))
        async with calling(a_service(access=access)) as client:
            asks = {
                "origin": "https://app.example",
                "access-control-request-method": "POST",
                "access-control-request-headers": "authorization,content-type",
                "access-control-request-private-network": "true",
            }
            first = await client.options(CHAT, headers=asks)
            assert first.status_code == 204
            assert first.headers["access-control-allow-origin"] == "https://app.example"
            assert first.headers["access-control-allow-headers"] == "authorization,content-type"
            assert "POST" in first.headers["access-control-allow-methods"]
            assert first.headers["access-control-allow-private-network"] == "true"
            for headers, expected in (({"authorization": "Bearer k"}, 200), ({}, 401)):
                answer = await client.post(CHAT, json=BODY, headers={"origin": "https://app.example", **headers})
                assert answer.status_code == expected
                assert answer.headers["access-control-allow-origin"] == "https://app.example"
                assert "x-tandem-place" in answer.headers["access-control-expose-headers"]
                assert "Origin" in answer.headers["vary"]
            other = await client.post(CHAT, json=BODY, headers={"origin": "https://other.example"})
            assert other.status_code == 403

    asyncio.run(main())


def test_a_stranger_is_refused_before_its_body_is_read() -> None:
    async def main() -> None:
        async with served(a_service()) as address:
            request = post(CHAT, b"", "").replace(b"content-length: 0", b"content-length: 1000000")
            reader, writer = await sent(address, request.replace(b"localhost", b"evil.example"))
            assert (await asyncio.wait_for(reader.readline(), 2)).startswith(b"HTTP/1.1 403")
            writer.close()

    asyncio.run(main())


def test_an_old_probe_without_a_host_is_answered() -> None:
    async def main() -> None:
        async with served(a_service()) as address:
            reader, writer = await sent(address, b"GET /healthz HTTP/1.0\r\n\r\n")
            assert b" 200 " in await asyncio.wait_for(reader.readline(), 2)
            writer.close()
            reader, writer = await sent(address, b"GET /healthz HTTP/1.1\r\n\r\n")
            assert b" 403 " in await asyncio.wait_for(reader.readline(), 2)
            writer.close()

    asyncio.run(main())


def test_listening_to_others_needs_a_key() -> None:
    for host in ("127.0.0.1", "localhost", "::1", "127.3.2.1"):
        check_binding(host, has_key=False)
    for host in ("0.0.0.0", "::", "192.168.1.7", "box.lan", ""):
        check_binding(host, has_key=True)
        with pytest.raises(SettingsError, match="api_key_env"):
            check_binding(host, has_key=False)
