"""What callers may name: ``auto`` and the policies, models near and far, and the owner's aliases."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tandem.core.errors import NotFound
from tandem.core.models import ModelCard
from tandem.routing.policy import Policy
from tandem.routing.reading import Policies

AUTO = "auto"
_PREFIX = "auto:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """How callers name models: the defaults behind ``auto``, and the owner's aliases (other name to model id).

    ``tasks`` are the kinds of work of device models, by id, where the owner or the model's family says so.
    """

    default_model: str
    default_embedder: str
    aliases: Mapping[str, str]
    tasks: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    def followed(self, name: str) -> str:
        """An alias's target, or the name itself."""
        return self.aliases.get(name, name)

    def embedder(self, name: str) -> str:
        """The id of the embedder that a name stands for."""
        return self.default_embedder if name == AUTO else self.followed(name)


def policy_named(name: str, policies: Policies) -> Policy | None:
    """The policy behind ``auto`` or ``auto:NAME``; ``None`` for the name of a model. Raises `NotFound`."""
    if name == AUTO:
        return policies.named[policies.default]
    if not name.startswith(_PREFIX):
        return None
    found = policies.named.get(name.removeprefix(_PREFIX))
    if found is None:
        near = difflib.get_close_matches(name.removeprefix(_PREFIX), policies.named, n=1, cutoff=0.5)
        known = ", ".join(f"{_PREFIX}{one}" for one in policies.named)
        advice = f"Did you mean '{_PREFIX}{near[0]}'?" if near else f"There are {known}."
        raise NotFound(f"There is no policy {name!r}. {advice}", param="model", code="model_not_found")
    return found


def listed(cards: Sequence[ModelCard], names: Names, policies: Policies) -> list[ModelCard]:
    """Every name that can be asked: ``auto`` and the policies, then models, then aliases that lead somewhere."""
    by_id = {card.id: card for card in cards}
    shown: list[ModelCard] = []
    face = by_id.get(names.default_model) or next((card for card in cards if card.kind == "chat"), None)
    if face is not None:
        titles = {AUTO: f"Auto ({policies.default})"} | {f"{_PREFIX}{one}": f"Auto: {one}" for one in policies.named}
        abilities = frozenset(ability for card in cards if card.kind == "chat" for ability in card.abilities)
        shown = [
            replace(face, id=name, name=title, path=None, tasks=(), abilities=abilities, source="policy")
            for name, title in titles.items()
        ]
    shown.extend(cards)
    virtual = {card.id: card for card in shown}
    for alias, target in names.aliases.items():
        if target in virtual and alias not in virtual:
            shown.append(replace(virtual[target], id=alias, name=f"{alias} ({target})"))
    return shown


def missing(model: str, known: Iterable[ModelCard], names: Names) -> NotFound:
    """The error for a name behind which nothing answers, with what to do."""
    ids = {card.id: card for card in known}
    if model in ids and not ids[model].installed:
        advice = f"It is in the catalog but not installed here: run `tandem models pull {model}`."
    elif near := difflib.get_close_matches(model, [*names.aliases, *ids, AUTO], n=1):
        advice = f"Did you mean {near[0]!r}? GET /v1/models lists what can be asked."
    else:
        advice = "GET /v1/models lists what can be asked, `tandem models list` what can be installed."
    return NotFound(f"The model {model!r} does not exist here. {advice}", param="model", code="model_not_found")
