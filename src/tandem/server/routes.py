"""All routes of the one port, gathered from the dialects, behind the outer door."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tandem.server import probes
from tandem.server.door import Door
from tandem.server.guards import Guards
from tandem.server.presence import Presence
from tandem.server.service import Service
from tandem.server.wire import chat, completions, embeddings, models

_PARTS = (chat.routes, completions.routes, embeddings.routes, models.routes, probes.routes)


def build(service: Service) -> Starlette:
    """The whole application."""
    routes: list[BaseRoute] = [route for part in _PARTS for route in part(service)]
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(Door, service=service),
            Middleware(Guards, access=service.access),
            Middleware(Presence, body_bytes=service.limits.body_bytes),
        ],
        exception_handlers={HTTPException: _leave_it_to_the_door},
    )
    app.router.redirect_slashes = False
    return app


async def _leave_it_to_the_door(_: Request, error: Exception) -> Response:
    raise error
