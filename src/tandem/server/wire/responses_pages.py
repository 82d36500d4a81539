"""Lists that are read page by page, as OpenAI pages them: ``after`` an item, at most ``limit``, in an ``order``."""

from collections.abc import Mapping, Sequence

from tandem.core.errors import BadRequest
from tandem.server.wire.json_text import JsonObject

DEFAULT_LIMIT = 20
MAX_LIMIT = 100


def page_of(items: Sequence[JsonObject], query: Mapping[str, str]) -> JsonObject:
    """One page of ``items``; they come oldest first. Raises `BadRequest` for a wrong query."""
    order = query.get("order", "desc")
    if order not in {"asc", "desc"}:
        raise BadRequest("'order' must be asc or desc.", param="order")
    listed = list(items) if order == "asc" else list(reversed(items))
    rest = listed[_start(listed, query.get("after")) :]
    limit = _limit(query.get("limit"))
    page = rest[:limit]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(rest) > limit,
    }


def _start(items: Sequence[JsonObject], after: str | None) -> int:
    if not after:
        return 0
    at = next((at for at, item in enumerate(items) if item["id"] == after), None)
    if at is None:
        raise BadRequest("'after' names no item of this list.", param="after")
    return at + 1


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= MAX_LIMIT):
        raise BadRequest(f"'limit' must be a whole number from 1 to {MAX_LIMIT}.", param="limit")
    return int(text)
