"""All routes of the one port, gathered from the dialects, behind the outer door."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route

from tandem.server import description, home, probes
from tandem.server.door import Door
from tandem.server.guards import Guards
from tandem.server.service import Service
from tandem.server.stored import ResponseStore
from tandem.server.visits import Visits
from tandem.server.wire import chat, completions, embeddings, messages, models, responses

_PARTS = (
    chat.routes,
    completions.routes,
    embeddings.routes,
    messages.routes,
    models.routes,
    probes.routes,
    description.routes,
    home.routes,
)


def build(service: Service) -> Starlette:
    """The whole application. It owns the store of responses, and closes it at the end of its lifespan."""
    store = ResponseStore(service.store, limits=service.store_limits, clock=service.now)
    routes: list[BaseRoute] = [route for part in _PARTS for route in part(service)]

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with store:
            yield

    app = Starlette(
        routes=[*routes, *responses.routes(service, store)],
        middleware=[
            Middleware(Door, service=service),
            Middleware(Guards, access=service.access),
            Middleware(Visits, body_bytes=service.limits.body_bytes),
        ],
        exception_handlers={HTTPException: _leave_it_to_the_door},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


async def _leave_it_to_the_door(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == 405:
        raise HTTPException(405, headers={"allow": ", ".join(_methods_at(request))}) from error
    raise error


def _methods_at(request: Request) -> list[str]:
    """Every method that a path knows: each has a route of its own."""
    found: set[str] = set()
    for route in request.app.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            found |= route.methods or set()
    return sorted(found)
