"""GET /v1/models and GET /v1/models/{id}."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tandem.core.chat import Place
from tandem.core.models import Kind, ModelCard
from tandem.server.decode import encoded
from tandem.server.service import Service
from tandem.server.sse import json_response


class Model(Struct, kw_only=True):
    """OpenAI's model, and after it what Tandem knows besides."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str
    name: str | UnsetType = UNSET
    kind: Kind
    place: Place
    context_tokens: int
    installed: bool
    abilities: list[str]


class ModelList(Struct, kw_only=True):
    """Every model that may be named."""

    object: Literal["list"] = "list"
    data: list[Model]


def routes(service: Service) -> list[Route]:
    """The list, and each of it. An id may hold slashes and colons."""

    async def models(_: Request) -> Response:
        return json_response(encoded(ModelList(data=[_model(card, card.id) for card in service.directory.cards()])))

    async def model(request: Request) -> Response:
        name = str(request.path_params["model_id"])
        return json_response(encoded(_model(service.directory.card(name), name)))

    return [
        Route("/v1/models", models, methods=["GET"]),
        Route("/v1/models/{model_id:path}", model, methods=["GET"]),
    ]


def _model(card: ModelCard, name: str) -> Model:
    return Model(
        id=name,
        created=card.created,
        owned_by="tandem" if card.place == "device" else card.source,
        name=card.name or UNSET,
        kind=card.kind,
        place=card.place,
        context_tokens=card.context_tokens,
        installed=card.installed,
        abilities=sorted(card.abilities),
    )
