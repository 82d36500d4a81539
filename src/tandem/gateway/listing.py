"""Who can be asked now, and by which names. Made anew when a card changes, and not for every request."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from tandem.core.models import ModelCard
from tandem.core.ports import Backend
from tandem.gateway.names import Names, listed
from tandem.routing.reading import Policies


class Listing:
    """The cards of models near and far, and every name that leads to one.

    ``near`` gives the device's cards, installed or not, and the same sequence while nothing changes.
    """

    def __init__(
        self,
        near: Callable[[], Sequence[ModelCard]],
        far: Mapping[str, Backend],
        names: Names,
        policies: Policies,
    ) -> None:
        self._near = near
        self._far = far
        self._names = names
        self._policies = policies
        self._seen: Sequence[ModelCard] | None = None
        self._seen_far: list[ModelCard] = []
        self._models: list[ModelCard] = []
        self._cards: list[ModelCard] = []
        self._by_name: dict[str, ModelCard] = {}

    def models(self) -> Sequence[ModelCard]:
        """Everything that can be asked, the default model first, then the device's, then the far ones."""
        self._look()
        return self._models

    def cards(self) -> Sequence[ModelCard]:
        """Every name that can be asked for: ``auto`` and the policies first, then models, then aliases."""
        self._look()
        return self._cards

    def card(self, name: str) -> ModelCard | None:
        """The card behind a name, if there is one."""
        self._look()
        return self._by_name.get(name)

    def _look(self) -> None:
        near = self._near()
        far = [backend.card for backend in self._far.values()]
        if near is self._seen and far == self._seen_far:
            return
        here = [self._with_tasks(card) for card in near if card.installed]
        here.sort(key=lambda card: card.id != self._names.default_model)
        self._models = [*here, *far]
        self._cards = listed(self._models, self._names, self._policies)
        self._by_name = {card.id: card for card in reversed(self._cards)}
        self._seen, self._seen_far = near, far

    def _with_tasks(self, card: ModelCard) -> ModelCard:
        tasks = self._names.tasks.get(card.id)
        return replace(card, tasks=tasks) if tasks else card
