"""What the type of a setting does not say: amounts that are none, and names that would hide other names."""

from collections.abc import Iterator
from decimal import Decimal

from tandem.settings.sections import Settings

_MOST_USD = Decimal(1_000_000)
"""More than this, for a month or a million tokens, is a slip of the pen."""
_AUTO = "auto"


def wrong_amounts(settings: Settings) -> Iterator[str]:
    """Sentences about money and sizes that cannot be meant."""
    money = ("usd_per_month", "usd_per_request")
    yield from _amounts("[budget]", {name: getattr(settings.budget, name) for name in money})
    prices = ("input", "cached_input", "output")
    for number, model in enumerate(settings.models, 1):
        where = f"[[model]] number {number}"
        named = (f"usd_per_million_{price}_tokens" for price in prices)
        yield from _amounts(where, {name: getattr(model, name) for name in named})
        if model.context_tokens is not None and model.context_tokens < 1:
            yield f"{where} context_tokens = {model.context_tokens}: at least 1 is wanted"


def wrong_names(settings: Settings) -> Iterator[str]:
    """Sentences about names that nobody could be asked by."""
    for alias, target in settings.aliases.items():
        if _is_virtual(alias):
            yield f"[aliases] {alias!r} is the name of a policy; choose another name, or set [policy] default"
        elif target in settings.aliases:
            yield f"[aliases] {alias!r} leads to {target!r}, which is an alias too; name the model itself"
    for number, model in enumerate(settings.models, 1):
        if _is_virtual(model.id or ""):
            yield f"[[model]] number {number} id = {model.id!r}: {_AUTO!r} is the name of policies; choose another id"
    if any(not name.strip() for name in settings.policy):
        yield "[policy] has a policy without a name"


def _amounts(where: str, amounts: dict[str, Decimal | None]) -> Iterator[str]:
    for name, value in amounts.items():
        if value is None or (value.is_finite() and 0 <= value <= _MOST_USD):
            continue
        wanted = "at least 0 is wanted" if value.is_finite() and value < 0 else f"0 to {_MOST_USD} is wanted"
        yield f"{where} {name} = {value}: {wanted}"


def _is_virtual(name: str) -> bool:
    return name == _AUTO or name.startswith(f"{_AUTO}:")
