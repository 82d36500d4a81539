"""POST /v1/embeddings."""

import sys
from array import array
from base64 import b64encode
from typing import Annotated, Literal

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tandem.core.chat import Started, Usage
from tandem.core.embedding import EmbeddingRequest, Embeddings
from tandem.core.errors import BadRequest
from tandem.server.decode import decoded, encoded
from tandem.server.exchange import exchange_of
from tandem.server.service import Service
from tandem.server.sse import json_response
from tandem.server.wire.fields import Text, TokenId

Inputs = Text | Annotated[list[str | TokenId | list[TokenId]], Meta(min_length=1)]


class EmbeddingBody(Struct, kw_only=True):
    """OpenAI's embedding request. One list of token ids is one input; a list of such lists is many."""

    model: Text
    input: Annotated[
        Inputs,
        Meta(
            extra_json_schema={
                "anyOf": [
                    {"type": "string", "minLength": 1},
                    {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
                    {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}},
                    {
                        "type": "array",
                        "minItems": 1,
                        "items": {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}},
                    },
                ]
            }
        ),
    ]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    user: str | None = None


class Vector(Struct, kw_only=True):
    """One embedding: numbers, or their little-endian float32 bytes in base64."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingCounts(Struct, kw_only=True):
    """OpenAI's ``usage`` of embeddings."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingList(Struct, kw_only=True):
    """All embeddings, in the order of the inputs."""

    object: Literal["list"] = "list"
    data: list[Vector]
    model: str
    usage: EmbeddingCounts


def routes(service: Service) -> list[Route]:
    """The one route of this dialect."""

    async def embeddings(request: Request) -> Response:
        body = decoded(await request.body(), EmbeddingBody)
        exchange = exchange_of(request)
        card = service.directory.card(body.model)
        if card.kind != "embedding":
            raise BadRequest(
                f"The model '{body.model}' does not make embeddings. GET /v1/models lists those that do.",
                param="model",
                code="model_not_supported",
            )
        asked = EmbeddingRequest(
            id=exchange.request_id,
            model=body.model,
            inputs=_inputs(body.input, service.limits.embedding_inputs),
            dimensions=body.dimensions,
        )
        made = await service.embedder.embed(asked)
        exchange.began(Started(model=made.model, place=card.place, because=made.because))
        exchange.usage = Usage(prompt_tokens=made.prompt_tokens, completion_tokens=0)
        return json_response(encoded(_listed(made, as_base64=body.encoding_format == "base64")))

    return [Route("/v1/embeddings", embeddings, methods=["POST"])]


def _inputs(given: Inputs, limit: int) -> tuple[str | tuple[int, ...], ...]:
    if isinstance(given, str):
        return (given,)
    tokens = tuple(one for one in given if isinstance(one, int))
    if len(tokens) == len(given):
        return (tokens,)
    if len(given) > limit:
        raise BadRequest(f"Invalid value for 'input': at most {limit} inputs can be sent at once.", param="input")
    inputs = tuple(tuple(one) if isinstance(one, list) else one for one in given if not isinstance(one, int))
    if len(inputs) != len(given) or len({type(one) for one in inputs}) > 1:
        raise BadRequest("Invalid type for 'input': texts and token ids cannot be mixed.", param="input")
    for at, one in enumerate(inputs):
        if not one:
            raise BadRequest(f"Invalid value for 'input[{at}]': it is empty.", param=f"input[{at}]")
    return inputs


def _listed(made: Embeddings, *, as_base64: bool) -> EmbeddingList:
    return EmbeddingList(
        data=[
            Vector(index=at, embedding=_base64(vector) if as_base64 else vector.tolist())
            for at, vector in enumerate(made.vectors)
        ],
        model=made.model,
        usage=EmbeddingCounts(prompt_tokens=made.prompt_tokens, total_tokens=made.prompt_tokens),
    )


def _base64(vector: "array[float]") -> str:
    if sys.byteorder == "big":
        vector = array("f", vector)
        vector.byteswap()
    return b64encode(vector.tobytes()).decode("ascii")
