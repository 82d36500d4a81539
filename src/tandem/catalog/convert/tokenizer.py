"""A GGUF file's tokenizer, written as the `tokenizer.json` that other programs read.

Two families exist: byte-level BPE ("gpt2"), whose way of cutting text before merging is named in `tokenizer.ggml.pre`,
and SentencePiece BPE ("llama"), which stores scores instead of merges.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeAlias

from tandem.catalog.convert.gguf import GgufFile
from tandem.core.errors import ConversionFailed

Json: TypeAlias = Mapping[str, "Json"] | list["Json"] | str | int | float | bool | None

_CONTROL, _USER_DEFINED, _UNKNOWN, _BYTE = 3, 4, 2, 6

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_LLAMA3 = rf"{_CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}|{_REST}"
_QWEN2 = rf"{_CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}|{_REST}"
_GPT4O_LETTERS = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
)
_GPT4O = rf"{_GPT4O_LETTERS}|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"

_SPLITS = {
    "llama-bpe": _LLAMA3,
    "llama3": _LLAMA3,
    "llama-v3": _LLAMA3,
    "dbrx": _LLAMA3,
    "smaug-bpe": _LLAMA3,
    "qwen2": _QWEN2,
    "deepseek-r1-qwen": _QWEN2,
    "gpt-4o": _GPT4O,
    "llama4": _GPT4O,
}
_GPT2_LIKE = ("gpt-2", "default", "phi-2", "mpt", "olmo", "jais")
_DIGITS_APART = ("smollm", "starcoder", "refact", "command-r", "codeshell")
_NFC = ("qwen2",)


def tokenizer_json(gguf: GgufFile) -> str:
    """The tokenizer as the text of a `tokenizer.json`; ConversionFailed where its kind is unknown."""
    kind = gguf.text("tokenizer.ggml.model")
    match kind:
        case "gpt2":
            parts = _byte_level(gguf)
        case "llama":
            parts = _sentence_piece(gguf)
        case _:
            raise ConversionFailed(
                f"{gguf.path.name} has a tokenizer of kind {kind}, which Tandem cannot convert. Choose another file."
            )
    document = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": _added(gguf), **parts}
    return json.dumps(document, ensure_ascii=False)


def vocabulary(gguf: GgufFile) -> list[str]:
    """All tokens by id; ConversionFailed where the file has none, or one twice."""
    tokens = gguf.texts("tokenizer.ggml.tokens")
    if not tokens or len(set(tokens)) != len(tokens):
        raise ConversionFailed(f"{gguf.path.name} has no usable list of tokens. Fetch it again or choose another file.")
    return tokens


def _byte_level(gguf: GgufFile) -> dict[str, Json]:
    name = gguf.text("tokenizer.ggml.pre", "default")
    merges: list[Json] = []
    for merge in gguf.texts("tokenizer.ggml.merges"):
        left, _, right = merge.partition(" ")
        merges.append([left, right])
    return {
        "normalizer": {"type": "NFC"} if name in _NFC else None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": _cutters(gguf, name)},
        "post_processor": _begin(gguf, adds_by_default=False),
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": _bpe(gguf, merges, ignore_merges=_SPLITS.get(name) is _LLAMA3),
    }


def _cutters(gguf: GgufFile, name: str) -> list[Json]:
    """How text is cut before merging, as the Hugging Face tokenizer of the same name does it."""
    if name in _SPLITS:
        pattern: Json = {"Regex": _SPLITS[name]}
        split: Json = {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}
        return [split, _byte_cutter(use_regex=False)]
    if name in _DIGITS_APART:
        return [{"type": "Digits", "individual_digits": True}, _byte_cutter(use_regex=True)]
    if name in _GPT2_LIKE:
        return [_byte_cutter(use_regex=True)]
    known = ", ".join(sorted({*_SPLITS, *_GPT2_LIKE, *_DIGITS_APART}))
    raise ConversionFailed(
        f"{gguf.path.name} cuts its text as {name}, which Tandem does not know. Choose a model with one of {known}."
    )


def _byte_cutter(*, use_regex: bool) -> Json:
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}


def _sentence_piece(gguf: GgufFile) -> dict[str, Json]:
    prefixed = gguf.values.get("tokenizer.ggml.add_space_prefix", True) is not False
    replace: Json = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    normalizers: list[Json] = [{"type": "Prepend", "prepend": "▁"}] if prefixed else []
    decoders: list[Json] = [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
    ]
    if prefixed:
        decoders.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    model = _bpe(gguf, _merges_by_score(gguf), ignore_merges=False)
    unknown = gguf.integer("tokenizer.ggml.unknown_token_id", 0)
    tokens = vocabulary(gguf)
    model |= {"unk_token": tokens[min(unknown, len(tokens) - 1)], "fuse_unk": True, "byte_fallback": True}
    return {
        "normalizer": {"type": "Sequence", "normalizers": [*normalizers, replace]},
        "pre_tokenizer": None,
        "post_processor": _begin(gguf, adds_by_default=True),
        "decoder": {"type": "Sequence", "decoders": decoders},
        "model": model,
    }


def _merges_by_score(gguf: GgufFile) -> list[Json]:
    """Every way to join two tokens into a third, best score of the third first, as SentencePiece would join them."""
    tokens = vocabulary(gguf)
    scores = gguf.numbers("tokenizer.ggml.scores")
    ids = {token: number for number, token in enumerate(tokens)}
    kinds = token_kinds(gguf)
    found: list[tuple[float, int, int, str, str]] = []
    for token, number in ids.items():
        if kinds[number] in {_CONTROL, _UNKNOWN, _BYTE} or number >= len(scores):
            continue
        pairs = [(token[:cut], token[cut:]) for cut in range(1, len(token))]
        found += [(-scores[number], ids[a], ids[b], a, b) for a, b in pairs if a in ids and b in ids]
    return [[left, right] for _, _, _, left, right in sorted(found)]


def _bpe(gguf: GgufFile, merges: list[Json], *, ignore_merges: bool) -> dict[str, Json]:
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": ignore_merges,
        "vocab": {token: number for number, token in enumerate(vocabulary(gguf))},
        "merges": merges,
    }


def token_kinds(gguf: GgufFile) -> list[int]:
    """The kind of every token: 1 ordinary, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte."""
    count = len(vocabulary(gguf))
    kinds = [int(kind) for kind in gguf.numbers("tokenizer.ggml.token_type")]
    return (kinds + [1] * count)[:count]


def _added(gguf: GgufFile) -> list[Json]:
    """Tokens that are found in text as they are, before any cutting."""
    kept = {_CONTROL: True, _USER_DEFINED: False, _UNKNOWN: True}
    return [
        {
            "id": number,
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": kept[kind],
        }
        for number, (token, kind) in enumerate(zip(vocabulary(gguf), token_kinds(gguf), strict=True))
        if kind in kept
    ]


def _begin(gguf: GgufFile, *, adds_by_default: bool) -> Json:
    """Put the first token before every text where the file asks for it."""
    adds = gguf.values.get("tokenizer.ggml.add_bos_token", adds_by_default)
    number = gguf.integer("tokenizer.ggml.bos_token_id", 0)
    tokens = vocabulary(gguf)
    if adds is not True or "tokenizer.ggml.bos_token_id" not in gguf.values or number >= len(tokens):
        return None
    first, single = tokens[number], {"Sequence": {"id": "A", "type_id": 0}}
    special: Json = {"SpecialToken": {"id": first, "type_id": 0}}
    return {
        "type": "TemplateProcessing",
        "single": [special, single],
        "pair": [special, single, special, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {first: {"id": first, "ids": [number], "tokens": [first]}},
    }
