"""GET /: a page for people: what runs here, and how to ask it. It loads nothing from anywhere, and runs no script."""

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tandem import __version__
from tandem.server.guards import KNOWN_KEY
from tandem.server.home_words import LANGUAGES, WORDS, language_of
from tandem.server.service import Service

_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><g fill="none" stroke-width="4">'
    '<circle cx="10" cy="20" r="7" stroke="#0b7a5b"/><circle cx="22" cy="20" r="7" stroke="#3b62c4"/>'
    '<path d="M10 20 14 8h5l3 12" stroke="#5b6775" stroke-width="3" stroke-linejoin="round"/></g></svg>'
)


def routes(service: Service) -> list[Route]:
    """The page and its icon."""
    pages = files("tandem.server") / "pages"
    style = (pages / "home.css").read_text("utf-8")
    template = Environment(autoescape=True).from_string((pages / "home.html").read_text("utf-8"))
    headers = {
        "content-security-policy": _policy(style),
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
        "vary": "Accept-Language",
    }

    async def home(request: Request) -> Response:
        language = language_of(request.query_params.get("lang"), request.headers.get("accept-language", ""))
        page = template.render(
            language=language,
            languages=LANGUAGES,
            words=WORDS[language],
            style=Markup(style),  # noqa: S704
            known=request.scope.get(KNOWN_KEY, True),
            keyed=bool(service.access.api_keys),
            readiness=await service.readiness(),
            answers=service.metrics.answers_by_place(),
            cards=service.directory.cards(),
            model=service.default_model,
            address=f"{request.url.scheme}://{request.headers.get('host', '')}",
            version=__version__,
        )
        return HTMLResponse(page, headers={**headers, "content-language": language})

    async def icon(_: Request) -> Response:
        return Response(_ICON, media_type="image/svg+xml", headers={"cache-control": "max-age=86400"})

    return [
        Route("/", home, methods=["GET"]),
        Route("/favicon.svg", icon, methods=["GET"]),
        Route("/favicon.ico", icon, methods=["GET"]),
    ]


def _policy(style: str) -> str:
    """Nothing but our own style sheet and icon."""
    digest = b64encode(sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
