"""How many tokens a conversation has for a model: its own template, then its own tokenizer."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import cast

from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from bench.asking import Turn
from bench.passages import Count


def counter(folder: Path) -> Count:
    """The counter of a GenAI folder. Raises ``FileNotFoundError`` where it has no tokenizer or no template."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    template = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(_template(folder))

    @cache
    def count(turns: tuple[Turn, ...]) -> int:
        messages = [turn._asdict() for turn in turns]
        text = template.render(messages=messages, add_generation_prompt=True)
        return len(tokenizer.encode(text, add_special_tokens=False).ids)

    def counted(turns: Sequence[Turn]) -> int:
        return count(tuple(turns))

    return counted


def _template(folder: Path) -> str:
    beside = folder / "chat_template.jinja"
    if beside.is_file():
        return beside.read_text(encoding="utf-8")
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    return cast("str", config["chat_template"])
