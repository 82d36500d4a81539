"""The door outside: what leaves is counted, what comes in is bounded, and who leaves stops the far side's work."""

import asyncio
import gzip
import zlib
from contextlib import aclosing

import pytest

from support.far_sides import (
    ASKED,
    DONE,
    HELLO,
    KEY,
    UNSTREAMED,
    WHOLE,
    Bill,
    Ways,
    all_events,
    asking,
    chunk,
    error_of,
    events_of,
    failure_of,
    far,
)
from support.scripted_cloud import Cloud, Reply, Script, split
from tandem.backends.door import Bounds, Endpoint, Patience
from tandem.core.chat import TextDelta
from tandem.core.errors import Busy, ProviderRefused, TandemError, Unreachable

SHORT = Patience(connect_seconds=0.3, first_token_seconds=0.3, silence_seconds=0.2, whole_seconds=0.3)
GOOD = Reply.events(HELLO)
SLOW = Reply.events(HELLO, sizes=len(chunk({"content": "Hello"}))).slowly(30)


def refusal(status: int, headers: dict[str, str] | None = None) -> Reply:
    return Reply.json(b'{"error":{"message":"No."}}', status, headers)


def outcome(script: Script, ways: Ways | None = None) -> tuple[TandemError | None, Cloud]:
    """The error that one question ends with, if any, and what the far side saw."""

    async def main() -> tuple[TandemError | None, Cloud]:
        async with far(script, ways) as (backend, cloud):
            try:
                await all_events(backend)
            except TandemError as error:
                return error, cloud
            return None, cloud

    return asyncio.run(main())


def test_every_body_that_leaves_is_counted_and_no_other() -> None:
    bill = Bill()
    _, cloud = events_of([refusal(503, {"retry-after": "0"}), GOOD], ways=Ways(bill=bill))

    assert bill.lines == [("r1", "elsewhere", len(body)) for body in cloud.bodies]
    assert len(cloud.bodies) == 2
    assert unsent_lines() == []


def unsent_lines() -> list[tuple[str, str, int]]:
    async def main() -> list[tuple[str, str, int]]:
        ways = Ways()
        async with asking("http://127.0.0.1:1", ways) as backend:
            assert isinstance(await error_of(backend), Unreachable)
        return ways.bill.lines

    return asyncio.run(main())


def test_connections_are_kept_and_used_again() -> None:
    async def main() -> int:
        async with far(GOOD) as (backend, cloud):
            for _ in range(5):
                await all_events(backend)
            return cloud.connections

    assert asyncio.run(main()) == 1


@pytest.mark.parametrize(
    ("reply", "request_"),
    [
        (Reply(silent=True), ASKED),
        (Reply(silent=True), UNSTREAMED),
        (Reply(pieces=(b": waiting\n\n",), stall_after=1), ASKED),
        (Reply(pieces=(b": still here\n\n",) * 100, pause_seconds=0.02), ASKED),
        (Reply.events(HELLO, sizes=[len(chunk({"content": "Hello"}))]).slowly(5), ASKED),
    ],
    ids=["no head", "no head of a whole answer", "no event", "comments alone", "silence after a word"],
)
def test_silence_has_an_end(reply: Reply, request_: object) -> None:
    error = failure_of(reply, ASKED if request_ is ASKED else UNSTREAMED, Ways(patience=SHORT))

    assert isinstance(error, Unreachable)
    assert error.message == "elsewhere has been silent for too long."


def test_a_stream_that_speaks_now_and_then_may_take_longer_than_any_single_wait() -> None:
    reply = Reply.events(HELLO, sizes=40).slowly(0.05)
    events, _ = events_of(reply, ways=Ways(patience=SHORT))

    assert len(reply.pieces) * reply.pause_seconds > SHORT.first_token_seconds
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Hello there"


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_connection_that_is_cut_is_told(after: int) -> None:
    error = failure_of(Reply(pieces=(chunk({"content": "a"}), chunk({"content": "b"})), cut_after=after))

    assert isinstance(error, Unreachable)
    assert "broke off" in error.message


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK\r\ncontent-le", b"SSH-2.0-hello\r\n", b"\x00" * 64])
def test_what_is_no_http_is_told(raw: bytes) -> None:
    assert isinstance(failure_of(Reply(raw=raw)), Unreachable)


@pytest.mark.parametrize("way", ["close", "cancel"])
def test_whoever_leaves_stops_the_far_side_at_once(way: str) -> None:
    async def main() -> None:
        async with far(SLOW) as (backend, cloud):
            begun = asyncio.Event()

            async def listen() -> None:
                async with aclosing(backend.respond(ASKED)) as events:
                    async for event in events:
                        if isinstance(event, TextDelta):
                            begun.set()
                            if way == "close":
                                return

            task = asyncio.create_task(listen())
            await asyncio.wait_for(begun.wait(), 5)
            if way == "cancel":
                task.cancel()
            await asyncio.wait((task,))
            async with asyncio.timeout(1):
                await cloud.left.wait()
            assert cloud.closed_early == 1
            assert backend.health().queued == 0

    asyncio.run(main())


def test_leaving_before_the_first_byte_stops_the_far_side_too() -> None:
    async def main() -> None:
        async with far(Reply(silent=True)) as (backend, cloud):
            task = asyncio.create_task(all_events(backend))
            await asyncio.wait_for(cloud.asked.wait(), 5)
            assert backend.health().queued == 1
            task.cancel()
            async with asyncio.timeout(1):
                await cloud.left.wait()
            assert cloud.closed_early == 1
            assert backend.health().queued == 0

    asyncio.run(main())


def test_a_line_without_end_is_refused() -> None:
    reply = Reply.events(b"data: " + b"x" * 200_000)
    error = failure_of(reply, ways=Ways(bounds=Bounds(event_bytes=100_000)))

    assert isinstance(error, Unreachable)
    assert "more than 100000 bytes" in error.message


@pytest.mark.parametrize("request_", [ASKED, UNSTREAMED])
def test_an_answer_without_end_is_refused(request_: object) -> None:
    body = b'{"choices":' + b" " * 300_000 if request_ is UNSTREAMED else chunk({"content": "a" * 1000}) * 300
    script = Reply(pieces=tuple(body[at : at + 10_000] for at in range(0, len(body), 10_000)))
    error = failure_of(
        script, UNSTREAMED if request_ is UNSTREAMED else ASKED, Ways(bounds=Bounds(answer_bytes=100_000))
    )

    assert isinstance(error, Unreachable)
    assert "more than 100000 bytes" in error.message


def test_a_packed_answer_is_unpacked_though_none_was_asked_for() -> None:
    headers = {"content-type": "text/event-stream", "content-encoding": "gzip"}
    events, cloud = events_of(Reply(headers=headers, pieces=split(gzip.compress(HELLO), 9)))

    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Hello there"
    assert cloud.requests[0].headers["accept-encoding"] == "identity"


def test_a_bomb_does_not_go_off() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(b" " * 1_000_000) for _ in range(100)) + packer.flush()
    reply = Reply(headers={"content-encoding": "gzip"}, pieces=(bomb,))
    error = failure_of(reply, ways=Ways(bounds=Bounds(answer_bytes=1_000_000)))

    assert len(bomb) < 200_000
    assert isinstance(error, Unreachable)
    assert "more than 1000000 bytes" in error.message


@pytest.mark.parametrize(("packing", "body"), [("br", HELLO), ("gzip", b"no gzip at all")])
def test_a_packing_that_cannot_be_undone_is_told(packing: str, body: bytes) -> None:
    assert isinstance(failure_of(Reply(headers={"content-encoding": packing}, pieces=(body,))), Unreachable)


def test_a_redirect_is_not_followed_so_no_key_goes_elsewhere() -> None:
    async def main() -> None:
        async with far(GOOD) as (_, other):
            reply = Reply(status=307, headers={"location": f"{other.url}/v1/chat/completions"})
            async with far(reply) as (backend, _):
                error = await error_of(backend)
            assert isinstance(error, ProviderRefused)
            assert "base_url" in error.message
            assert other.connections == 0

    asyncio.run(main())


def test_more_requests_than_are_allowed_at_once_are_told_to_come_back() -> None:
    async def main() -> None:
        async with far(Reply(silent=True), Ways(bounds=Bounds(requests=1))) as (backend, cloud):
            task = asyncio.create_task(all_events(backend))
            await asyncio.wait_for(cloud.asked.wait(), 5)
            assert isinstance(await error_of(backend), Busy)
            task.cancel()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("url", "proxied", "proxy"),
    [
        ("https://api.example.com/v1", True, "http://proxy.test:3128"),
        ("https://api.example.com/v1", False, None),
        ("https://inside.example.org/v1", True, None),
        ("http://127.0.0.1:9/v1", True, None),
        ("http://[::1]:9/v1", True, None),
        ("http://localhost:9/v1", True, None),
    ],
)
def test_the_proxy_of_the_environment_is_for_the_outside_alone(
    url: str, proxied: bool, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://proxy.test:3128")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "example.org")

    assert Endpoint(url=url, proxied=proxied).proxy() == proxy


def test_the_outside_is_asked_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with far(GOOD) as (_, proxy):
            monkeypatch.setenv("http_proxy", proxy.url)
            for name in ("NO_PROXY", "no_proxy"):
                monkeypatch.setenv(name, "")
            async with asking("http://cloud.invalid", Ways(key=None)) as backend:
                await all_events(backend)
            assert proxy.requests[0].path == "http://cloud.invalid/v1/chat/completions"

    asyncio.run(main())


def test_a_key_is_not_shown_where_an_endpoint_is_printed() -> None:
    assert KEY not in repr(Endpoint(url="https://x/v1", api_key=KEY))


def test_an_answer_that_arrives_with_its_end_gives_its_connection_back_whole() -> None:
    async def main() -> None:
        late = Reply(pieces=(HELLO.removesuffix(DONE), DONE), pause_seconds=0.01)
        async with far(late) as (backend, cloud):
            for _ in range(3):
                await all_events(backend)
            assert cloud.connections == 1
            assert cloud.closed_early == 0

    asyncio.run(main())


def test_a_whole_answer_gives_its_connection_back_too() -> None:
    async def main() -> None:
        async with far(Reply.json(WHOLE)) as (backend, cloud):
            for _ in range(3):
                await all_events(backend, UNSTREAMED)
            assert cloud.connections == 1

    asyncio.run(main())
