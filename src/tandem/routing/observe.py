"""From a request to its facts: every text that would leave is searched, the last question is judged. Pure functions."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from tandem.core.chat import ChatRequest, Message
from tandem.routing.facts import Facts, PrivateSpan

_TEMPLATE_TOKENS = 4
"""What a chat template adds to each message, about."""
_TYPICAL_TOKENS: Mapping[str, int] = {
    "code": 500,
    "math": 350,
    "reasoning": 400,
    "creative": 600,
    "summarisation": 220,
    "rewriting": 250,
    "translation": 250,
    "extraction": 150,
    "factual_qa": 150,
    "context_qa": 150,
    "mcq_knowledge": 60,
    "classification": 30,
    "transactional": 80,
    "chitchat": 60,
}
"""What answers of each kind of work take, about; rules compare their sum with a bound, so the order matters most."""
_UNKNOWN_TOKENS = 250
_LENGTH = re.compile(
    r"\b(\d{2,6})[\s-]{0,2}(words?|tokens?|pages?|paragraphs?|słów|slow|słowach|wyrazów|stron[ay]?|akapit(?:y|ów))\b",
    re.IGNORECASE,
)
_TOKENS_OF = {"w": 1.4, "t": 1.0, "p": 600.0, "s": 2.2, "a": 120.0}
_JUDGED_CHARACTERS = 12_000
"""How much of a question is looked at for its kind and difficulty: its beginning and its end."""


class Span(Protocol):
    """As much of a finding as is needed here (see `tandem.routing.private`)."""

    @property
    def label(self) -> str:
        """Its kind."""
        ...

    @property
    def start(self) -> int:
        """The first code point."""
        ...

    @property
    def end(self) -> int:
        """The code point after the last."""
        ...

    @property
    def weak(self) -> bool:
        """Whether it by itself identifies nobody."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a question asks for: the kind of work, how sure that is, and how hard it is, both in [0, 1]."""

    task: str
    confidence: float
    difficulty: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Senses:
    """What reads text: each is a pure function. ``judge`` reads a question once for all that is told of it."""

    private: Callable[[str], Sequence[Span]]
    judge: Callable[[str], Judgement]
    purpose: Callable[[Sequence[Message]], str | None] = lambda _: None


UNJUDGED = Judgement(task="", confidence=0.0, difficulty=0.0)


def observe(request: ChatRequest, senses: Senses, *, judged: bool = True) -> Facts:
    """What a request tells about itself; the state of the world (`Facts.offline` and so on) is added by others.

    Without ``judged`` the kind and the difficulty of the question stay unknown: no rule of the policy asks for them.
    """
    texts = dict(texts_of(request))
    question = _question(request)
    judgement = senses.judge(question) if judged else UNJUDGED
    most = request.sampling.max_tokens or 0
    whole = sum(len(text) for text in texts.values())
    wide = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts.values()) - whole
    labels = (*request.labels, *(message.label for message in request.messages if message.label))
    return Facts(
        prompt_tokens=(whole + 3 * wide) // 4 + _TEMPLATE_TOKENS * len(request.messages),
        least_tokens=sum(len(text.split()) for text in texts.values()) if whole > _JUDGED_CHARACTERS else 0,
        output_tokens=min(expected_tokens(question, judgement.task), most or 1 << 30),
        max_tokens=most,
        task=judgement.task,
        task_confidence=judgement.confidence,
        difficulty=judgement.difficulty,
        private=tuple(_searched(texts, senses)),
        asked_private=request.private,
        labels=tuple(dict.fromkeys(labels)),
        unreadable=request.unreadable,
        purpose=request.purpose or senses.purpose(request.messages),
        token_ids=isinstance(request.raw_prompt, tuple),
        dialect=request.original.dialect if request.original else None,
        demands=request.demands,
    )


def texts_of(request: ChatRequest) -> Iterator[tuple[str, str]]:
    """Every text that a far side would receive, with its place; texts that occur twice come once.

    The original body is walked whole, though most of it is in the messages: what leaves is what is searched.
    """
    seen: set[str] = set()
    for where, text in _all_texts(request):
        if text and text not in seen:
            seen.add(text)
            yield where, text


def expected_tokens(question: str, task: str) -> int:
    """How long an answer is to be expected, in tokens: as the question says (2,000 words), else as is typical."""
    typical = _TYPICAL_TOKENS.get(task, _UNKNOWN_TOKENS)
    asked = [int(found[1]) * _TOKENS_OF[_unit(found[2])] for found in _LENGTH.finditer(question)]
    return max(typical, int(max(asked, default=0)))


def _unit(word: str) -> str:
    lowered = word.lower()
    return "p" if lowered.startswith("stron") else "a" if lowered.startswith(("akapit", "para")) else lowered[0]


def _searched(texts: Mapping[str, str], senses: Senses) -> Iterator[PrivateSpan]:
    only = next(iter(texts), "") if len(texts.keys() - {"body"}) == 1 else None
    for where, text in texts.items():
        for span in senses.private(text):
            place = "" if where == only else where
            yield PrivateSpan(label=span.label, start=span.start, end=span.end, where=place, weak=span.weak)


def _question(request: ChatRequest) -> str:
    """The last thing that a person said, bounded."""
    said = next((one.content for one in reversed(request.messages) if one.role == "user"), None)
    if said is None:
        said = request.raw_prompt if isinstance(request.raw_prompt, str) else ""
    half = _JUDGED_CHARACTERS // 2
    return said if len(said) <= _JUDGED_CHARACTERS else f"{said[:half]}\n{said[-half:]}"


def _all_texts(request: ChatRequest) -> Iterator[tuple[str, str]]:
    for at, message in enumerate(request.messages):
        yield f"messages[{at}]", message.content
        for part, text in _beside(message):
            yield f"messages[{at}].{part}", text
    if isinstance(request.raw_prompt, str):
        yield "prompt", request.raw_prompt
    for at, text in enumerate(request.attachments_text):
        yield f"attachments[{at}]", text
    for at, tool in enumerate(request.tools):
        yield f"tools[{at}]", "\n".join((tool.name, tool.description, tool.parameters_json))
        if "\\" in tool.parameters_json:
            yield f"tools[{at}].parameters", "\n".join(strings_within(tool.parameters_json))
    if request.response_format.schema_json:
        yield "response_format", "\n".join(strings_within(request.response_format.schema_json))
    if request.sampling.stop:
        yield "stop", "\n".join(request.sampling.stop)
    if request.original is not None:
        known = {message.content for message in request.messages}
        rest = [text for text in strings_within(request.original.body) if text not in known]
        yield "body", "\n".join(rest)


def _beside(message: Message) -> Iterator[tuple[str, str]]:
    if message.name:
        yield "name", message.name
    if message.reasoning:
        yield "reasoning", message.reasoning
    for at, call in enumerate(message.tool_calls):
        yield f"tool_calls[{at}]", f"{call.name}\n{call.arguments}"
        if "\\" in call.arguments:
            yield f"tool_calls[{at}].arguments", "\n".join(strings_within(call.arguments))


def is_data_address(text: str) -> bool:
    """Whether a text is a base64 data address and nothing else: a picture or a file, which is counted on its own."""
    return text.startswith("data:") and _DATA_ADDRESS.fullmatch(text) is not None


def strings_in(value: object) -> Iterator[str]:
    """Every text within decoded JSON, unknown keys and long numbers too; base64 data addresses are left out."""
    stack: list[object] = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, str):
            if not is_data_address(one):
                yield one
        elif isinstance(one, Mapping):
            for key, held in reversed(list(cast("Mapping[str, object]", one).items())):
                if not (key in _ATTACHED and isinstance(held, str) and _BASE64.fullmatch(held)):
                    stack.append(held)
                if key not in _WIRE_KEYS:
                    stack.append(key)  # before its value, for which it may be the cue
        elif isinstance(one, list | tuple):
            stack.extend(reversed(cast("Sequence[object]", one)))
        elif isinstance(one, int | float) and not isinstance(one, bool) and abs(one) >= _LEAST_TELLING_NUMBER:
            yield number_text(one)


def strings_within(value: object) -> Iterator[str]:
    """`strings_in`, and after each text that is itself JSON with escapes what it says once they are read."""
    for text in strings_in(value):
        yield text
        if "\\" in text and (written := as_json(text)) is not None:
            yield from strings_within(written)


def as_json(text: str) -> object:
    """What a JSON object, list or string written as text holds; ``None`` for other text."""
    if text[:1] not in _OPENS_JSON:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def number_text(number: float) -> str:
    """A number as a person writes it: ``92040512344.0`` without its nought."""
    return str(int(number)) if isinstance(number, float) and number.is_integer() else str(number)


_OPENS_JSON = frozenset('{["')
_ATTACHED = frozenset({"data", "file_data"})
"""Keys under which attachments stand as base64: they are counted, and those that are text are decoded, on arrival."""
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{64,}={0,2}")
_DATA_ADDRESS = re.compile(r"data:[\w.+/-]*(?:;[\w.=+-]+)*;base64,[A-Za-z0-9+/=_-]+")
_LEAST_TELLING_NUMBER = 1_000_000
"""Numbers of fewer digits tell nothing private by themselves."""
_WIRE_KEYS = frozenset(
    {"model", "messages", "role", "content", "type", "text", "name", "tools", "function", "parameters", "properties"}
    | {"description", "stream", "stream_options", "include_usage", "temperature", "max_tokens", "tool_calls", "id"}
    | {"arguments", "required", "tool_call_id", "tool_choice", "response_format", "json_schema", "schema", "strict"}
)
