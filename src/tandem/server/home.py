"""GET / and /home.json: a page for people, live, in English and Polish. It loads nothing from anywhere else.

The server draws every part of the page, at first sight and at every change, so numbers are written in one place. With
an API key set, a stranger gets a page without numbers that asks for the key; the parts are behind the key.
"""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, FunctionLoader
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tandem import __version__
from tandem.server.decode import encoded
from tandem.server.guards import KNOWN_KEY
from tandem.server.home_board import Board, Facts
from tandem.server.home_english import ENGLISH
from tandem.server.home_figures import Figures, Language, Period, period_of
from tandem.server.home_polish import POLISH
from tandem.server.home_view import View
from tandem.server.home_words import LANGUAGES, Words, language_of
from tandem.server.service import Service
from tandem.server.sse import json_response

WORDS: dict[Language, Words] = {"en": ENGLISH, "pl": POLISH}
PARTS = ("pulse", "hero", "where", "why", "money", "left", "waits", "choices", "now", "policies", "recent", "models")
_COOKIE = "tandem_lang"
_YEAR_SECONDS = 31_536_000
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><g fill="none" stroke-width="4">'
    '<circle cx="10" cy="20" r="7" stroke="#0b7a5b"/><circle cx="22" cy="20" r="7" stroke="#3b62c4"/>'
    '<path d="M10 20 14 8h5l3 12" stroke="#5b6775" stroke-width="3" stroke-linejoin="round"/></g></svg>'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """The parts of the page in one language, drawn from the same facts. ``body`` is what `/home.json` says."""

    facts: Facts
    parts: dict[str, str]
    body: bytes
    etag: str


class Page:
    """Draws the parts for each gathering of facts, in a thread, so that answers go on meanwhile."""

    def __init__(self, board: Board) -> None:
        self._board = board
        templates = Environment(autoescape=True, loader=FunctionLoader(_source), trim_blocks=True)
        self._shell = templates.get_template("home.html")  # compiled here, so that the first visitor need not wait
        self._parts = {name: templates.get_template(f"parts/{name}.html") for name in PARTS}
        self._drawn: dict[tuple[Period, Language], Drawn] = {}

    async def drawn(self, period: Period, language: Language) -> Drawn:
        """The parts, at most a second old."""
        facts = await self._board.facts(period)
        known = self._drawn.get((period, language))
        if known is None or known.facts is not facts:
            known = self._drawn[period, language] = await asyncio.to_thread(self._draw, facts, language)
        return known

    def shell(self, **told: object) -> str:
        """The page around its parts."""
        return self._shell.render(told)

    def _draw(self, facts: Facts, language: Language) -> Drawn:
        words, figures = WORDS[language], Figures(language)
        told = {"v": View(facts=facts, words=words, f=figures), "w": words, "f": figures}
        parts = {name: part.render(told).strip() for name, part in self._parts.items()}
        body = encoded({"fresh": facts.fresh, "parts": parts})
        return Drawn(facts=facts, parts=parts, body=body, etag=f'"{sha256(body).hexdigest()[:20]}"')


def routes(service: Service) -> list[Route]:
    """The page, its parts, and its icon."""
    page = Page(Board(service))
    return [
        Route("/", _home(page, service), methods=["GET"]),
        Route("/home.json", _parts(page), methods=["GET"]),
        Route("/favicon.svg", _icon, methods=["GET"]),
        Route("/favicon.ico", _icon, methods=["GET"]),
    ]


def _home(page: Page, service: Service) -> Callable[[Request], Awaitable[Response]]:
    style, script = _source("home.css"), _bare(_source("home.js"))
    headers = {
        "content-security-policy": _policy(style, script),
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
        "vary": "Accept-Language, Cookie",
    }

    async def home(request: Request) -> Response:
        asked, period = request.query_params.get("lang"), period_of(request.query_params.get("period"))
        language = language_of(asked or request.cookies.get(_COOKIE), request.headers.get("accept-language", ""))
        locked = not request.scope.get(KNOWN_KEY, True)
        drawn = None if locked else await page.drawn(period, language)
        words = WORDS[language]
        shell = page.shell(
            language=language,
            languages=LANGUAGES,
            w=words,
            style=Markup(style),  # noqa: S704
            script=Markup(script),  # noqa: S704
            live=_live(words, language, period, drawn),
            period=period,
            parts={name: Markup(drawn.parts[name] if drawn else "") for name in PARTS},  # noqa: S704
            locked=locked,
            fresh=drawn is not None and drawn.facts.fresh,
            keyed=bool(service.access.api_keys),
            model=service.default_model,
            links=_links(request, words),
            address=f"{request.url.scheme}://{request.headers.get('host', '')}",
            version=__version__,
        )
        answer = HTMLResponse(shell, headers={**headers, "content-language": language})
        if asked == language:
            answer.set_cookie(_COOKIE, language, max_age=_YEAR_SECONDS, samesite="lax", httponly=True)
        return answer

    return home


def _parts(page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def parts(request: Request) -> Response:
        language = language_of(request.query_params.get("lang"), request.headers.get("accept-language", ""))
        drawn = await page.drawn(period_of(request.query_params.get("period")), language)
        same = request.headers.get("if-none-match") == drawn.etag
        answer = Response(status_code=304) if same else json_response(drawn.body)
        answer.headers.update({"etag": drawn.etag, "cache-control": "no-store"})
        return answer

    return parts


async def _icon(_: Request) -> Response:
    return Response(_ICON, media_type="image/svg+xml", headers={"cache-control": "max-age=86400"})


def _live(words: Words, language: Language, period: Period, drawn: Drawn | None) -> dict[str, object]:
    """What the script is told."""
    return {
        "url": f"/home.json?lang={language}&period={period}",
        "etag": drawn.etag if drawn else "",
        "locked": drawn is None,
        "words": words.try_it,
        "places": words.places,
        "rules": words.rules,
    }


def _links(request: Request, words: Words) -> list[tuple[str, str]]:
    """The other pages of this server, of those that it has."""
    there = {getattr(route, "path", "") for route in request.app.routes}
    return [(path, what) for path, what in words.links.items() if path in there]


def _source(name: str) -> str:
    """A file of the pages."""
    return (files("tandem.server") / "pages" / name).read_text("utf-8")


def _bare(script: str) -> str:
    """A script without its remarks and margins, which visitors need not load."""
    lines = (line.strip() for line in script.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith(("//", "/** ")))


def _policy(style: str, script: str) -> str:
    """Nothing but our own style sheet, script and icon, and our own answers."""
    return (
        f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; connect-src 'self'; "
        "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
