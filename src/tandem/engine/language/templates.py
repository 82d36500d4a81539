"""Chat templates of strangers, rendered in a sandbox with bounds on time and size, by Hugging Face's conventions."""

import datetime
import functools
import json
import re
import time
from collections.abc import Callable, Mapping, Sized
from typing import NoReturn

import jinja2
from jinja2.ext import loopcontrols
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tandem.core.errors import BadRequest, CorruptFile

RENDER_SECONDS = 2.0
RENDER_CHARACTERS = 8_000_000
WIDE = re.compile(r"[%{][^a-zA-Z}]{0,8}\d{5}")
"""A format string that asks for a width of five digits or more."""
FALLBACK = (
    "{% for message in messages %}{{ message['role'] | capitalize }}: {{ message['content'] }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
"""For models without a template: paragraphs that begin with ``System:``, ``User:`` and ``Assistant:``."""
FALLBACK_STOPS = ("\n\nUser:", "\n\nSystem:")


class TemplateRefusal(Exception):
    """A template said by ``raise_exception`` that it cannot render this conversation."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, with a clock that every call, lookup and large operation looks at."""

    intercepted_binops = frozenset(["+", "*", "**", "%"])
    deadline = 0.0

    def check(self) -> None:
        """Stop a template that takes too long."""
        if time.monotonic() > self.deadline:
            raise TemplateRefusal("the template takes too long")

    def call(__self, __context: Context, __obj: object, *args: object, **kwargs: object) -> object:  # noqa: N805
        __self.check()
        _modest(args)
        return super().call(__context, __obj, *args, **kwargs)

    def getattr(self, obj: object, attribute: str) -> object:
        self.check()
        if attribute in {"format", "format_map"}:
            _modest_format(obj)
        found: object = super().getattr(obj, attribute)
        if _size(found) > RENDER_CHARACTERS:
            _refuse("a text in the template is too long")
        return found

    def getitem(self, obj: object, argument: object) -> object:
        self.check()
        return super().getitem(obj, argument)  # pyright: ignore[reportArgumentType, reportUnknownVariableType]

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
        self.check()
        _modest_operation(operator, left, right)
        return super().call_binop(context, operator, left, right)


class ChatTemplate:
    """One compiled template. Raises `CorruptFile` where it does not compile."""

    def __init__(self, source: str, specials: Mapping[str, str]) -> None:
        self.source = source
        self._specials = dict(specials)
        self._sandbox = _Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
        self._sandbox.filters.update({name: _modestly(act) for name, act in self._sandbox.filters.items()})
        self._sandbox.filters.update(tojson=_to_json, format=_format)
        self._sandbox.globals.update(raise_exception=_refuse, strftime_now=_now)  # pyright: ignore[reportArgumentType, reportCallIssue]
        try:
            self._template = self._sandbox.from_string(source)
        except (jinja2.TemplateError, RecursionError) as error:
            raise CorruptFile(f"The chat template of this model does not compile: {error}") from error

    def render(self, variables: Mapping[str, object]) -> str:
        """The prompt text, with the model's turn opened. Raises `BadRequest` where the template fails or refuses."""
        self._sandbox.deadline = time.monotonic() + RENDER_SECONDS
        pieces: list[str] = []
        size = 0
        try:
            for piece in self._template.generate(**self._specials, **variables, add_generation_prompt=True):
                self._sandbox.check()
                size += len(piece)
                if size > RENDER_CHARACTERS:
                    _refuse("it renders more than 8 million characters")
                pieces.append(piece)
        except TemplateRefusal as error:
            raise BadRequest(
                f"The model's chat template refuses this conversation: {error}", param="messages"
            ) from error
        except (
            jinja2.TemplateError,
            ArithmeticError,
            LookupError,
            TypeError,
            ValueError,
            AttributeError,
            MemoryError,
            RecursionError,
        ) as error:
            raise BadRequest(
                f"The model's chat template cannot render this conversation ({type(error).__name__}). "
                "Send plain user and assistant turns, or use another model.",
                param="messages",
            ) from error
        return "".join(pieces)


def _refuse(message: str) -> NoReturn:
    raise TemplateRefusal(message)


def _now(pattern: str) -> str:
    return datetime.datetime.now().astimezone().strftime(pattern)


def _to_json(value: object, **how: bool | int | tuple[str, str] | None) -> str:
    """Hugging Face's ``tojson``: plain characters and no HTML escapes, with the keywords of `json.dumps`."""
    how.setdefault("ensure_ascii", False)
    return json.dumps(value, **how)  # pyright: ignore[reportArgumentType]


def _format(text: str, *values: object) -> str:
    _modest_format(text)
    return text % values


def _modest_format(text: object) -> None:
    if isinstance(text, str) and WIDE.search(text):
        _refuse("a width in the template is too large")


def _modestly(act: Callable[..., object]) -> Callable[..., object]:
    """A filter that looks at its arguments first."""

    @functools.wraps(act)
    def bounded(*arguments: object, **named: object) -> object:
        _modest((*arguments, *named.values()))
        return act(*arguments, **named)

    return bounded


def _modest(arguments: tuple[object, ...]) -> None:
    if any(isinstance(one, int) and abs(one) > RENDER_CHARACTERS for one in arguments):
        _refuse("a number in the template is too large")


def _modest_operation(operator: str, left: object, right: object) -> None:
    if operator == "%":
        _modest_format(left)
    sizes = (_size(left), _size(right))
    if operator == "**" and max(sizes) > 1000:
        _refuse("a number in the template is too large")
    if operator == "*" and not (isinstance(left, int) and isinstance(right, int)):
        sizes = (sizes[0] * sizes[1], 0)
    if sum(sizes) > RENDER_CHARACTERS:
        _refuse("a text in the template is too long")


def _size(value: object) -> int:
    return abs(value) if isinstance(value, int) else len(value) if isinstance(value, Sized) else 0
