"""Constrained decoding: JSON Schemas and call formats become masks over the vocabulary, by llguidance.

Compiled grammars are kept by their text. Whoever wrote the schema is not trusted: its size, its depth and what its
grammar may cost are bounded, and what is refused is refused by name before a token is spoken.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
from llguidance import LLMatcher, LLParserLimits, LLTokenizer
from numpy.typing import NDArray

from tandem.core.errors import BadRequest
from tandem.engine.language.closing import WayOut
from tandem.engine.language.numerals import Numerals

SCHEMA_CHARACTERS = 262_144
SCHEMA_DEPTH = 64
CACHED_GRAMMARS = 64
LAYOUT = {"whitespace_flexible": False, "item_separator": ", ?", "key_separator": ": ?"}
"""JSON comes on one line, with or without a space after commas and colons: nothing can be spaced out, and a small model
spends its tokens on the content."""
FORMATS = frozenset(
    ["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"],
)
CLOSING_TOKENS = 160
"""An answer that has no more tokens left than this is watched, so that it is complete when they are spent."""
CLOSING_LEAP_TOKENS = 48
CLOSING_LOOK_EVERY = 8
"""While far more is left than completing took when it was last looked at, it is looked at now and then."""
STRUCTURE = frozenset(b'"\\{}[],:')
DATA_KEYS = frozenset(["const", "enum", "default", "examples"])


@dataclass(frozen=True, slots=True)
class _Tokens:
    """The bytes of every token, the way out of a text of them, and which begin with a digit (shape [size])."""

    pieces: Sequence[bytes]
    way_out: WayOut
    digit_first: NDArray[np.bool_]


class Constraint:
    """A grammar being followed by one answer."""

    def __init__(self, matcher: LLMatcher, tokens: _Tokens) -> None:
        self._matcher = matcher
        self._tokens = tokens
        self._numerals = Numerals()
        size = self._size = len(tokens.pieces)
        self._words: NDArray[np.uint32] = np.zeros((size + 31) // 32, dtype=np.uint32)
        self._address = self._words.ctypes.data
        self._bytes = self._words.view(np.uint8)
        self._needed = 0
        self._closable = True

    @property
    def complete(self) -> bool:
        """Whether the text so far satisfies the grammar, so that it may end here."""
        return self._matcher.is_accepting()

    @property
    def stopped(self) -> bool:
        """Whether nothing more can follow."""
        return self._matcher.is_stopped()

    def mask(self) -> NDArray[np.bool_]:
        """Which token ids may come next, of shape [size]. Raises `BadRequest` where the grammar grew too costly."""
        self._matcher.unsafe_compute_mask_ptr(self._address, self._words.nbytes)
        if self._matcher.is_error():
            raise BadRequest("The schema is too costly to follow: simplify its patterns.", param="response_format")
        allowed = np.unpackbits(self._bytes, count=self._size, bitorder="little").view(np.bool_)
        if self._numerals.full:
            ended = allowed & ~self._tokens.digit_first
            return ended if ended.any() else allowed
        return allowed

    def in_time(self, token: int, left: int) -> int:
        """``token`` where, of ``left`` tokens from it on, enough remain to complete the text after it.

        Else the next token of the way out. Where no way fits any more, the answer ends where it ends.
        """
        if left > CLOSING_TOKENS or not self._closable:
            return token
        piece, needed = self._tokens.pieces[token], self._needed
        far = left > 2 * needed + CLOSING_LEAP_TOKENS and left % CLOSING_LOOK_EVERY
        in_text = left > needed + CLOSING_LOOK_EVERY and self._numerals.in_string and STRUCTURE.isdisjoint(piece)
        if needed and (far or in_text):
            return token
        after, numerals = self._matcher.deep_copy(), copy(self._numerals)
        numerals.feed(piece)
        closing = self._tokens.way_out.find(after, numerals, left - 1) if after.consume_token(token) else None
        if closing is not None:
            self._needed = len(closing)
            return token
        way = self._tokens.way_out.find(self._matcher, self._numerals, left)
        self._closable = bool(way)
        return way[0] if way else token

    def take(self, token: int) -> None:
        """A token was chosen from the mask."""
        self._matcher.consume_token(token)
        self._numerals.feed(self._tokens.pieces[token])

    def follow(self, tokens: list[int]) -> bool:
        """Take text that was spoken before the grammar began; ``False`` where it does not fit."""
        for token in tokens:
            self._numerals.feed(self._tokens.pieces[token])
        return self._matcher.try_consume_tokens(tokens) == len(tokens)


class Grammar:
    """A compiled grammar, from which any number of answers may start."""

    def __init__(self, prototype: LLMatcher, tokens: _Tokens) -> None:
        self._prototype = prototype
        self._tokens = tokens
        self._lock = threading.Lock()

    def start(self) -> Constraint:
        """Begin an answer."""
        with self._lock:
            return Constraint(self._prototype.deep_copy(), self._tokens)


class Grammars:
    """Compiles grammars for one tokenizer. The tokenizer is read when the first one is asked for."""

    def __init__(self, tokenizer_json: str, pieces: Sequence[bytes], eos_ids: frozenset[int]) -> None:
        self._tokenizer_json = tokenizer_json
        self._pieces = pieces
        self._eos_ids = sorted(eos_ids)
        self._tokenizer: LLTokenizer | None = None
        self._kept: OrderedDict[str, Grammar] = OrderedDict()
        self._lock = threading.Lock()

    def json_schema(self, schema: dict[str, object], param: str, *, lenient: bool = False) -> Grammar:
        """A grammar of the JSON texts that satisfy a schema; ``lenient`` passes over keywords that cannot be enforced.

        Raises `BadRequest` naming ``param``, with llguidance's reason.
        """
        bound = json.dumps(_with_options(schema, lenient=lenient), ensure_ascii=True)
        try:
            return self._grammar(LLMatcher.grammar_from_json_schema(bound), param)
        except ValueError as error:
            raise BadRequest(f"The schema cannot be enforced: {_brief(str(error))}", param=param) from error

    def lark(self, source: str, param: str) -> Grammar:
        """A grammar in llguidance's Lark dialect, of schemas that were accepted one by one before."""
        return self._grammar(LLMatcher.grammar_from_lark(source), param)

    def _grammar(self, source: str, param: str) -> Grammar:
        with self._lock:
            grammar = self._kept.get(source)
            if grammar is None:
                grammar = Grammar(self._compile(source, param), self._tokens)
                self._kept[source] = grammar
                if len(self._kept) > CACHED_GRAMMARS:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(source)
            return grammar

    @cached_property
    def _tokens(self) -> _Tokens:
        pieces = self._pieces
        return _Tokens(pieces, WayOut(pieces), np.array([piece[:1].isdigit() for piece in pieces], dtype=np.bool_))

    def _compile(self, source: str, param: str) -> LLMatcher:
        if self._tokenizer is None:
            size = len(self._pieces)
            self._tokenizer = LLTokenizer(self._tokenizer_json, n_vocab=size, eos_token=list(self._eos_ids))
        matcher = LLMatcher(self._tokenizer, source, log_level=0, limits=_limits())
        first = matcher.deep_copy()
        if not matcher.is_error():
            first.compute_bitmask()
        if first.is_error():
            raise BadRequest(f"The schema cannot be enforced: {_brief(first.get_error())}", param=param)
        return matcher


def json_rule(schema: dict[str, object], *, lenient: bool = False) -> str:
    """A schema as an inline rule of a Lark grammar. ``lenient`` leaves out keywords that cannot be enforced."""
    return "%json " + json.dumps(_with_options(schema, lenient=lenient), ensure_ascii=True)


def _with_options(schema: dict[str, object], *, lenient: bool) -> dict[str, object]:
    return {**schema, "x-guidance": {**LAYOUT, "lenient": lenient}}


def read_schema(text: str, param: str) -> dict[str, object]:
    """A JSON Schema from its text, with unknown ``format`` words left out, as the standard has it.

    Raises `BadRequest` naming ``param`` for what is no schema, or is larger or deeper than the bounds.
    """
    if len(text) > SCHEMA_CHARACTERS:
        raise BadRequest(f"The schema has {len(text)} characters; at most {SCHEMA_CHARACTERS} are taken.", param=param)
    try:
        schema: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadRequest("The schema is not valid JSON.", param=param) from error
    if not isinstance(schema, dict):
        raise BadRequest("A schema must be a JSON object.", param=param)
    return cast("dict[str, object]", _known_formats(cast("object", schema), SCHEMA_DEPTH, param))


def _known_formats(value: object, depth: int, param: str) -> object:
    if depth == 0:
        raise BadRequest(f"The schema is nested deeper than {SCHEMA_DEPTH} levels.", param=param)
    if isinstance(value, list):
        return [_known_formats(one, depth - 1, param) for one in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    kept: dict[str, object] = {}
    for key, inner in cast("dict[str, object]", value).items():
        if key == "format" and isinstance(inner, str) and inner not in FORMATS:
            continue
        kept[key] = inner if key in DATA_KEYS else _known_formats(inner, depth - 1, param)
    return kept


def _limits() -> LLParserLimits:
    return LLParserLimits(max_grammar_size=100_000, max_lexer_states=50_000, verbose_errors=False)


def _brief(reason: str) -> str:
    """The first lines of llguidance's reason, without the part meant for its developers."""
    return " ".join(reason.partition("<non-verbose/>")[0].split())[:300]
