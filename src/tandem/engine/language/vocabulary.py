"""Text to token ids and single tokens to bytes. What a user typed never becomes a control token."""

import json
import re
from collections.abc import Iterable
from typing import cast

from tokenizers import Tokenizer

from tandem.engine.language.segments import Segments
from tandem.engine.tokenizer import TokenizerParts, read_parts, read_tokenizer

SENTINELS = (0xF0000, 0x110000)
"""Private-use characters; the first that occurs in no text of a request marks its broken control strings."""
BARRED = re.compile(r"<\|.*\|>|<\uff5c.*\uff5c>", re.DOTALL)


class Vocabulary:
    """One tokenizer, seen three ways: with control tokens, without them, and as bytes.

    Control tokens are the special ones, those written ``<|so|>``, and those that occur in ``templates`` or are to be
    ``visible``; other added tokens (runs of spaces, HTML tags) are ordinary text. ``added`` has the texts of both.
    ``size`` counts the ids that the tokenizer knows, ``pieces`` are their exact bytes and ``shown`` those that a reader
    sees: special tokens are silent unless they are to be visible. Raises `CorruptFile` for what cannot be read.
    """

    def __init__(self, tokenizer_json: str, templates: str = "", visible: frozenset[str] = frozenset()) -> None:
        self._whole = read_tokenizer(tokenizer_json)
        self._tokenizer_json = tokenizer_json
        parts = read_parts(tokenizer_json)
        self._segments = Segments.of(self._whole, parts)
        added = self._whole.get_added_tokens_decoder()
        self._controls = {
            token.content: id_
            for id_, token in added.items()
            if token.special or token.content in visible or _controls(token.content, templates)
        }
        self.added = frozenset(token.content for token in added.values())
        self._control_ids = frozenset(self._controls.values())
        self._breaks = _Breaks(self._controls)
        self.strips_leading_space = _strips_leading_space(parts)
        self.pieces = _token_bytes(self._whole, parts)
        self.size = len(self.pieces)
        self.longest_piece = max(map(len, self.pieces), default=1)
        self.shown = list(self.pieces)
        for id_, token in added.items():
            if token.special and token.content not in visible:
                self.shown[id_] = b""
        self._plain_first: Tokenizer | None = None
        self._plain_later: Tokenizer | None = None

    def control(self, text: str) -> int | None:
        """The id of a control token by its text."""
        return self._controls.get(text)

    def encode(self, text: str, *, add_special: bool = False) -> list[int]:
        """Token ids of text whose control strings count as control tokens. ``add_special`` adds the tokenizer's BOS."""
        if self._segments is not None and not add_special:
            return self._segments.encode(text)
        return list(self._whole.encode(text, add_special_tokens=add_special).ids)

    def sentinel(self, texts: Iterable[str]) -> str:
        """A character that occurs in none of the texts."""
        used = {char for text in texts for char in text}
        return next(chr(point) for point in range(*SENTINELS) if chr(point) not in used)

    def defuse(self, text: str, sentinel: str) -> str:
        """Break every control string in what a user wrote, also one cut off at either end, with the sentinel."""
        return self._breaks.put(text, sentinel)

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
            if id_ in self._control_ids:
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
        if len(text) > 1 and not self._control_ids.isdisjoint(ids):
            return [id_ for char in text for id_ in self._encode_plain(char, first=False)]
        return ids

    def _plain(self, *, first: bool) -> Tokenizer:
        """The tokenizer without its control tokens; ``first`` keeps the space that some put before a whole text."""
        if self._plain_first is None or self._plain_later is None:
            parts = cast("dict[str, object]", json.loads(self._tokenizer_json))
            parts |= {"post_processor": None, "truncation": None, "padding": None}
            parts["added_tokens"] = self._disguised(cast("list[dict[str, object]]", parts.get("added_tokens") or []))
            self._plain_first = Tokenizer.from_str(json.dumps(parts))
            parts["pre_tokenizer"] = json.loads(
                json.dumps(parts.get("pre_tokenizer")).replace('"prepend_scheme": "first"', '"prepend_scheme": "never"')
            )
            self._plain_later = Tokenizer.from_str(json.dumps(parts))
        return self._plain_first if first else self._plain_later

    def _disguised(self, added: list[dict[str, object]]) -> list[dict[str, object]]:
        """The added tokens with the control tokens under names that nobody writes, so that all ids stay as they are."""
        return [
            {**token, "content": f"\U0010fffd{token['id']}\U0010fffd"} if token["content"] in self._controls else token
            for token in added
        ]


class _Breaks:
    """Where control strings, whole or cut off at an end of a text, are to be broken: after their first character."""

    def __init__(self, controls: Iterable[str]) -> None:
        names = sorted(controls, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, names))) if names else None
        self._beginnings = {name[:size] for name in names for size in range(2, len(name))}
        self._endings = {name[-size:] for name in names for size in range(2, len(name))}
        self._longest = max(map(len, names), default=0)

    def put(self, text: str, sentinel: str) -> str:
        """The text with a sentinel at each break. Texts side by side then never join into a control string."""
        if self._pattern is None or not text:
            return text
        text = self._pattern.sub(lambda match: match[0][0] + sentinel + match[0][1:], text)
        sizes = range(2, min(self._longest, len(text) + 1))
        cuts = {len(text) - size + 1 for size in sizes if text[-size:] in self._beginnings}
        if any(text[:size] in self._endings for size in sizes):
            cuts.add(1)
        for cut in sorted(cuts, reverse=True):
            text = text[:cut] + sentinel + text[cut:]
        return text


def _controls(content: str, templates: str) -> bool:
    """Whether an added token that is not special steers the model all the same, as ``<think>`` may."""
    if BARRED.fullmatch(content):
        return True
    return bool(content.strip()) and not content.isalnum() and content in templates


def _strips_leading_space(parts: TokenizerParts) -> bool:
    """Whether decoding drops the space that SentencePiece puts before the first word."""
    decoder = json.dumps(parts.decoder)
    if '"Strip"' in decoder:
        return True
    return '"Metaspace"' in decoder and '"never"' not in decoder and '"add_prefix_space": false' not in decoder


def _token_bytes(tokenizer: Tokenizer, parts: TokenizerParts) -> list[bytes]:
    """The exact bytes of every token id, from the two ways in which tokenizers write bytes as characters."""
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    pieces = [b""] * (max(vocabulary.values(), default=-1) + 1)
    byte_level = "ByteLevel" in json.dumps(parts.decoder)
    texts = list(vocabulary)
    for text, piece in zip(texts, _from_byte_level(texts) if byte_level else _from_sentence_piece(texts), strict=True):
        pieces[vocabulary[text]] = piece
    for id_, token in tokenizer.get_added_tokens_decoder().items():
        pieces[id_] = token.content.encode()
    return pieces


def _from_byte_level(texts: list[str]) -> Iterable[bytes]:
    """Each character stands for a byte; a text with any other character stands for itself."""
    alphabet = _byte_alphabet()
    strange = re.compile(f"[^{re.escape(''.join(alphabet))}]")
    bytewise = str.maketrans({char: chr(byte) for char, byte in alphabet.items()})
    for text in texts:
        yield text.encode() if strange.search(text) else text.translate(bytewise).encode("latin-1")


def _from_sentence_piece(texts: list[str]) -> Iterable[bytes]:
    for text in texts:
        if len(text) == 6 and text.startswith("<0x") and text.endswith(">"):
            yield bytes([int(text[3:5], 16)])
        else:
            yield text.replace("\u2581", " ").encode()


def _byte_alphabet() -> dict[str, int]:
    """The characters that stand for bytes in GPT-2's vocabulary: printable Latin-1, and for the rest U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + at): byte for at, byte in enumerate(others)}
