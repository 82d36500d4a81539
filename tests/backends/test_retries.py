"""A request is made again only where that is safe, and a far side that fails is left in peace."""

import asyncio

import pytest

from support.far_sides import HELLO, KEY, Clock, Ways, all_events, asking, chunk, error_of, far
from support.scripted_cloud import Cloud, Reply, Script
from tandem.backends.door import Patience
from tandem.backends.provider import Retries
from tandem.core.errors import Busy, ProviderRefused, TandemError, Unreachable

SHORT = Patience(connect_seconds=0.3, first_token_seconds=0.3, silence_seconds=0.2, whole_seconds=0.3)
GOOD = Reply.events(HELLO)


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


def test_nobody_there_is_told_and_opens_the_breaker() -> None:
    async def main() -> None:
        async with asking("http://127.0.0.1:1") as backend:
            error = await error_of(backend)
            assert isinstance(error, Unreachable)
            assert error.message == "Nobody answers at elsewhere."
            health = backend.health()
            assert not health.reachable
            assert health.why == "Nobody answers at elsewhere. It is asked again in 5 s."

    asyncio.run(main())


def test_a_name_that_does_not_exist_is_told() -> None:
    async def main() -> TandemError:
        async with asking("http://nowhere.invalid") as backend:
            return await error_of(backend)

    assert "cannot be resolved" in asyncio.run(main()).message


def test_a_far_side_that_fails_thrice_is_left_in_peace_and_then_tried_again() -> None:
    async def main() -> None:
        clock = Clock()
        async with far([refusal(500)] * 3 + [GOOD], Ways(clock=clock)) as (backend, cloud):
            for _ in range(3):
                assert isinstance(await error_of(backend), ProviderRefused)
            assert isinstance(await error_of(backend), Unreachable)
            assert len(cloud.requests) == 3
            clock.seconds += 5
            assert backend.health().reachable
            await all_events(backend)
            await all_events(backend)
            assert len(cloud.requests) == 5

    asyncio.run(main())


def test_a_refused_key_is_not_shown_around() -> None:
    async def main() -> None:
        async with far(refusal(401)) as (backend, cloud):
            first, second = await error_of(backend), await error_of(backend)
            assert isinstance(first, ProviderRefused)
            assert "ELSEWHERE_KEY" in first.message
            assert isinstance(second, Unreachable)
            assert "ELSEWHERE_KEY" in backend.health().why
            assert KEY not in first.message + second.message
            assert len(cloud.requests) == 1

    asyncio.run(main())


@pytest.mark.parametrize("status", [429, 503])
def test_a_short_wait_that_is_asked_for_is_waited_for(status: int) -> None:
    error, cloud = outcome([refusal(status, {"retry-after": "0"}), GOOD])

    assert error is None
    assert len(cloud.requests) == 2
    assert cloud.bodies[0] == cloud.bodies[1]


def test_a_long_wait_is_told_and_kept() -> None:
    async def main() -> None:
        clock = Clock()
        async with far([refusal(429, {"retry-after": "30"}), GOOD], Ways(clock=clock)) as (backend, cloud):
            first, second = await error_of(backend), await error_of(backend)
            assert isinstance(first, Busy)
            assert isinstance(second, Busy)
            assert first.retry_after_seconds == second.retry_after_seconds == 30
            assert not backend.health().reachable
            assert len(cloud.requests) == 1
            clock.seconds += 30
            await all_events(backend)

    asyncio.run(main())


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 413, 429, 500, 503])
def test_a_refusal_that_asks_for_nothing_is_never_repeated(status: int) -> None:
    error, cloud = outcome(refusal(status))

    assert error is not None
    assert len(cloud.requests) == 1


def test_nothing_is_asked_again_once_an_answer_has_begun() -> None:
    error, cloud = outcome([Reply(pieces=(chunk({"content": "a"}),), cut_after=1), GOOD])

    assert isinstance(error, Unreachable)
    assert len(cloud.requests) == 1


def test_a_wait_that_would_cross_the_time_out_is_not_made() -> None:
    ways = Ways(patience=SHORT, retries=Retries(longest_wait_seconds=5))
    error, cloud = outcome([refusal(503, {"retry-after": "1"}), GOOD], ways)

    assert isinstance(error, ProviderRefused)
    assert len(cloud.requests) == 1


def test_a_kept_connection_that_proves_closed_is_replaced() -> None:
    async def main() -> None:
        async with far([GOOD, Reply(raw=b""), GOOD]) as (backend, cloud):
            await all_events(backend)
            await all_events(backend)
            assert len(cloud.requests) == 3
            assert cloud.connections == 2

    asyncio.run(main())


def test_a_new_connection_that_is_closed_without_a_word_is_not_tried_again() -> None:
    error, cloud = outcome([Reply(raw=b""), GOOD])

    assert isinstance(error, Unreachable)
    assert len(cloud.requests) == 1


@pytest.mark.parametrize("status", [402, 429, 500, 504])
def test_what_others_are_told_of_a_failure_and_what_is_logged_repeats_no_word_of_it(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    said = b'{"error":{"message":"Cannot answer: my PESEL is 44051401359","code":"insufficient_quota"}}'

    async def main() -> None:
        async with far(Reply.json(said, status)) as (backend, _):
            for _ in range(3):
                await error_of(backend)
            assert backend.health().why
            assert "44051401359" not in backend.health().why
            assert "44051401359" not in (await error_of(backend)).message

    asyncio.run(main())
    assert "elsewhere" in caplog.text
    assert "44051401359" not in caplog.text
