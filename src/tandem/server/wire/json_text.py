"""JSON that a caller sent and that travels on as text: schemas of tools and answers, arguments of calls."""

import msgspec

from tandem.core.errors import BadRequest

JsonObject = dict[str, object]
MAX_DEPTH = 100
"""How deep a schema may nest: beyond that nobody means it, and every reader of it would have to fear its own stack."""


def json_text(value: object, param: str) -> str:
    """Compact JSON text. Raises `BadRequest` naming ``param`` where the value nests too deeply."""
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return msgspec.json.encode(value).decode()
    raise BadRequest(f"'{param}' nests deeper than {MAX_DEPTH} levels.", param=param)


def _children(value: object) -> list[object]:
    match value:
        case dict():
            return list(value.values())  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        case list():
            return value  # pyright: ignore[reportUnknownVariableType]
        case _:
            return []
