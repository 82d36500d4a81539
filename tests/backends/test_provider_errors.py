"""What a far side refuses is told by type, in its own words where that is safe, never with a key in it."""

import time
from email.utils import formatdate

import msgspec
import pytest

from tandem.backends.failures import LONGEST_MESSAGE, FarSide, event_failure, failure_of, retry_after_seconds
from tandem.core.errors import (
    BadRequest,
    Busy,
    ContextLengthExceeded,
    ProviderRefused,
    TandemError,
    Unreachable,
)

FAR = FarSide(name="openai", key_env="OPENAI_API_KEY", key="sk-secret-key-of-mine")


def failure(status: int, body: object, headers: dict[str, str] | None = None) -> TandemError:
    return failure_of(status, msgspec.json.encode(body), headers or {}, FAR, 1000.0)


@pytest.mark.parametrize(
    "body",
    [
        {
            "error": {
                "message": "This model's maximum context length is 128000 tokens. However, you requested 130000.",
                "type": "invalid_request_error",
                "param": "messages",
                "code": "context_length_exceeded",
            }
        },
        {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 210000 > 200000"}},
        {
            "error": {
                "code": 400,
                "message": "request (9000 tokens) exceeds the available context size (4096 tokens)",
                "type": "exceed_context_size_error",
            }
        },
        {
            "object": "error",
            "message": "This model's maximum context length is 4096 tokens. Please reduce the length.",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
        {"error": {"message": "Please reduce the length of the messages or completion.", "type": "invalid_request"}},
        {
            "object": "error",
            "message": "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
            "type": "invalid_request_error",
        },
    ],
)
def test_every_vendors_words_for_too_long_are_one_error(body: object) -> None:
    assert isinstance(failure(400, body), ContextLengthExceeded)


def test_a_bad_request_keeps_the_vendors_field_and_code() -> None:
    error = failure(400, {"error": {"message": "No such tool.", "param": "tools[0]", "code": "invalid_tool"}})

    assert type(error) is BadRequest
    assert (error.param, error.code) == ("tools[0]", "invalid_tool")
    assert error.message == "openai cannot serve this: No such tool."


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (402, ProviderRefused),
        (403, ProviderRefused),
        (404, ProviderRefused),
        (408, Unreachable),
        (409, BadRequest),
        (413, BadRequest),
        (422, BadRequest),
        (429, Busy),
        (500, ProviderRefused),
        (502, ProviderRefused),
        (503, ProviderRefused),
        (504, Unreachable),
        (529, ProviderRefused),
        (301, ProviderRefused),
        (204, Unreachable),
    ],
)
@pytest.mark.parametrize("body", [b'{"error": {"message": "No."}}', b"<html>no</html>", b"", b"\xff\xfe", b"[]", b"7"])
def test_a_status_has_one_meaning_whatever_the_body(status: int, kind: type[TandemError], body: bytes) -> None:
    error = failure_of(status, body, {}, FAR, 0.0)

    assert type(error) is kind
    assert error.message.startswith("openai ")
    if isinstance(error, ProviderRefused):
        assert error.status == status


def test_a_refused_key_is_told_by_the_name_of_its_variable_alone() -> None:
    error = failure(401, {"error": {"message": "Incorrect API key provided: sk-secret-key-of-mine."}})

    assert isinstance(error, ProviderRefused)
    assert "OPENAI_API_KEY" in error.message
    assert "sk-" not in error.message


@pytest.mark.parametrize("echo", ["sk-secret-key-of-mine", "sk-secre**mine", "Bearer abcdef", "gsk_Abc123def"])
def test_no_key_is_repeated_from_a_message(echo: str) -> None:
    error = failure(403, {"error": {"message": f"Not with {echo}, please"}})

    assert echo not in error.message
    assert "[key]" in error.message


def test_a_message_that_repeats_the_prompt_is_cut_short() -> None:
    error = failure(400, {"error": {"message": "word " * 1000}})

    assert len(error.message) < LONGEST_MESSAGE + 50


def test_too_many_requests_and_no_money_left_are_two_things() -> None:
    busy = failure(429, {"error": {"message": "Slow down."}}, {"retry-after": "7"})
    broke = failure(429, {"error": {"message": "You exceeded your quota.", "code": "insufficient_quota"}})

    assert isinstance(busy, Busy)
    assert busy.retry_after_seconds == 7
    assert isinstance(broke, ProviderRefused)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "12"}, 12.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "12", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e400"}, None),
    ],
)
def test_how_long_to_wait_is_read_in_any_form(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers, 0.0) == seconds


def test_a_date_to_come_back_at_is_seconds_from_now() -> None:
    now = float(int(time.time()))

    assert retry_after_seconds({"retry-after": formatdate(now + 30, usegmt=True)}, now) == 30
    assert retry_after_seconds({"retry-after": formatdate(now - 30, usegmt=True)}, now) == 0


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', ProviderRefused),
        (b'{"error":{"message":"Rate limit","code":429}}', Busy),
        (b'{"error":{"message":"The server had an error","type":"server_error"}}', ProviderRefused),
        (b'{"error":{"message":"prompt is too long: 9 > 8"}}', ContextLengthExceeded),
        (b'{"error":"something"}', ProviderRefused),
        (b"{}", ProviderRefused),
    ],
)
def test_an_error_in_mid_answer_is_told_by_its_kind(payload: bytes, kind: type[TandemError]) -> None:
    assert type(event_failure(payload, FAR)) is kind
