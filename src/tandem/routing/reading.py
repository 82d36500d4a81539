"""``[policy]`` of tandem.toml, read into policies. Every mistake is told, with the nearest right word.

[policy]
default = "mine"

[policy.mine]
models = ["smollm2-135m", "cloud-large"]
rules = ["DeviceFirst", { rule = "HardGoesUp", above = 0.7 }]
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import cast

from tandem.routing.guards import Protection, name_of
from tandem.routing.policy import Policy, built_in
from tandem.routing.preferences import PREFERENCES, Preference

DEFAULT = "local-first"
_KNOWN = {rule.__name__: rule for rule in PREFERENCES}
_GUARDS = frozenset(name_of(guard) for guard in Protection().guards())
_KEYS = ("rules", "models")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """Every policy by its name, and the name of the default one."""

    default: str
    named: Mapping[str, Policy]


def read_policies(table: Mapping[str, object], protection: Protection) -> tuple[Policies, tuple[str, ...]]:
    """The policies of a ``[policy]`` table beside the built-in ones, and what is wrong with it, in sentences.

    A policy that has a mistake is left out; the built-in ones may be replaced by tables of their name.
    """
    mistakes: list[str] = []
    named = built_in(protection)
    for name, value in table.items():
        if name == "default":
            continue
        if isinstance(value, Mapping):
            policy = _policy(name, cast("Mapping[str, object]", value), protection, mistakes)
            if policy is not None:
                named[name] = policy
        else:
            mistakes.append(f"[policy] {name!r} must be a table [policy.{name}] with rules = [...]")
    default = table.get("default", DEFAULT)
    if not isinstance(default, str) or default not in {*named, *table}:
        mistakes.append(f"[policy] default = {default!r}: {_near(str(default), named)}")
        default = DEFAULT
    return Policies(default=default, named=named), tuple(mistakes)


def _policy(name: str, table: Mapping[str, object], protection: Protection, mistakes: list[str]) -> Policy | None:
    before = len(mistakes)
    where = f"[policy.{name}]"
    mistakes.extend(f"{where} has an unknown key {key!r}: {_near(key, _KEYS)}" for key in table if key not in _KEYS)
    if "rules" not in table:
        mistakes.append(f"{where} needs rules = [...], such as " + 'rules = ["DeviceFirst"]')
    rules = [_rule(row, where, mistakes) for row in _list(table, "rules", where, mistakes)]
    models = [str(model) for model in _list(table, "models", where, mistakes)]
    if len(mistakes) > before:
        return None
    kept = tuple(rule for rule in rules if rule is not None)
    return Policy(name=name, preferences=kept, protection=protection, models=tuple(models))


def _list(table: Mapping[str, object], key: str, where: str, mistakes: list[str]) -> list[object]:
    value = table.get(key, [])
    if isinstance(value, list):
        return cast("list[object]", value)
    mistakes.append(f"{where} {key} = {value!r}: a list is wanted")
    return []


def _rule(row: object, where: str, mistakes: list[str]) -> Preference | None:
    """One rule: its name, or a table with ``rule`` and its numbers."""
    table = {"rule": row} if isinstance(row, str) else cast("dict[str, object]", row) if isinstance(row, dict) else {}
    name = table.get("rule")
    if not isinstance(name, str):
        mistakes.append(
            f'{where} rules: {row!r} is no rule; write "DeviceFirst" or {{ rule = "HardGoesUp", above = 0.7 }}'
        )
        return None
    if name in _GUARDS:
        mistakes.append(f"{where} rules: {name} is a guard; every policy has it already, so leave it out")
        return None
    if name not in _KNOWN:
        mistakes.append(f"{where} rules: unknown rule {name!r}: {_near(name, _KNOWN)}")
        return None
    return _with_numbers(_KNOWN[name], {key: value for key, value in table.items() if key != "rule"}, where, mistakes)


def _with_numbers(
    kind: type[Preference], given: Mapping[str, object], where: str, mistakes: list[str]
) -> Preference | None:
    known = {one.name: one for one in fields(kind)}  # type: ignore[arg-type]
    right = True
    for key, value in given.items():
        if key not in known:
            mistakes.append(f"{where} {kind.__name__} has no {key!r}: {_near(key, known)}")
            right = False
        elif not isinstance(value, int | float) or isinstance(value, bool) or not value >= 0:
            mistakes.append(f"{where} {kind.__name__} {key} = {value!r}: a number of at least 0 is wanted")
            right = False
        elif known[key].type is int and not isinstance(value, int):
            mistakes.append(f"{where} {kind.__name__} {key} = {value!r}: a whole number is wanted")
            right = False
    return kind(**given) if right else None


def _near(word: str, known: Iterable[str]) -> str:
    names = list(known)
    found = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f"did you mean {found[0]!r}?" if found else "known are " + ", ".join(names) + "."
