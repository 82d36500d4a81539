"""Text to token ids and single tokens to bytes. What a user typed never becomes a control token."""

import json
import re
from collections.abc import Iterable
from typing import cast

from tokenizers import Tokenizer

from tandem.core.errors import CorruptFile

SENTINELS = (0xF0000, 0x110000)
"""Private-use characters; the first that occurs in no text of a request marks its broken control strings."""


class Vocabulary:
    """One tokenizer, seen three ways: with control tokens, without them, and as bytes.

    ``size`` counts the ids that the tokenizer knows. Raises `CorruptFile` for a tokenizer that cannot be read.
    """

    def __init__(self, tokenizer_json: str, visible: frozenset[str] = frozenset()) -> None:
        try:
            self._whole = Tokenizer.from_str(tokenizer_json)
            parts = cast("dict[str, object]", json.loads(tokenizer_json))
        except Exception as error:
            raise CorruptFile(f"tokenizer.json cannot be read: {error}") from error
        self._whole.no_truncation()
        self._whole.no_padding()
        self._parts = parts
        self._controls = self._whole.get_added_tokens_decoder()
        self._control_texts = sorted((token.content for token in self._controls.values()), key=len, reverse=True)
        self._control_ids = {token.content: id_ for id_, token in self._controls.items()}
        self._pattern = re.compile("|".join(map(re.escape, self._control_texts))) if self._controls else None
        self.strips_leading_space = "Strip" in json.dumps(parts.get("decoder"))
        self.pieces = _token_bytes(self._whole, parts)
        self.size = len(self.pieces)
        self.shown = self._shown(visible)
        self._plain_first: Tokenizer | None = None
        self._plain_later: Tokenizer | None = None

    def control(self, text: str) -> int | None:
        """The id of a control token by its text."""
        return self._control_ids.get(text)

    def names(self) -> frozenset[str]:
        """The text of every control token."""
        return frozenset(self._control_texts)

    def is_special(self, token: int) -> bool:
        """Whether the tokenizer leaves this token out of readable text."""
        return token in self._controls and bool(self._controls[token].special)

    def _shown(self, visible: frozenset[str]) -> list[bytes]:
        """Bytes as a reader sees them: special tokens are silent unless ``visible`` names them."""
        shown = list(self.pieces)
        for id_, token in self._controls.items():
            if token.special and token.content not in visible:
                shown[id_] = b""
        return shown

    def encode(self, text: str, *, add_special: bool = False) -> list[int]:
        """Token ids of text whose control strings count as control tokens. ``add_special`` adds the tokenizer's BOS."""
        return list(self._whole.encode(text, add_special_tokens=add_special).ids)

    def sentinel(self, texts: Iterable[str]) -> str:
        """A character that occurs in none of the texts."""
        used = {char for text in texts for char in text}
        return next(chr(point) for point in range(*SENTINELS) if chr(point) not in used)

    def defuse(self, text: str, sentinel: str) -> str:
        """Break every control string in what a user wrote, also one cut off at either end, with the sentinel."""
        if self._pattern is None or not text:
            return text
        text = self._pattern.sub(lambda match: match[0][0] + sentinel + match[0][1:], text)
        return self._defuse_ends(text, sentinel)

    def _defuse_ends(self, text: str, sentinel: str) -> str:
        """Two texts side by side could otherwise join into a control string."""
        for control in self._control_texts:
            for size in range(len(control) - 1, 1, -1):
                if text.endswith(control[:size]):
                    text = text[: len(text) - size + 1] + sentinel + text[len(text) - size + 1 :]
                if text.startswith(control[-size:]):
                    text = text[0] + sentinel + text[1:]
        return text

    def encode_defused(self, text: str, sentinel: str) -> list[int]:
        """Token ids of a rendered prompt: its own control strings count, the broken ones become plain text again.

        Where nothing was broken this is `encode`. Otherwise each stretch between control tokens that holds a sentinel
        is encoded anew without it, by a tokenizer that knows no control tokens.
        """
        if sentinel not in text:
            return self.encode(text)
        encoding = self._whole.encode(text, add_special_tokens=False)
        ids: list[int] = []
        begin = 0
        stretch: list[int] = []
        for id_, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            if id_ in self._controls:
                ids += self._stretch(text[begin:start], stretch, sentinel, first=begin == 0)
                ids.append(id_)
                begin, stretch = end, []
            else:
                stretch.append(id_)
        return ids + self._stretch(text[begin:], stretch, sentinel, first=begin == 0)

    def _stretch(self, text: str, ids: list[int], sentinel: str, *, first: bool) -> list[int]:
        return self._encode_plain(text.replace(sentinel, ""), first=first) if sentinel in text else ids

    def _encode_plain(self, text: str, *, first: bool) -> list[int]:
        ids = list(self._plain(first=first).encode(text, add_special_tokens=False).ids)
        if len(text) > 1 and any(id_ in self._controls for id_ in ids):
            return [id_ for char in text for id_ in self._encode_plain(char, first=False)]
        return ids

    def _plain(self, *, first: bool) -> Tokenizer:
        """The tokenizer without its control tokens; ``first`` keeps the space that some put before a whole text."""
        if self._plain_first is None or self._plain_later is None:
            no_tokens: list[object] = []
            parts = {
                **self._parts,
                "added_tokens": no_tokens,
                "post_processor": None,
                "truncation": None,
                "padding": None,
            }
            self._plain_first = Tokenizer.from_str(json.dumps(parts))
            parts["pre_tokenizer"] = json.loads(
                json.dumps(parts.get("pre_tokenizer")).replace('"prepend_scheme": "first"', '"prepend_scheme": "never"')
            )
            self._plain_later = Tokenizer.from_str(json.dumps(parts))
        return self._plain_first if first else self._plain_later


def _token_bytes(tokenizer: Tokenizer, parts: dict[str, object]) -> list[bytes]:
    """The exact bytes of every token id, from the two ways in which tokenizers write bytes as characters."""
    decoder = json.dumps(parts.get("decoder"))
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    pieces = [b""] * (max(vocabulary.values(), default=-1) + 1)
    byte_level = "ByteLevel" in decoder
    alphabet = _byte_alphabet()
    for text, id_ in vocabulary.items():
        pieces[id_] = _from_byte_level(text, alphabet) if byte_level else _from_sentence_piece(text)
    for id_, token in tokenizer.get_added_tokens_decoder().items():
        pieces[id_] = token.content.encode()
    return pieces


def _from_byte_level(text: str, alphabet: dict[str, int]) -> bytes:
    try:
        return bytes(alphabet[char] for char in text)
    except KeyError:
        return text.encode()


def _from_sentence_piece(text: str) -> bytes:
    if len(text) == 6 and text.startswith("<0x") and text.endswith(">"):
        return bytes([int(text[3:5], 16)])
    return text.replace("\u2581", " ").encode()


def _byte_alphabet() -> dict[str, int]:
    """The characters that stand for bytes in GPT-2's vocabulary: printable Latin-1, and for the rest U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + at): byte for at, byte in enumerate(others)}
