"""Small model folders for tests of text: two kinds of tokenizer, any template, no weights."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

Kind = Literal["byte_level", "sentence_piece"]
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def write_folder(
    folder: Path,
    *,
    template: str | None = CHATML,
    special: Iterable[str] = ("<|im_start|>", "<|im_end|>"),
    plain_controls: Iterable[str] = (),
    kind: Kind = "byte_level",
    search: dict[str, object] | None = None,
    context_tokens: int = 2048,
) -> Path:
    """Write a GenAI folder. The last special token ends an answer.

    ``plain_controls`` are added tokens that are not special, as ``<think>`` is in some families. The logits are 3 wider
    than the tokenizer, as in some models.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer, size = _byte_level() if kind == "byte_level" else _sentence_piece()
    added: list[dict[str, object]] = []
    plain: dict[str, object] = {"normalized": False, "single_word": False, "lstrip": False, "rstrip": False}
    for text, is_special in [*((one, True) for one in special), *((one, False) for one in plain_controls)]:
        added.append({"id": size, "content": text, "special": is_special, **plain})
        size += 1
    tokenizer["added_tokens"] = added
    eos = next(entry["id"] for entry in reversed(added) if entry["special"])
    model = {"context_length": context_tokens, "vocab_size": size + 3, "eos_token_id": eos, "type": "llama"}
    _write(folder / "genai_config.json", {"model": model, "search": search or {"do_sample": False}})
    _write(folder / "tokenizer.json", tokenizer)
    _write(folder / "tokenizer_config.json", {"chat_template": template} if template is not None else {})
    return folder


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def _byte_level() -> tuple[dict[str, object], int]:
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    alphabet = [*map(chr, printable), *(chr(0x100 + at) for at in range(len(others)))]
    merges = ["t h", "th e", "Ġ the", "i n", "a n", "Ġ a", '" :', 'Ġ "', '{ "', "Ċ Ċ", "< |", "| >", "e n", "en d"]
    vocabulary = {token: at for at, token in enumerate([*alphabet, *(merge.replace(" ", "") for merge in merges)])}
    model = {"type": "BPE", "vocab": vocabulary, "merges": merges, "byte_fallback": False, "ignore_merges": False}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    whole = {"normalizer": None, "pre_tokenizer": level, "post_processor": level, "decoder": level, "model": model}
    return {"version": "1.0", "truncation": None, "padding": None, **whole}, len(vocabulary)


def _sentence_piece() -> tuple[dict[str, object], int]:
    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *map(chr, range(0x21, 0x7F)), "ż", "ó", "ł"]
    merges = ["▁ t", "▁t h", "▁th e", "i n", "o n", "▁ a"]
    pieces += [merge.replace(" ", "") for merge in merges]
    vocabulary = {piece: at for at, piece in enumerate(pieces)}
    model = {"type": "BPE", "vocab": vocabulary, "merges": merges, "byte_fallback": True, "unk_token": "<unk>"}
    space = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    unspace = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
    strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    decoder = {"type": "Sequence", "decoders": [unspace, {"type": "ByteFallback"}, {"type": "Fuse"}, strip]}
    normalizer = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, space]}
    whole = {"normalizer": normalizer, "pre_tokenizer": None, "post_processor": None, "decoder": decoder}
    model |= {"fuse_unk": True, "ignore_merges": False}
    return {"version": "1.0", "truncation": None, "padding": None, **whole, "model": model}, len(vocabulary)
