"""The small talk of chat programs: titles, tags and follow-ups that they ask for on their own account.

A prompt counts only where it is a known template from its first character to its last. What looks like one and is not,
because a person wrote it or an owner changed it, is taken for a person's own words; owners can send ``X-Task``.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2s

from tandem.core.chat import Message
from tandem.routing.small_talk_prints import TEMPLATES, Fixed, Template

OPENING = 16
"""Characters by which a text is looked up before anything of it is hashed."""
_MOST_TRIES = 64
"""How often a text that opens as a middle piece may turn out not to be it."""


class SmallTalk:
    """Knows some templates. ``recognise`` of this module knows those of `TEMPLATES`."""

    def __init__(self, templates: Iterable[Template]) -> None:
        known: dict[str, list[Template]] = {}
        for template in templates:
            first = template.pieces[0]
            if first is None or len(first.opening) < OPENING:
                raise ValueError(f"a template must open with a fixed text of {OPENING} characters: {template.source}")
            known.setdefault(first.opening, []).append(template)
        self._by_opening: Mapping[str, Sequence[Template]] = known

    def recognise(self, messages: Sequence[Message]) -> str | None:
        """What a program asks for on its own account, such as ``title_generation``; ``None`` for a person's words."""
        if not messages:
            return None
        for message in messages[-1:] if len(messages) == 1 else (messages[-1], messages[0]):
            for template in self._by_opening.get(message.content[:64].lstrip()[:OPENING], ()):
                if _stands_right(template, message, messages) and _fits(template.pieces, message.content.strip()):
                    return template.purpose
        return None


def digest_of(text: str) -> str:
    """BLAKE2s of the UTF-8 text, 8 bytes, in hexadecimal digits."""
    return blake2s(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def fixed(text: str) -> Fixed:
    """The fingerprint of a text that is always the same."""
    return Fixed(text[:OPENING], len(text), digest_of(text))


def _stands_right(template: Template, message: Message, messages: Sequence[Message]) -> bool:
    role = "system" if message.role == "developer" else message.role
    if role != template.role:
        return False
    return template.after_talk or sum(one.role not in {"system", "developer"} for one in messages) <= 1


def _fits(pieces: Sequence[Fixed | None], text: str) -> bool:
    """Whether a text is these pieces from end to end."""
    at = 0
    loose = False
    for number, piece in enumerate(pieces):
        if piece is None:
            loose = True
            continue
        if not loose:
            start = at
        elif number == len(pieces) - 1:
            start = len(text) - piece.characters
        else:
            start = _found(piece, text, at)
        if start < at or not _is_at(piece, text, start):
            return False
        at, loose = start + piece.characters, False
    return loose or at == len(text)


def _found(piece: Fixed, text: str, start: int) -> int:
    """Where a piece stands first; -1 where it does not."""
    for _ in range(_MOST_TRIES):
        start = text.find(piece.opening, start)
        if start < 0 or _is_at(piece, text, start):
            return start
        start += 1
    return -1


def _is_at(piece: Fixed, text: str, start: int) -> bool:
    return text.startswith(piece.opening, start) and digest_of(text[start : start + piece.characters]) == piece.digest


recognise = SmallTalk(TEMPLATES).recognise
