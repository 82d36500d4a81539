"""Errors on the wire: one table from our tree to HTTP, and one shape for each dialect."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec
from starlette.responses import Response

from tandem.core import errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error as a client sees it. ``kind`` is OpenAI's ``type``; ``param`` names the field at fault."""

    status: int
    message: str
    kind: str
    code: str | None = None
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class Refusal(Exception):
    """A failure that has no name in our tree, since only HTTP knows it: a missing key, a body that is too large."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


Shape = Callable[[Failure], dict[str, object]]

_LONGEST = 2000
"""Characters of a message at most: it may repeat a name that the caller sent."""
_TABLE: tuple[tuple[type[errors.TandemError], int, str], ...] = (
    (errors.BadRequest, 400, "invalid_request_error"),
    (errors.NotFound, 404, "invalid_request_error"),
    (errors.Forbidden, 403, "permission_error"),
    (errors.OverBudget, 402, "billing_error"),
    (errors.Busy, 429, "rate_limit_error"),
    (errors.Unavailable, 503, "server_error"),
    (errors.CatalogError, 502, "server_error"),
    (errors.TandemError, 500, "server_error"),
)
_ANTHROPIC_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}


def failure_of(error: errors.TandemError) -> Failure:
    """Translate one of our errors, by its type alone."""
    status, kind = next((status, kind) for known, status, kind in _TABLE if isinstance(error, known))
    param = error.param if isinstance(error, errors.BadRequest | errors.NotFound) else None
    headers: dict[str, str] = {}
    if isinstance(error, errors.Busy):
        headers["retry-after"] = str(error.retry_after_seconds)
    message = error.message if len(error.message) <= _LONGEST else f"{error.message[:_LONGEST]}…"
    return Failure(status=status, message=message, kind=kind, code=error.code, param=param, headers=headers)


def unexpected(request_id: str) -> Failure:
    """What a client is told where we were wrong: nothing but the name under which the log knows it."""
    message = f"Something went wrong in Tandem itself. The log knows this request as {request_id}."
    return Failure(status=500, message=message, kind="server_error", code="internal_error")


STOPPING = Failure(
    status=503,
    message="The server is stopping. Ask again when it is back.",
    kind="server_error",
    code="stopping",
)
"""What a client is told whose answer was not complete when the server had to end."""


def openai_shape(failure: Failure) -> dict[str, object]:
    """OpenAI's error object."""
    return {
        "error": {"message": failure.message, "type": failure.kind, "param": failure.param, "code": failure.code},
    }


def anthropic_shape(failure: Failure) -> dict[str, object]:
    """Anthropic's error object. Its clients act on some codes in ``details``, and keep the others for people."""
    kind = _ANTHROPIC_KINDS.get(failure.status, "api_error")
    error: dict[str, object] = {"type": kind, "message": failure.message}
    if failure.code is not None:
        error["details"] = {"error_code": failure.code}
    return {"type": "error", "error": error}


def shape_of(path: str) -> Shape:
    """Which dialect a path speaks."""
    return anthropic_shape if path == "/v1/messages" or path.startswith("/v1/messages/") else openai_shape


def failure_response(failure: Failure, path: str) -> Response:
    """The failure as an HTTP answer in the path's dialect."""
    body = msgspec.json.encode(shape_of(path)(failure))
    return Response(body, failure.status, dict(failure.headers), "application/json")
