"""What a GenAI folder says about text: limits, defaults, special tokens, chat templates. Its files are not trusted."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from tandem.core.errors import CorruptFile
from tandem.core.templates import ChatTemplates, read_templates

Json = dict[str, object]
TURN_ENDINGS = ("<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<end_of_turn>")
DOCUMENT_ENDINGS = ("<|endoftext|>", "<|end_of_text|>")
"""Nothing that follows them belongs to the answer, also where a folder forgets to say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelText:
    """The textual part of a model folder.

    ``vocabulary_size`` is the width of the logits, which may exceed the tokenizer's. ``temperature`` 0 is greedy,
    ``top_k`` 0 and ``repetition_penalty`` 1 are off. ``specials`` maps names such as ``bos_token`` to their text.
    """

    name: str
    vocabulary_size: int
    context_tokens: int
    eos_ids: frozenset[int]
    temperature: float
    top_p: float
    top_k: int
    repetition_penalty: float
    specials: dict[str, str]
    templates: ChatTemplates
    tokenizer_json: str


def read_folder(folder: Path) -> ModelText:
    """Read ``genai_config.json``, ``tokenizer.json``, ``tokenizer_config.json`` and ``chat_template.jinja``.

    Raises `CorruptFile` for a missing or unreadable file; the last two files may be absent.
    """
    config = _object(folder / "genai_config.json")
    model = _section(config, "model", folder)
    search = cast("Json", config.get("search") or {})
    tokenizer = _optional_object(folder / "tokenizer_config.json")
    beside = folder / "chat_template.jinja"
    templates = read_templates(tokenizer.get("chat_template"), _text(beside) if beside.is_file() else None)
    sampled = search.get("do_sample") is True
    return ModelText(
        name=folder.name,
        vocabulary_size=_positive(model, "vocab_size", folder),
        context_tokens=_positive(model, "context_length", folder),
        eos_ids=frozenset(_ids(model.get("eos_token_id"))),
        temperature=_number(search, "temperature", 1.0) if sampled else 0.0,
        top_p=_number(search, "top_p", 1.0) if sampled else 1.0,
        top_k=int(_number(search, "top_k", 0)) if sampled else 0,
        repetition_penalty=_penalty(search),
        specials=_specials(tokenizer),
        templates=templates,
        tokenizer_json=_text(folder / "tokenizer.json"),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CorruptFile(f"{path.name} of the model {path.parent.name} cannot be read: {error}") from error


def _object(path: Path) -> Json:
    try:
        value: object = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise CorruptFile(f"{path.name} of the model {path.parent.name} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise CorruptFile(f"{path.name} of the model {path.parent.name} does not hold a JSON object.")
    return cast("Json", value)


def _optional_object(path: Path) -> Json:
    return _object(path) if path.is_file() else {}


def _section(config: Json, key: str, folder: Path) -> Json:
    section = config.get(key)
    if not isinstance(section, dict):
        raise CorruptFile(f'genai_config.json of the model {folder.name} has no "{key}" section.')
    return cast("Json", section)


def _positive(model: Json, key: str, folder: Path) -> int:
    value = model.get(key)
    if not isinstance(value, int) or value < 1:
        raise CorruptFile(f'genai_config.json of the model {folder.name} has no usable "model.{key}".')
    return value


def _number(search: Json, key: str, otherwise: float) -> float:
    value = search.get(key)
    return float(value) if isinstance(value, int | float) else otherwise


def _penalty(search: Json) -> float:
    """The factor by which logits of tokens that occurred are made less likely; what cannot be one is 1."""
    factor = _number(search, "repetition_penalty", 1.0)
    return factor if 0.0 < factor < math.inf else 1.0


def _ids(value: object) -> list[int]:
    many = cast("list[object]", value) if isinstance(value, list) else [value]
    return [one for one in many if isinstance(one, int)]


def _specials(tokenizer: Json) -> dict[str, str]:
    """Names such as ``bos_token`` to their text, which is written plainly or as an object with ``content``."""
    found: dict[str, str] = {}
    for name, value in tokenizer.items():
        text = cast("Json", value).get("content") if isinstance(value, dict) else value
        if name.endswith("_token") and isinstance(text, str):
            found[name] = text
    return found
