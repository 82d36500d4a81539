"""A catalog of cards for tests: what is known is installed."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from tandem.core.errors import NotFound
from tandem.core.models import ModelCard


def known(cards: Iterable[ModelCard]) -> Callable[[str], ModelCard]:
    """A look-up as the catalog's. It raises `NotFound` for others."""
    rows = {card.id: replace(card, installed=True) for card in cards}

    def card_of(model: str) -> ModelCard:
        if model not in rows:
            raise NotFound(f"There is no model {model!r}. See `tandem models list`.", param="model")
        return rows[model]

    return card_of
