"""In what an OpenAI-compatible far side differs from OpenAI, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """The habits of one provider. Names are fields of OpenAI's request.

    ``renames``: fields that have another name there. ``refuses``: fields that it does not know and that would change
    the answer; a value such as ``response_format.json_schema`` can be named too. ``drops``: fields that it does not
    know and that change no answer. ``knows``: fields that are not OpenAI's and that it knows. ``stream_usage``: usage
    in a stream is asked for with ``stream_options``. ``completions``: it continues plain text. ``developer``: it knows
    that role.
    """

    renames: Mapping[str, str] = field(default_factory=dict[str, str])
    refuses: frozenset[str] = frozenset()
    drops: frozenset[str] = frozenset()
    knows: frozenset[str] = frozenset()
    stream_usage: bool = True
    completions: bool = False
    developer: bool = False
