"""What a client is told when something is wrong."""

import asyncio
import logging

import openai
import pytest

from support.clients import QUESTION, asking, calling
from support.fakes import STARTED, ScriptedResponder, Step
from support.serving import a_service
from tandem.core import errors
from tandem.core.chat import TextDelta

KNOWN = [
    (errors.BadRequest("The field is odd.", param="temperature"), openai.BadRequestError, 400, "invalid_value"),
    (errors.Unsupported("It has no tools.", param="tools"), openai.BadRequestError, 400, "unsupported_value"),
    (
        errors.ContextLengthExceeded("Too long.", param="messages"),
        openai.BadRequestError,
        400,
        "context_length_exceeded",
    ),
    (
        errors.NotFound("No such model.", param="model", code="model_not_found"),
        openai.NotFoundError,
        404,
        "model_not_found",
    ),
    (errors.Forbidden("PrivateStaysHere forbids it."), openai.PermissionDeniedError, 403, "forbidden"),
    (
        errors.Forbidden("PrivateStaysHere forbids it.", code="private_stays_here"),
        openai.PermissionDeniedError,
        403,
        "private_stays_here",
    ),
    (errors.OverBudget("This month's budget is spent."), openai.APIStatusError, 402, "over_budget"),
    (errors.Unreachable("It is silent."), openai.InternalServerError, 503, "unreachable"),
    (errors.ProviderRefused("It failed.", status=500), openai.InternalServerError, 503, "provider_refused"),
    (errors.Busy("The queue is full.", retry_after_seconds=3), openai.RateLimitError, 429, "rate_limit_exceeded"),
    (errors.WorkerDied("It ended."), openai.InternalServerError, 503, "worker_died"),
    (errors.NotEnoughMemory("It does not fit."), openai.InternalServerError, 503, "not_enough_memory"),
    (errors.Offline("No network."), openai.InternalServerError, 502, "offline"),
]


@pytest.mark.parametrize(("error", "kind", "status", "code"), KNOWN, ids=lambda value: getattr(value, "code", None))
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("begun", [False, True], ids=["at once", "before the first word"])
def test_an_error_before_the_first_word_is_a_status_with_its_own_type(
    error: errors.TandemError, kind: type[openai.APIStatusError], status: int, code: str, stream: bool, begun: bool
) -> None:
    async def main() -> None:
        script: list[Step] = [STARTED, error] if begun else [error]
        async with asking(a_service(ScriptedResponder(script))) as client:
            with pytest.raises(kind) as raised:
                await client.chat.completions.create(model="scripted", messages=QUESTION, stream=stream)
        assert raised.value.status_code == status
        assert raised.value.code == code
        assert raised.value.param == getattr(error, "param", None)
        assert isinstance(raised.value.body, dict)
        assert raised.value.body["message"] == error.message
        assert raised.value.response.headers["x-tandem-request-id"]
        if status == 429:
            assert raised.value.response.headers["retry-after"] == "3"

    asyncio.run(main())


def test_an_error_in_mid_stream_is_an_event_that_the_client_raises_and_no_done_follows() -> None:
    async def main() -> None:
        script: list[Step] = [STARTED, TextDelta(text="Hel"), errors.WorkerDied("The worker of 'x' ended.")]
        async with asking(a_service(ScriptedResponder(script))) as client:
            stream = await client.chat.completions.create(model="scripted", messages=QUESTION, stream=True)
            heard = [(await anext(stream)).choices[0].delta.content for _ in range(2)]
            with pytest.raises(openai.APIError, match="The worker of 'x' ended"):
                await anext(stream)
        assert heard == ["", "Hel"]
        async with calling(a_service(ScriptedResponder(script))) as client:
            answer = await client.post(
                "/v1/chat/completions", json={"model": "scripted", "stream": True, "messages": QUESTION}
            )
            metrics = (await client.get("/metrics")).text
        assert answer.text.rstrip().endswith('"code":"worker_died"}}')
        assert 'route="/v1/chat/completions",status="503"} 1.0' in metrics

    asyncio.run(main())


@pytest.mark.parametrize(
    "script", [[RuntimeError("secret prompt")], [STARTED, TextDelta(text="a"), RuntimeError("secret prompt")]]
)
def test_an_error_that_nobody_expected_tells_the_client_an_id_and_nothing_else(
    script: list[Step], caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> str:
        async with calling(a_service(ScriptedResponder(script))) as client:
            answer = await client.post(
                "/v1/chat/completions", json={"model": "scripted", "stream": True, "messages": QUESTION}
            )
        assert answer.status_code == (200 if len(script) > 1 else 500)
        assert answer.headers["x-tandem-request-id"] in answer.text
        return answer.text

    with caplog.at_level(logging.INFO):
        text = asyncio.run(main())
    assert "internal_error" in text
    assert "[DONE]" not in text
    for leak in ("Traceback", "RuntimeError", "secret prompt", ".py"):
        assert leak not in text
    assert "RuntimeError" in caplog.text
    assert "secret prompt" not in caplog.text


def test_a_stream_that_does_not_begin_as_it_should_is_our_fault_and_not_a_hang() -> None:
    async def main() -> None:
        async with asking(a_service(ScriptedResponder([]))) as client:
            with pytest.raises(openai.InternalServerError):
                await client.chat.completions.create(model="scripted", messages=QUESTION)

    asyncio.run(main())


def test_an_unknown_model_is_404_and_says_where_to_look() -> None:
    async def main() -> None:
        async with asking(a_service()) as client:
            with pytest.raises(openai.NotFoundError, match="GET /v1/models") as raised:
                await client.chat.completions.create(model="gpt-9", messages=QUESTION)
            assert raised.value.code == "model_not_found"
            assert raised.value.param == "model"

    asyncio.run(main())


def test_a_caller_does_not_get_a_megabyte_of_its_own_back() -> None:
    async def main() -> None:
        async with calling(a_service()) as client:
            for body in (
                {"model": "x" * 1_000_000, "messages": QUESTION},
                {"model": "scripted", "messages": [{"role": "x" * 1_000_000}]},
            ):
                answer = await client.post("/v1/chat/completions", json=body)
                assert answer.status_code in {400, 404}
                assert len(answer.content) < 10_000

    asyncio.run(main())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/nothing", 404), ("GET", "/v1/chat/completions", 405), ("POST", "/v1/models", 405), ("PUT", "/", 405)],
)
def test_wrong_paths_and_methods_are_answered_in_json(method: str, path: str, status: int) -> None:
    async def main() -> None:
        async with calling(a_service()) as client:
            answer = await client.request(method, path)
        assert answer.status_code == status
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
        if status == 405:
            assert answer.headers["allow"]

    asyncio.run(main())


def test_the_log_has_one_line_for_a_request_and_never_its_text(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with asking(a_service()) as client:
            await client.chat.completions.create(
                model="scripted", messages=[{"role": "user", "content": "my secret diary"}]
            )

    with caplog.at_level(logging.INFO, logger="tandem"):
        asyncio.run(main())
    lines = [record.getMessage() for record in caplog.records if record.name == "tandem.server.door"]
    assert len(lines) == 1
    assert lines[0].startswith("req_")
    assert "/v1/chat/completions 200 model=scripted rule=Requested in=3 out=2 ms=" in lines[0]
    assert "secret" not in caplog.text
    assert "Hello" not in caplog.text
