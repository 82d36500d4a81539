"""GET /healthz, /readyz and /metrics: for those who watch over the server."""

from typing import Literal

from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tandem import __version__
from tandem.server.decode import encoded
from tandem.server.service import Service, WorkerFact
from tandem.server.sse import json_response


class Alive(Struct, kw_only=True):
    """The server runs."""

    version: str
    status: Literal["ok"] = "ok"


class Ready(Struct, kw_only=True):
    """Whether the default model can answer, and under which seal its worker runs."""

    status: Literal["ready", "not ready"]
    model: str
    seal: str
    detail: str
    workers: tuple[WorkerFact, ...] = ()


def routes(service: Service) -> list[Route]:
    """The three probes."""

    async def healthz(_: Request) -> Response:
        return json_response(encoded(Alive(version=__version__)))

    async def readyz(_: Request) -> Response:
        found = await service.readiness()
        body = Ready(
            status="ready" if found.ready else "not ready",
            model=found.model,
            seal=found.seal,
            detail=found.detail,
            workers=found.workers,
        )
        return json_response(encoded(body), 200 if found.ready else 503)

    async def metrics(_: Request) -> Response:
        return Response(service.metrics.text(), headers={"content-type": CONTENT_TYPE_LATEST})

    return [
        Route("/healthz", healthz, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]
