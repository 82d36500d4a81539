"""Strangers' JSON becomes typed structs here, and mistakes become sentences that name the field."""

import re
from typing import Any, TypeVar

import msgspec

from tandem.core.errors import BadRequest

T = TypeVar("T")

_PLACE = r"(?: - at (?P<key>`key` in )?`\$\.?(?P<path>[^`]*)`)?$"
_EXPECTED = re.compile(r"^Expected `(?P<wanted>[^`]+)`(?:, got `(?P<got>[^`]+)`)?" + _PLACE)
_MISSING = re.compile(r"^Object missing required field `(?P<field>[^`]+)`" + _PLACE)
_OTHER = re.compile(r"^(?P<what>.*?)" + _PLACE, re.DOTALL)
_NAMES = {
    "int": "an integer",
    "float": "a number",
    "str": "a string",
    "bool": "a boolean",
    "array": "an array",
    "object": "an object",
    "null": "null",
}


def decoded(body: bytes, kind: type[T]) -> T:
    """Read a JSON body as ``kind``. Raises `BadRequest` that names the field where the body is not that."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise _explained(str(error)) from error
    except ValueError as error:
        raise BadRequest(f"The body is not valid JSON: {_plain(error)}.", code="invalid_json") from error
    except RecursionError as error:
        raise BadRequest("The body is nested too deeply.", code="invalid_json") from error


def encoded(value: Any) -> bytes:  # noqa: ANN401
    """Compact JSON of a struct, a mapping or a list."""
    return _ENCODER.encode(value)


_ENCODER = msgspec.json.Encoder()


def _plain(error: Exception) -> str:
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)


def _explained(text: str) -> BadRequest:
    """One sentence of msgspec's, as one of OpenAI's."""
    if found := _EXPECTED.match(text):
        got = f", but got {_named(found['got'])} instead" if found["got"] else ""
        where = _where(found)
        what = f"Invalid type for {where[0]}: expected {_named(found['wanted'])}{got}."
        return BadRequest(what, param=where[1], code="invalid_type")
    if found := _MISSING.match(text):
        param = f"{found['path']}.{found['field']}" if found["path"] else found["field"]
        return BadRequest(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")
    found = _OTHER.match(text)
    assert found is not None
    where = _where(found)
    what = _KIND.sub(lambda kind: _named(kind[1]), found["what"])
    for sign, words in _SIGNS:
        what = what.replace(sign, words)
    return BadRequest(f"Invalid value for {where[0]}: {what[:1].lower()}{what[1:]}.", param=where[1])


def _where(found: re.Match[str]) -> tuple[str, str | None]:
    """How a sentence speaks of the place, and the place itself."""
    param = (found["path"] or "").replace("[...]", "") or None
    named = f"'{param}'" if param else "the body"
    return (f"a key of {named}" if found["key"] else named), param


def _named(kinds: str) -> str:
    wanted = [_NAMES.get(kind, kind) for kind in kinds.split(" | ") if kind != "null" or kinds == "null"]
    return " or ".join(wanted)


_KIND = re.compile(r"`([^`]+)`")
_SIGNS = (
    (" of length >= ", " of length at least "),
    (" of length <= ", " of length at most "),
    (" >= ", " of at least "),
    (" <= ", " of at most "),
)
