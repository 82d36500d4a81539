"""Strangers' JSON becomes typed structs here, and mistakes become sentences that name the field."""

import re
from typing import Any, TypeVar

import msgspec

from tandem.core.errors import BadRequest

T = TypeVar("T")

_EXPECTED = re.compile(r"^Expected `(?P<wanted>[^`]+)`(?:, got `(?P<got>[^`]+)`)?(?: - at `\$\.?(?P<path>[^`]*)`)?$")
_MISSING = re.compile(r"^Object missing required field `(?P<field>[^`]+)`(?: - at `\$\.?(?P<path>[^`]*)`)?$")
_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?$", re.DOTALL)
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
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
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
    if found := _EXPECTED.match(text):
        param = found["path"] or None
        where = f"'{param}'" if param else "the body"
        got = f", but got {_named(found['got'])} instead" if found["got"] else ""
        return BadRequest(
            f"Invalid type for {where}: expected {_named(found['wanted'])}{got}.", param=param, code="invalid_type"
        )
    if found := _MISSING.match(text):
        param = f"{found['path']}.{found['field']}" if found["path"] else found["field"]
        return BadRequest(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")
    found = _AT.match(text)
    param = (found["path"] if found else None) or None
    what = found["what"] if found else text
    return BadRequest(f"Invalid value for '{param}': {what}." if param else f"{what}.", param=param)


def _named(kinds: str) -> str:
    wanted = [_NAMES.get(kind, kind) for kind in kinds.split(" | ") if kind != "null" or kinds == "null"]
    return " or ".join(wanted)
