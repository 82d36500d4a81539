"""Strangers' TOML, checked against the type hints of a section: every mistake is told, with the nearest right word."""

import difflib
import types
import typing
from dataclasses import MISSING, fields
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, TypeVar, cast

Section = TypeVar("Section")
_SIZES = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "B": 1}
_BYTE_KEYS = {"max_ram", "kv_cache", "max_body_bytes"}


def table_of(cls: type[Section], table: Any, where: str, mistakes: list[str]) -> Section | None:
    """A section of a table; ``None``, and sentences in ``mistakes``, where it cannot be one. ``where`` names it."""
    if not isinstance(table, dict):
        mistakes.append(f"{where} must be a table")
        return None
    hints = hints_of(cls)
    values: dict[str, Any] = {}
    before = len(mistakes)
    for key, value in cast("dict[str, Any]", table).items():
        if key not in hints:
            mistakes.append(unknown_key(key, key, hints, where))
        else:
            values[key] = _typed(value, key, hints[key], where, mistakes)
    required = [f.name for f in fields(cast("Any", cls)) if f.default is MISSING and f.default_factory is MISSING]
    mistakes.extend(f"{where} needs {name!r}" for name in required if name not in values)
    return cls(**values) if len(mistakes) == before else None


def _typed(value: Any, key: str, hint: Any, where: str, mistakes: list[str]) -> Any:
    kinds = alternatives_of(hint)
    if key in _BYTE_KEYS and isinstance(value, str):
        size = _bytes(value)
        if size is None:
            mistakes.append(f'{where} {key} = {value!r}: write bytes, or a size such as "4GB" or "512MiB"')
        return size
    for kind in kinds:
        fits, converted = _fit(value, kind)
        if fits:
            return converted
    mistakes.append(f"{where} {key} = {value!r}: {_expectation(kinds)} is wanted")
    return None


def _fit(value: Any, kind: Any) -> tuple[bool, Any]:
    origin = typing.get_origin(kind)
    if origin is Literal:
        return value in typing.get_args(kind), value
    if origin is tuple:
        fits = isinstance(value, list) and all(isinstance(item, str) for item in cast("list[Any]", value))
        return fits, tuple(cast("list[str]", value)) if fits else None
    if origin is not None:
        return isinstance(value, dict), value
    if kind is Decimal and isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return True, Decimal(str(value))
        except InvalidOperation:
            return False, None
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return True, float(value)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool)), value


def _bytes(text: str) -> int | None:
    compact = text.replace(" ", "").upper()
    for unit, factor in sorted(_SIZES.items(), key=lambda row: -len(row[0])):
        if compact.endswith(unit):
            try:
                return int(float(compact.removesuffix(unit)) * factor)
            except ValueError:
                return None
    return int(compact) if compact.isdigit() else None


def _expectation(kinds: tuple[Any, ...]) -> str:
    words = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", Decimal: "an amount"}
    first = kinds[0]
    if typing.get_origin(first) is Literal:
        return "one of " + ", ".join(repr(choice) for choice in typing.get_args(first))
    if typing.get_origin(first) is tuple:
        return "a list of texts"
    return words.get(first, "a table")


def alternatives_of(hint: Any) -> tuple[Any, ...]:
    """The types that a hint allows, without ``None``."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return tuple(kind for kind in typing.get_args(hint) if kind is not type(None))
    return (hint,)


def hints_of(cls: type) -> dict[str, Any]:
    """The type hint of each key of a section."""
    return typing.get_type_hints(cls)


def unknown_key(shown: str, key: str, known: typing.Iterable[str], where: str, prefix: str = "") -> str:
    """A sentence about an unknown key; ``prefix`` is of the environment's variables, which are in capitals."""
    spelled = {name: f"{prefix}{name.upper()}" if prefix else name for name in known}
    near = difflib.get_close_matches(key, list(spelled), n=1, cutoff=0.5)
    advice = f"did you mean {spelled[near[0]]!r}?" if near else "known are " + ", ".join(sorted(spelled.values())) + "."
    return f"{where} has an unknown key {shown!r}: {advice}"
