"""How model families write tool calls: their marks, how a call is read, and the grammar that enforces one."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from tandem.core.chat import Tool
from tandem.core.errors import BadRequest
from tandem.engine.language.channels import CallMark, CallMarks
from tandem.engine.language.grammar import json_rule, read_schema
from tandem.engine.language.vocabulary import Vocabulary

MOST_CALLS = 16
"""So many calls may one enforced answer hold."""
LINE, COMMA = '"\\n"', '", "'
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
        return frozenset(inner).union(*((mark.opens, mark.closes) for mark in self.marks.marks))

    def read(self, text: str) -> list[Call] | None:
        """The calls in the text between the marks; ``None`` where that is no call."""
        if self.shape == "fenced":
            return _read_fenced(text)
        try:
            calls = [_read_object(one) for one in _values(text)]
        except (ValueError, RecursionError):
            return None
        return [call for call in calls if call] if calls and all(calls) else None


HERMES = Dialect(name="hermes", marks=CallMarks(marks=(CallMark("<tool_call>", "</tool_call>"),)), shape="object")
PHI = Dialect(
    name="phi",
    marks=CallMarks(marks=(CallMark("<|tool_call|>", "<|/tool_call|>"), CallMark("functools[", keeps=1))),
    shape="list",
)
MISTRAL = Dialect(name="mistral", marks=CallMarks(marks=(CallMark("[TOOL_CALLS]"),)), shape="list")
DEEPSEEK = Dialect(
    name="deepseek",
    marks=CallMarks(
        marks=(
            CallMark(
                "<\uff5ctool\u2581calls\u2581begin\uff5c>",
                "<\uff5ctool\u2581calls\u2581end\uff5c>",
            ),
        )
    ),
    shape="fenced",
)
LLAMA = Dialect(
    name="llama",
    marks=CallMarks(marks=(CallMark("<|python_tag|>"),), bare=True),
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


def parameters_param(at: int) -> str:
    """The name of the field that holds the parameters of tool ``at``."""
    return f"tools[{at}].function.parameters"


def parameters_schema(tool: Tool, param: str) -> dict[str, object]:
    """The schema of a tool's arguments. Raises `BadRequest` naming ``param`` where that is no schema of an object."""
    schema = read_schema(tool.parameters_json, param)
    if schema.get("type", "object") != "object":
        raise BadRequest(f'The parameters of {tool.name} must be a schema of "type": "object".', param=param)
    return {"type": "object", **schema}


def calls_rules(dialect: Dialect, tools: Sequence[tuple[int, Tool]], vocabulary: Vocabulary, *, parallel: bool) -> str:
    """Lark rules for ``calls`` (marks and all) and ``inside`` (what follows an opening mark that was already spoken).

    ``tools`` are those that may be called, each with its place in the request. Raises `BadRequest` naming the
    parameters that cannot be enforced.
    """
    spoken = _spoken_mark(dialect, vocabulary)
    opening = _symbol(spoken.opens[: len(spoken.opens) - spoken.keeps], vocabulary)
    close = _symbol(spoken.closes, vocabulary)
    calls = "call"
    match dialect.shape:
        case "object" if spoken.closes:
            inside, calls = f"{LINE}? body {LINE}? {close}", _row("call", LINE, parallel=parallel)
        case "object":
            inside, opening = "body", ""
        case "list":
            inside = f'"[" {_row("body", COMMA, parallel=parallel)} "]" {close}'
        case "fenced":
            inside = f"{_row('body', LINE, parallel=parallel)} {close}"
    rules = [f"calls: {calls}", f"call: {opening} inside", f"inside: {inside}"]
    rules.append("body: " + " | ".join(f"body_{at}" for at, _ in tools))
    for at, tool in tools:
        rules += _body(dialect, at, tool, vocabulary)
    return "\n".join(rules) + "\n"


def _row(what: str, joint: str, *, parallel: bool) -> str:
    return f"{what} ({joint} {what}){{0,{MOST_CALLS - 1}}}" if parallel else what


def _body(dialect: Dialect, at: int, tool: Tool, vocabulary: Vocabulary) -> list[str]:
    schema = parameters_schema(tool, parameters_param(at))
    arguments = f"args_{at}: " + json_rule(schema, lenient=not tool.strict)
    if dialect.shape == "fenced":
        begin, separator, end = (_symbol(text, vocabulary) for text in (BEGIN, SEPARATOR, END))
        fence = _quoted(f"{tool.name}\n```json\n")
        return [f'body_{at}: {begin} "function" {separator} {fence} args_{at} "\\n```" {end}', arguments]
    head = _quoted(f'{{"name": {json.dumps(tool.name)}, "{dialect.arguments_key}": ')
    return [f'body_{at}: {head} args_{at} "}}"', arguments]


def _spoken_mark(dialect: Dialect, vocabulary: Vocabulary) -> CallMark:
    """The mark that an enforced call uses: the first that is a control token of this tokenizer, else the last."""
    marks = dialect.marks.marks
    return next((mark for mark in marks if vocabulary.control(mark.opens) is not None), marks[-1])


def _symbol(mark: str, vocabulary: Vocabulary) -> str:
    """A mark as a grammar symbol: the control token where the tokenizer has one, else its text."""
    token = vocabulary.control(mark)
    return f"<[{token}]>" if token is not None else _quoted(mark) if mark else ""


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _values(text: str) -> list[object]:
    """The JSON values in a text, one after another or in a list. Raises `ValueError` for anything else.

    Numbers that JSON cannot write again (``1e999``, ``NaN``) are refused.
    """
    found: list[object] = []
    at = len(text) - len(text.lstrip())
    while at < len(text):
        value, at = cast("tuple[object, int]", _DECODER.raw_decode(text, at))
        found += cast("list[object]", value) if isinstance(value, list) else [value]
        at += len(text[at:]) - len(text[at:].lstrip(" \t\r\n;,"))
    return found


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(text)
    return value


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_finite)


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
