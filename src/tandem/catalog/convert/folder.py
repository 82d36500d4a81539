"""What lies beside `model.onnx`: the files that let ONNX Runtime GenAI and Tandem open the folder.

A folder is written beside its place and moved there when it is whole, so that an interruption leaves nothing half-done.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tandem.catalog.convert.gguf import GgufFile
from tandem.catalog.convert.shape import DecoderShape
from tandem.catalog.convert.tokenizer import tokenizer_json, vocabulary
from tandem.core.errors import ConversionFailed

_TURN_ENDS = ("<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|endoftext|>", "<|end_of_text|>", "</s>")


@contextmanager
def whole_folder(target: Path) -> Generator[Path]:
    """A temporary folder beside `target` that takes its place when the block ends well, and vanishes otherwise."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield draft
        draft.chmod(0o755)
        if target.exists():
            old = draft.with_name(f"{draft.name}-old")
            target.rename(old)
            draft.rename(target)
            shutil.rmtree(old)
        else:
            draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_json(path: Path, document: Mapping[str, object]) -> None:
    """Write `document` for machines and people."""
    path.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def write_tokenizer(folder: Path, gguf: GgufFile, shape: DecoderShape) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json` with the file's chat template."""
    (folder / "tokenizer.json").write_text(tokenizer_json(gguf), encoding="utf-8")
    byte_level = gguf.text("tokenizer.ggml.model") == "gpt2"
    config: dict[str, object] = {
        "tokenizer_class": "GPT2Tokenizer" if byte_level else "LlamaTokenizer",
        "model_max_length": shape.context_tokens,
        "clean_up_tokenization_spaces": False,
        "add_bos_token": gguf.values.get("tokenizer.ggml.add_bos_token", not byte_level) is True,
    }
    for kind in ("bos", "eos", "unk", "pad"):
        token = _special(gguf, {"unk": "unknown", "pad": "padding"}.get(kind, kind))
        if token is not None:
            config[f"{kind}_token"] = vocabulary(gguf)[token]
    template = gguf.text("tokenizer.chat_template", "")
    if template:
        config["chat_template"] = template
    write_json(folder / "tokenizer_config.json", config)


def write_genai_config(folder: Path, gguf: GgufFile, shape: DecoderShape) -> None:
    """Write `genai_config.json`: names of inputs and outputs, sizes, stop tokens, search defaults."""
    stops = _stop_tokens(gguf)
    padding = _special(gguf, "padding")
    model: dict[str, object] = {
        "bos_token_id": _special(gguf, "bos") or 0,
        "context_length": shape.context_tokens,
        "decoder": _decoder_config(shape),
        "eos_token_id": stops if len(stops) > 1 else stops[0],
        "pad_token_id": stops[0] if padding is None else padding,
        "type": shape.architecture,
        "vocab_size": shape.vocabulary,
    }
    search = {
        "do_sample": False,
        "max_length": shape.context_tokens,
        "past_present_share_buffer": True,
        "temperature": 1.0,
        "top_k": 50,
        "top_p": 1.0,
    }
    write_json(folder / "genai_config.json", {"model": model, "search": search})


def _decoder_config(shape: DecoderShape) -> dict[str, object]:
    return {
        "session_options": {"log_id": "onnxruntime-genai", "provider_options": []},
        "filename": "model.onnx",
        "head_size": shape.head_width,
        "hidden_size": shape.width,
        "inputs": {
            "input_ids": "input_ids",
            "attention_mask": "attention_mask",
            "past_key_names": "past_key_values.%d.key",
            "past_value_names": "past_key_values.%d.value",
        },
        "outputs": {
            "logits": "logits",
            "present_key_names": "present.%d.key",
            "present_value_names": "present.%d.value",
        },
        "num_attention_heads": shape.heads,
        "num_hidden_layers": shape.layers,
        "num_key_value_heads": shape.kv_heads,
    }


def _special(gguf: GgufFile, name: str) -> int | None:
    key = f"tokenizer.ggml.{name}_token_id"
    if key not in gguf.values:
        return None
    number = gguf.integer(key)
    return number if number < len(vocabulary(gguf)) else None


def _stop_tokens(gguf: GgufFile) -> list[int]:
    """The file's end tokens and those tokens by which known chat templates end a turn."""
    ids = {token: number for number, token in enumerate(vocabulary(gguf))}
    template = gguf.text("tokenizer.chat_template", "")
    named = [_special(gguf, name) for name in ("eos", "eot", "eom")]
    written = [ids[token] for token in _TURN_ENDS if token in ids and token in template]
    stops = list(dict.fromkeys(stop for stop in [*named, *written] if stop is not None))
    if not stops:
        raise ConversionFailed(f"{gguf.path.name} names no token that ends a reply. Choose another file.")
    return stops
