"""What a far side's refusal means to us: by its status, its codes, and for context lengths by the vendors' phrases.

A message of theirs may repeat the prompt: it goes to the caller, cut short and without keys, and into no log.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import cast

import msgspec

from tandem.core.errors import (
    BadRequest,
    Busy,
    ContextLengthExceeded,
    ProviderRefused,
    TandemError,
    Unreachable,
)

LONGEST_MESSAGE = 500
_KEYS = re.compile(r"\b(?:sk|gsk|xai|pk|tgp|rk|hf)[-_][A-Za-z0-9*_\-.]{4,}|\bBearer\s+\S+", re.ASCII)
_TOO_LONG_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"})
_TOO_LONG = re.compile(
    r"maximum context length|context length (?:is |was )?exceeded|exceeds? the (?:available )?context|context window"
    r"|prompt is too long|exceed context limit|reduce the length of the messages|maximum model length"
    r"|max(?:imum)? context size|longer than the (?:model's )?(?:maximum )?context",
    re.IGNORECASE,
)
_NO_CREDIT = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "insufficient_balance", "credits_exhausted"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FarSide:
    """Who refused: its name, the variable of its key, and the key itself, so that no message repeats it."""

    name: str
    key_env: str = ""
    key: str | None = None

    def words(self, text: str) -> str:
        """A sentence of theirs that may be shown: without keys, and short."""
        if self.key:
            text = text.replace(self.key, "[key]")
        text = _KEYS.sub("[key]", text)
        return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What was said of an error."""

    message: str = ""
    code: str = ""
    kind: str = ""
    param: str | None = None
    status: int | None = None


def complaint_of(body: bytes) -> Complaint:
    """The error object of OpenAI's, Anthropic's, Mistral's, Ollama's or FastAPI's shape; empty for nonsense."""
    try:
        found: object = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return Complaint()
    if isinstance(found, list) and found:
        found = cast("list[object]", found)[0]
    if not isinstance(found, dict):
        return Complaint()
    outer = cast("dict[str, object]", found)
    error = outer.get("error") or outer
    if isinstance(error, str):
        return Complaint(message=error)
    return _complaint(cast("dict[str, object]", error)) if isinstance(error, dict) else Complaint()


def _complaint(error: dict[str, object]) -> Complaint:
    said = error.get("message") or error.get("detail") or ""
    code, kind, param = error.get("code"), error.get("type"), error.get("param")
    return Complaint(
        message=said if isinstance(said, str) else msgspec.json.encode(said).decode(),
        code=code if isinstance(code, str) else "",
        kind=kind if isinstance(kind, str) else "",
        param=param if isinstance(param, str) else None,
        status=code if isinstance(code, int) and 400 <= code < 600 else None,
    )


def failure_of(status: int, body: bytes, headers: Mapping[str, str], far: FarSide, now: float) -> TandemError:
    """The error of an answer that is none. ``now`` is Unix time, for a ``Retry-After`` that is a date."""
    said = complaint_of(body)
    told = far.words(said.message)
    because = f": {told}" if told else f" (status {status})."
    if status in _CALLERS_OWN and _is_too_long(said):
        return ContextLengthExceeded(f"{far.name} finds it too long{because}", param=said.param)
    if status == 401:
        return ProviderRefused(_refused_key(far), status=401)
    if status == 429 and not {said.code, said.kind} & _NO_CREDIT:
        seconds = retry_after_seconds(headers, now) or 1
        return Busy(f"{far.name} is asked too often{because}", retry_after_seconds=max(round(seconds), 1))
    if status in _TOO_SLOW:
        return Unreachable(f"{far.name} did not answer in time (status {status}).")
    if why := _REFUSALS.get(status) or ("failed in itself" if status >= 500 else ""):
        return ProviderRefused(f"{far.name} {why}{because}", status=status)
    return _odd_status(status, said, far, because)


def _odd_status(status: int, said: Complaint, far: FarSide, because: str) -> TandemError:
    if 400 <= status < 500:
        code = said.code or ("request_too_large" if status == 413 else None)
        return BadRequest(f"{far.name} cannot serve this{because}", param=said.param, code=code)
    if 300 <= status < 400:
        return ProviderRefused(f"{far.name} points elsewhere: correct its base_url.", status=status)
    return Unreachable(f"{far.name} answered with status {status}, which is no answer.")


def event_failure(payload: bytes, far: FarSide) -> TandemError:
    """The error of an error event in mid-stream."""
    said = complaint_of(payload)
    status = said.status or _KIND_STATUS.get(said.kind, 0)
    if status:
        return failure_of(status, payload, {}, far, 0.0)
    if _is_too_long(said):
        return ContextLengthExceeded(f"{far.name} finds it too long: {far.words(said.message)}", param=said.param)
    told = far.words(said.message)
    return ProviderRefused(f"{far.name} failed in mid-answer{f': {told}' if told else '.'}", status=500)


def retry_after_seconds(headers: Mapping[str, str], now: float) -> float | None:
    """How long we are asked to wait: ``retry-after-ms``, or ``retry-after`` as seconds or as a date."""
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    asked = headers.get("retry-after")
    if (seconds := _number(asked)) is not None:
        return seconds
    try:
        return max(parsedate_to_datetime(asked).timestamp() - now, 0.0) if asked else None
    except ValueError:
        return None


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < 1e9 else None


def _is_too_long(said: Complaint) -> bool:
    return bool({said.code, said.kind} & _TOO_LONG_CODES) or bool(_TOO_LONG.search(said.message[:2000]))


def _refused_key(far: FarSide) -> str:
    if far.key_env:
        return f"{far.name} refuses the key in {far.key_env}. Set that variable to a key that is valid there."
    return f"{far.name} wants a key. Name its variable in key_env of its [[provider]]."


_CALLERS_OWN = frozenset({400, 413, 422})
_TOO_SLOW = frozenset({408, 504, 522, 524})
_REFUSALS = {
    402: "has no credit left for this key",
    403: "does not allow this",
    404: "knows no such model or address",
    429: "has no credit left for this key",
}
_KIND_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "timeout_error": 504,
    "api_error": 500,
    "server_error": 500,
    "overloaded_error": 529,
}
