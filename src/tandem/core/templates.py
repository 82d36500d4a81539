"""What a chat template tells about its model. The catalog and the engine read it here, so they agree."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import cast

from tandem.core.models import Ability

THINK, UNTHINK = "<think>", "</think>"
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_CODE = re.compile(r"\{[%{](.*?)[%}]\}", re.DOTALL)
_WORDS = re.compile(r"""(\[\s*)?(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")""", re.DOTALL)
"""A text in the code; one after a bracket is a name, as in ``message['tools']``."""
_TOOLS = re.compile(r"\btools\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTemplates:
    """The template of a folder, and a second one for requests with tools where it has one."""

    chat: str | None
    tools: str | None


def read_templates(stated: object, beside: str | None) -> ChatTemplates:
    """Templates from what ``tokenizer_config.json`` states as ``chat_template`` (a text, or a list of named ones).

    ``beside`` is the text of a ``chat_template.jinja``, which goes before it.
    """
    named: dict[str, str] = {}
    if isinstance(stated, str):
        named["default"] = stated
    elif isinstance(stated, list):
        for entry in cast("list[object]", stated):
            pair = cast("dict[str, object]", entry) if isinstance(entry, dict) else {}
            name, text = pair.get("name"), pair.get("template")
            if isinstance(name, str) and isinstance(text, str):
                named[name] = text
    if beside is not None:
        named["default"] = beside
    return ChatTemplates(chat=named.get("default"), tools=named.get("tool_use"))


def knows_tools(template: str) -> bool:
    """Whether the code of a template reads tools, of the request or of a message; its words may say what they like."""
    code = " ".join(_CODE.findall(_COMMENT.sub("", template)))
    return _TOOLS.search(_WORDS.sub(lambda found: found[0] if found[1] else "''", code)) is not None


def abilities_of(templates: ChatTemplates, added_tokens: Collection[str]) -> frozenset[Ability]:
    """What our engine can do with a chat model: JSON Schema and logprobs always, the rest as its template allows."""
    found: set[Ability] = {"json_schema", "logprobs"}
    written = (templates.chat or "") + (templates.tools or "")
    if knows_tools(templates.tools or templates.chat or ""):
        found.add("tools")
    if THINK in written or UNTHINK in written or THINK in added_tokens:
        found.add("reasoning")
    return frozenset(found)
