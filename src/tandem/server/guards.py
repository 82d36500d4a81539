"""Who may come in: DNS rebinding, other origins and missing keys are stopped before anything is read.

A page on the web can make a browser call this machine. Its requests carry the page's ``Origin``; and where the page's
own name was pointed at this machine (DNS rebinding), they carry that name as ``Host``. So both are checked.
"""

import hmac
import re
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import urlsplit

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tandem.server.exchange import SCOPE_KEY, header_value
from tandem.server.failures import Failure, Refusal
from tandem.server.running import is_loopback
from tandem.server.service import Access

OPEN_PATHS = frozenset({"/", "/healthz", "/favicon.ico", "/favicon.svg"})
"""What may be seen without a key: that it is alive, and a home page that then tells nothing else."""

KNOWN_KEY = "tandem.known"
"""Where the scope says whether the caller may see everything."""
_NO_HOST = re.compile(r"[@/?#\\\s]")
_EXPOSED = (
    "x-tandem-request-id, x-tandem-model, x-tandem-place, x-tandem-because, x-tandem-fallbacks, x-tandem-note, "
    "x-request-id, retry-after"
)


class Guards:
    """ASGI middleware that lets in who may come in, and answers the questions that browsers ask first (CORS)."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._hosts = frozenset(host.strip("[]").lower() for host in access.hosts)
        self._origins = frozenset(origin.rstrip("/").lower() for origin in access.cors_origins)
        self._digests = tuple(_digest(key) for key in access.api_keys)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = _first_of_each(scope)
        if (stranger := self._stranger(headers, scope)) is not None:
            raise Refusal(stranger)
        origin = headers.get("origin", "")
        if origin and self._is_listed(origin):
            scope[SCOPE_KEY].headers.extend(_cors(origin))
            if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
                await _preflight(headers)(scope, receive, send)
                return
        scope[KNOWN_KEY] = self._has_key(headers)
        if not scope[KNOWN_KEY] and scope["path"] not in OPEN_PATHS:
            raise Refusal(_no_key(given=bool(_keys(headers))))
        await self._app(scope, receive, send)

    def _stranger(self, headers: Mapping[str, str], scope: Scope) -> Failure | None:
        host = headers.get("host", "")
        name = _hostname(host)
        old_probe = "host" not in headers and scope.get("http_version") == "1.0"
        if not old_probe and (name is None or not self._is_ours(name, scope)):
            return _refused(
                f"Requests for the host '{_short(host)}' are refused, so that no web page can pose as this machine. "
                "Use http://127.0.0.1 or http://localhost, or add the name to the server's hosts."
            )
        origin = headers.get("origin")
        if origin is None:
            if scope["method"] not in {"GET", "HEAD"} and headers.get("sec-fetch-site") == "cross-site":
                return _refused("Requests of pages on other sites are refused.")
            return None
        if self._is_listed(origin) or _same_origin(origin, host, scope["scheme"]):
            return None
        return _refused(
            f"Requests of pages on '{_short(origin)}' are refused. To allow them, add that origin to "
            "server.cors_origins in tandem.toml."
        )

    def _is_ours(self, name: str, scope: Scope) -> bool:
        server = scope.get("server") or ("", 0)
        return is_loopback(name) or name in self._hosts or name == str(server[0]).lower()

    def _is_listed(self, origin: str) -> bool:
        return "*" in self._origins or origin.lower() in self._origins

    def _has_key(self, headers: Mapping[str, str]) -> bool:
        """Compare every key given with every key known, in a time that tells nothing."""
        if not self._digests:
            return True
        matches = [hmac.compare_digest(_digest(key), digest) for key in _keys(headers) for digest in self._digests]
        return any(matches)


def _first_of_each(scope: Scope) -> Mapping[str, str]:
    """The request's headers by their names, which are small letters; of a name that comes twice, the first."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}


def _keys(headers: Mapping[str, str]) -> list[str]:
    kind, _, token = headers.get("authorization", "").partition(" ")
    given = [token.strip()] if kind.lower() == "bearer" else []
    return [key for key in (*given, headers.get("x-api-key", "")) if key]


def _digest(key: str) -> bytes:
    return sha256(key.encode("utf-8", "surrogateescape")).digest()


def _hostname(host: str) -> str | None:
    """The name in a Host header, without its port; ``None`` where it is none."""
    if _NO_HOST.search(host):
        return None
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _same_origin(origin: str, host: str, scheme: str) -> bool:
    return origin.lower() == f"{scheme}://{host}".lower()


def _short(text: str) -> str:
    return "".join(sign for sign in text[:100] if sign.isprintable())


def _refused(message: str) -> Failure:
    return Failure(status=403, message=message, kind="permission_error", code="forbidden")


def _no_key(*, given: bool) -> Failure:
    message = "The API key is not one that this server knows." if given else "This server wants an API key."
    return Failure(
        status=401,
        message=f"{message} Send it as 'Authorization: Bearer KEY'.",
        kind="invalid_request_error",
        code="invalid_api_key",
        headers={"www-authenticate": "Bearer"},
    )


def _preflight(headers: Mapping[str, str]) -> Response:
    allowed = {
        "access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
        "access-control-allow-headers": headers.get("access-control-request-headers", "*"),
        "access-control-max-age": "600",
    }
    if headers.get("access-control-request-private-network") == "true":
        allowed["access-control-allow-private-network"] = "true"
    return Response(status_code=204, headers=allowed)


def _cors(origin: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"access-control-allow-origin", header_value(origin)),
        (b"access-control-expose-headers", _EXPOSED.encode()),
        (b"vary", b"Origin"),
    ]
