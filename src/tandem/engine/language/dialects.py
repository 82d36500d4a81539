"""How model families write tool calls: their marks, how a call is read, and the grammar that enforces one."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from tandem.core.chat import Tool
from tandem.core.errors import BadRequest
from tandem.engine.language.channels import CallMarks
from tandem.engine.language.grammar import json_rule, read_schema
from tandem.engine.language.vocabulary import Vocabulary

MOST_CALLS = 16
"""So many calls may one enforced answer hold."""
# DeepSeek's marks are written with U+FF5C (a full-width bar) and U+2581 (a low block).
BEGIN, SEPARATOR, END = (
    "<\uff5ctool\u2581call\u2581begin\uff5c>",
    "<\uff5ctool\u2581sep\uff5c>",
    "<\uff5ctool\u2581call\u2581end\uff5c>",
)
_DEEPSEEK = re.compile(
    rf"{re.escape(BEGIN)}\s*(?:function{re.escape(SEPARATOR)})?(?P<name>[^\s<]+?)\s*"
    rf"(?:{re.escape(SEPARATOR)})?\s*(?:```json)?\s*(?P<arguments>\{{.*?\}})\s*(?:```)?\s*{re.escape(END)}",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Call:
    """A call as a model wrote it; ``arguments`` is the text of a JSON object."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One family's way of calling. ``shape`` is what stands between the marks: an object, a list, or fenced blocks."""

    name: Literal["hermes", "phi", "mistral", "deepseek", "llama"]
    marks: CallMarks
    shape: Literal["object", "list", "fenced"]
    arguments_key: Literal["arguments", "parameters"] = "arguments"

    @property
    def texts(self) -> frozenset[str]:
        """Every mark, so that special tokens among them are read as text."""
        inner = (BEGIN, SEPARATOR, END) if self.shape == "fenced" else ()
        return frozenset((*self.marks.opens, *self.marks.closes, *inner))

    def read(self, text: str) -> list[Call] | None:
        """The calls in the text between the marks; ``None`` where that is no call."""
        if self.shape == "fenced":
            return _read_fenced(text)
        try:
            value: object = json.loads(text.strip())
        except (ValueError, RecursionError):
            return None
        many = cast("list[object]", value) if isinstance(value, list) else [value]
        calls = [_read_object(one) for one in many]
        return [call for call in calls if call] if calls and all(calls) else None


HERMES = Dialect(name="hermes", marks=CallMarks(opens=("<tool_call>",), closes=("</tool_call>",)), shape="object")
PHI = Dialect(
    name="phi",
    marks=CallMarks(opens=("<|tool_call|>", "functools"), closes=("<|/tool_call|>", "<|/tool_calls|>")),
    shape="list",
)
MISTRAL = Dialect(name="mistral", marks=CallMarks(opens=("[TOOL_CALLS]",), closes=()), shape="list")
DEEPSEEK = Dialect(
    name="deepseek",
    marks=CallMarks(
        opens=("<\uff5ctool\u2581calls\u2581begin\uff5c>",), closes=("<\uff5ctool\u2581calls\u2581end\uff5c>",)
    ),
    shape="fenced",
)
LLAMA = Dialect(
    name="llama",
    marks=CallMarks(opens=("<|python_tag|>",), closes=(), bare=True),
    shape="object",
    arguments_key="parameters",
)


def dialect_of(template: str) -> Dialect:
    """The dialect that a chat template with tools speaks, by the marks it writes; bare JSON where it writes none."""
    if "<tool_call>" in template:
        return HERMES
    if "<|tool_call|>" in template or "functools" in template or "<|tool|>" in template:
        return PHI
    if BEGIN in template:
        return DEEPSEEK
    return MISTRAL if "[TOOL_CALLS]" in template else LLAMA


def calls_rules(dialect: Dialect, tools: Sequence[tuple[int, Tool]], vocabulary: Vocabulary, *, parallel: bool) -> str:
    """Lark rules for ``calls`` (marks and all) and ``inside`` (what follows an opening mark that was already spoken).

    ``tools`` are those that may be called, each with its place in the request. Raises `BadRequest` naming the
    parameters that cannot be enforced.
    """
    more = MOST_CALLS - 1 if parallel else 0
    mark = _mark(dialect.marks.opens, vocabulary)
    close = _mark(dialect.marks.closes, vocabulary)
    bodies = " | ".join(f"body_{at}" for at, _ in tools)
    rules = [f"body: {bodies}"]
    match dialect.shape:
        case "object" if dialect.marks.closes:
            inside, joint = f'"\\n"? body "\\n"? {close}', '"\\n"'
        case "object":
            inside, joint, mark, more = "body", '""', "", 0
        case "list":
            inside, joint = f'"[" body (", " body){{0,{more}}} "]" {close}', '""'
            more = 0
        case "fenced":
            inside, joint = f'body ("\\n" body){{0,{more}}} {close}', '""'
            more = 0
    rules += [f"inside: {inside}", f"call: {mark} inside"]
    rules.append(f"calls: call ({joint} call){{0,{more}}}" if more else "calls: call")
    for at, tool in tools:
        rules += _body(dialect, at, tool, vocabulary)
    return "\n".join(rules) + "\n"


def _body(dialect: Dialect, at: int, tool: Tool, vocabulary: Vocabulary) -> list[str]:
    param = f"tools[{at}].function.parameters"
    schema = read_schema(tool.parameters_json, param)
    if schema.get("type", "object") != "object":
        raise BadRequest(f'The parameters of {tool.name} must be a schema of "type": "object".', param=param)
    arguments = f"args_{at}: " + json_rule({"type": "object", **schema}, lenient=not tool.strict)
    if dialect.shape == "fenced":
        begin, separator, end = (_mark((text,), vocabulary) for text in (BEGIN, SEPARATOR, END))
        fence = _quoted(f"{tool.name}\n```json\n")
        return [f'body_{at}: {begin} "function" {separator} {fence} args_{at} "\\n```" {end}', arguments]
    head = _quoted(f'{{"name": {json.dumps(tool.name)}, "{dialect.arguments_key}": ')
    return [f'body_{at}: {head} args_{at} "}}"', arguments]


def _mark(marks: Sequence[str], vocabulary: Vocabulary) -> str:
    """A mark as a grammar symbol: the control token where the tokenizer has one, else its text."""
    for mark in marks:
        token = vocabulary.control(mark)
        if token is not None:
            return f"<[{token}]>"
    return _quoted(marks[-1]) if marks else ""


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _read_object(value: object) -> Call | None:
    if not isinstance(value, dict):
        return None
    fields = cast("dict[str, object]", value)
    inner = fields.get("function")
    if isinstance(inner, dict):
        fields = cast("dict[str, object]", inner)
    name = fields.get("name")
    arguments = fields.get("arguments", fields.get("parameters", {}))
    if isinstance(arguments, str):
        return _read_text(name, arguments)
    if not isinstance(name, str) or not isinstance(arguments, dict):
        return None
    return Call(name, json.dumps(arguments, ensure_ascii=False))


def _read_text(name: object, arguments: str) -> Call | None:
    """A call whose arguments are JSON text within JSON, as OpenAI's own format has them."""
    try:
        value: object = json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        return None
    return Call(name, arguments or "{}") if isinstance(name, str) and isinstance(value, dict) else None


def _read_fenced(text: str) -> list[Call] | None:
    calls: list[Call] = []
    for found in _DEEPSEEK.finditer(text):
        call = _read_text(found["name"], found["arguments"])
        if call is None:
            return None
        calls.append(call)
    return calls or None
