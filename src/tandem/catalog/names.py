"""Which ids a model may have: short, lower case, and safe as a folder's name on every system."""

import re
import unicodedata

from tandem.core.errors import BadRequest

_ID = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_LONGEST = 64
_RESERVED = frozenset(
    {"auto", "echo", "con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(10)}
)


def checked_id(model: str) -> str:
    """The id itself. Raises `BadRequest` where it could not name a folder or means something else already."""
    if _RESERVED & {model, model.split(".", 1)[0]}:
        raise BadRequest(f'"{model}" has a meaning of its own. Choose another id with --id.', param="id")
    if not _ID.fullmatch(model) or ".." in model:
        raise BadRequest(
            f'"{model}" cannot be a model\'s id. An id has 1 to {_LONGEST} lower-case letters, digits, dots, '
            f'underscores and hyphens, and begins and ends with a letter or digit, such as "{slug(model)}".',
            param="id",
        )
    return model


def slug(name: str) -> str:
    """An id made of any name: `Qwen2.5 0.5B Instruct` gives `qwen2.5-0.5b-instruct`; `model` where nothing is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    joined = re.sub(r"[^a-z0-9._]+", "-", plain)
    single = re.sub(r"([._-])[._-]+", r"\1", joined)
    return single.strip("._-")[:_LONGEST].strip("._-") or "model"
