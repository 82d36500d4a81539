"""All routes of the one port, gathered from the dialects, behind the outer door."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tandem.server.door import Door
from tandem.server.service import Service


def build(service: Service) -> Starlette:
    """The whole application."""
    routes: list[BaseRoute] = []
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Door, service=service)],
        exception_handlers={HTTPException: _leave_it_to_the_door},
    )
    app.router.redirect_slashes = False
    return app


async def _leave_it_to_the_door(_: Request, error: Exception) -> Response:
    raise error
