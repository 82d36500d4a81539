"""Many models answering as one: names are resolved here, and one `Responder` stands for all of them.

``auto`` is the default policy. With device models only, the default model answers; a concrete name is obeyed.
What the caller named and why it was served is told in `Started.because`.
"""

import difflib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from tandem.core.chat import ChatEvent, ChatRequest, Started
from tandem.core.demands import refuse
from tandem.core.embedding import EmbeddingRequest, Embeddings
from tandem.core.errors import BadRequest, NotFound
from tandem.core.models import Kind, ModelCard
from tandem.core.ports import Backend, Embedder

AUTO = "auto"
LOCAL_FIRST = "auto:local-first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """How callers name models: the defaults behind ``auto``, and the owner's aliases (other name to model id)."""

    default_model: str
    default_embedder: str
    aliases: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The model that a name stands for, and the rule that chose it."""

    card: ModelCard
    because: str


class Gateway:
    """A `Responder`, an `Embedder` and a `Directory` over the models of this device.

    ``cards`` lists what the catalog knows now (installed or not); ``backend`` opens a model of it by id.
    """

    def __init__(
        self,
        *,
        cards: Callable[[], Sequence[ModelCard]],
        backend: Callable[[str], Backend],
        embedder: Embedder,
        names: Names,
    ) -> None:
        self._catalog = cards
        self._backend = backend
        self._embedder = embedder
        self._names = names

    def cards(self) -> Sequence[ModelCard]:
        """Every name that can be asked for now: ``auto`` first, then installed models, then aliases."""
        installed = {card.id: card for card in self._catalog() if card.installed}
        listed: list[ModelCard] = []
        default = installed.get(self._names.default_model)
        if default is not None:
            listed = [replace(default, id=name, name=_AUTO_NAMES[name], path=None) for name in (AUTO, LOCAL_FIRST)]
        listed.extend(installed.values())
        for alias, target in self._names.aliases.items():
            if target in installed and alias not in installed:
                listed.append(replace(installed[target], id=alias, name=f"{alias} ({target})"))
        return listed

    def card(self, model: str) -> ModelCard:
        """The card behind a name. Raises `NotFound` with what to do."""
        for card in self.cards():
            if card.id == model:
                return card
        raise self._missing(model)

    def target(self, model: str, kind: Kind) -> str:
        """The id of the model that a name stands for, installed or not: the default, an alias's model, or itself."""
        if _is_automatic(model, kind):
            return self._names.default_model if kind == "chat" else self._names.default_embedder
        return self._names.aliases.get(model, model)

    def route(self, model: str, kind: Kind) -> Route:
        """The installed model behind a name. Raises `NotFound`, or `BadRequest` where it is of another kind."""
        named = self.target(model, kind)
        found = next((card for card in self._catalog() if card.id == named), None)
        if found is None or not found.installed:
            raise self._missing(named)
        if found.kind != kind:
            wanted = "chat" if kind == "chat" else "embeddings"
            raise BadRequest(
                f"The model {model!r} is for {_WORK[found.kind]}, not for {wanted}. See GET /v1/models.", param="model"
            )
        return Route(card=found, because="NearestFirst" if _is_automatic(model, kind) else "AskedByName")

    async def respond(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """Answer with the model that the request's name stands for."""
        route = self.route(request.model, "chat")
        for demand in request.demands:
            raise refuse(demand)
        events = self._backend(route.card.id).respond(replace(request, model=route.card.id))
        async with aclosing(events):
            async for event in events:
                yield replace(event, because=(route.because,)) if isinstance(event, Started) else event

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """Embed with the model that the request's name stands for."""
        route = self.route(request.model, "embedding")
        made = await self._embedder.embed(replace(request, model=route.card.id))
        return replace(made, because=(route.because,))

    def _missing(self, model: str) -> NotFound:
        known = self._catalog()
        if any(card.id == model for card in known):
            advice = f"It is in the catalog but not installed here: run `tandem models pull {model}`."
        elif near := difflib.get_close_matches(model, [*self._names.aliases, *(card.id for card in known), AUTO], n=1):
            advice = f"Did you mean {near[0]!r}? GET /v1/models lists what can be asked."
        else:
            advice = "GET /v1/models lists what can be asked, `tandem models list` what can be installed."
        return NotFound(f"The model {model!r} does not exist here. {advice}", param="model", code="model_not_found")


def _is_automatic(model: str, kind: Kind) -> bool:
    return model == AUTO or (kind == "chat" and model == LOCAL_FIRST)


_AUTO_NAMES = {AUTO: "Auto (default policy)", LOCAL_FIRST: "Auto: local first"}
_WORK: Mapping[Kind, str] = {"chat": "chat", "embedding": "embeddings"}
