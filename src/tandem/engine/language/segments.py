"""Encoding a conversation that was read before, but for its end: what lies between added tokens is remembered.

An added token is found before any cutting and merging, and what lies on either side of it is encoded by itself. So a
text is exactly its stretches, where no rule of the tokenizer looks beyond them. Only such tokenizers are cut here.
"""

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from threading import Lock
from typing import cast

from tokenizers import Tokenizer

from tandem.engine.tokenizer import TokenizerParts

KEPT_CHARACTERS = 2_000_000
BLIND_CUTTERS = frozenset({"Split", "Digits", "ByteLevel", "Punctuation", "Whitespace", "WhitespaceSplit"})
"""Pre-tokenizers that do the same to a stretch wherever it stands, given that they put no space before it."""
BLIND_NORMALIZERS = frozenset({"NFC", "NFD", "NFKC", "NFKD"})


class Segments:
    """One tokenizer with a memory of the stretches that it encoded lately.

    ``held_characters`` counts what is remembered, ``kept_characters`` bounds it.
    """

    def __init__(self, tokenizer: Tokenizer, added: Mapping[str, int], kept_characters: int = KEPT_CHARACTERS) -> None:
        self._tokenizer = tokenizer
        self._added = dict(added)
        names = sorted(self._added, key=len, reverse=True)
        self._marks = re.compile("(" + "|".join(map(re.escape, names)) + ")") if names else None
        self._kept_characters = kept_characters
        self.held_characters = 0
        self._known: OrderedDict[str, Sequence[int]] = OrderedDict()
        self._lock = Lock()

    @classmethod
    def of(cls, tokenizer: Tokenizer, parts: TokenizerParts) -> "Segments | None":
        """A memory for the tokenizer of these ``parts``; ``None`` where its stretches are not encoded alone."""
        added = parts.added_tokens or []
        looks_around = any(token.get(rule) for token in added for rule in ("single_word", "lstrip", "rstrip"))
        if looks_around or any(token.get("normalized") for token in added) or not _is_blind(parts):
            return None
        return cls(tokenizer, {str(token["content"]): cast("int", token["id"]) for token in added if token["content"]})

    def encode(self, text: str) -> list[int]:
        """The ids that the tokenizer gives the whole text, without its beginning-of-text token."""
        if self._marks is None:
            return list(self._stretch(text))
        ids: list[int] = []
        for at, piece in enumerate(self._marks.split(text)):
            if at % 2:
                ids.append(self._added[piece])
            elif piece:
                ids.extend(self._stretch(piece))
        return ids

    def _stretch(self, text: str) -> Sequence[int]:
        with self._lock:
            if (known := self._known.get(text)) is not None:
                self._known.move_to_end(text)
                return known
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        with self._lock:
            if text not in self._known and len(text) <= self._kept_characters:
                self._known[text] = ids
                self.held_characters += len(text)
            while self.held_characters > self._kept_characters:
                self.held_characters -= len(self._known.popitem(last=False)[0])
        return ids


def _is_blind(parts: TokenizerParts) -> bool:
    """Whether cutting and merging see nothing beyond a stretch."""
    normalizers = {str(step.get("type")) for step in _steps(parts.normalizer, "normalizers")}
    cutters = _steps(parts.pre_tokenizer, "pretokenizers")
    return (
        parts.model.type == "BPE"
        and not parts.model.dropout
        and normalizers <= BLIND_NORMALIZERS
        and {str(step.get("type")) for step in cutters} <= BLIND_CUTTERS
        and not any(step.get("add_prefix_space") for step in cutters)
    )


def _steps(node: object, many: str) -> Iterable[dict[str, object]]:
    """The single steps of a normalizer or pre-tokenizer; none where there is none."""
    if not isinstance(node, dict):
        return []
    step = cast("dict[str, object]", node)
    if step.get("type") != "Sequence":
        return [step]
    inner = cast("list[object]", step.get(many) or [])
    return [leaf for one in inner for leaf in _steps(one, many)]
