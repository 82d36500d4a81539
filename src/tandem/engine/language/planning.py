"""How a request is to be spoken: defaults resolved, limits checked, and grammars compiled before the first token."""

from collections.abc import Sequence
from dataclasses import dataclass

from tandem.core.chat import ChatRequest, Sampling, Tool
from tandem.core.errors import BadRequest, ContextLengthExceeded, Unsupported
from tandem.engine.language.dialects import Dialect, calls_rules, parameters_param, parameters_schema
from tandem.engine.language.folder import ModelText
from tandem.engine.language.grammar import Grammar, Grammars, json_rule, read_schema
from tandem.engine.language.sampling import Choosing
from tandem.engine.language.utterance import ToolPlan
from tandem.engine.language.vocabulary import Vocabulary

UNSTATED_ANSWER_TOKENS = 4096
UNSTATED_THOUGHT_TOKENS = 16384
"""An answer without ``max_tokens`` may fill the context, but no more than this; a thinking model gets the second."""
ANY_OBJECT: dict[str, object] = {"type": "object"}
SCHEMA_PARAM = "response_format.json_schema.schema"


def answer_room(request: ChatRequest, context_tokens: int, prompt_tokens: int, *, thinks: bool) -> int:
    """How many tokens the answer may have. Raises `ContextLengthExceeded` where prompt and answer do not fit together.

    As OpenAI and vLLM do it, a ``max_tokens`` that cannot fit is refused and not lowered.
    """
    left = context_tokens - prompt_tokens
    asked = request.sampling.max_tokens
    param = "messages" if request.messages else "prompt"
    if left < 1:
        raise ContextLengthExceeded(
            f"This model's context holds {context_tokens} tokens and the prompt alone has {prompt_tokens}. "
            f"Shorten the {param}.",
            param=param,
        )
    if asked is None:
        return min(left, UNSTATED_THOUGHT_TOKENS if thinks else UNSTATED_ANSWER_TOKENS)
    if asked < 1:
        raise BadRequest(f"max_tokens is {asked}; it must be at least 1.", param="max_tokens")
    if asked > left:
        raise ContextLengthExceeded(
            f"This model's context holds {context_tokens} tokens; the prompt has {prompt_tokens} and the answer was "
            f"allowed {asked}. Ask for at most {left}, or shorten the {param}.",
            param=param,
        )
    return asked


def choosing(
    request: ChatRequest, text: ModelText, banned: frozenset[int], prompt: Sequence[int], size: int
) -> Choosing:
    """The sampling parameters, defaults filled in. Raises `BadRequest` for a bias on an unknown token.

    A folder's repetition penalty holds where the caller names no penalty of OpenAI's: two would fight.
    """
    sampling = request.sampling
    penalized = sampling.frequency_penalty or sampling.presence_penalty
    for token in sampling.logit_bias:
        if not 0 <= token < size:
            raise BadRequest(
                f"logit_bias names token {token}; {text.name} knows ids from 0 to {size - 1}.", param="logit_bias"
            )
    return Choosing(
        temperature=_temperature(sampling, request.n, text.temperature),
        top_p=text.top_p if sampling.top_p is None else sampling.top_p,
        top_k=text.top_k if sampling.top_k is None else sampling.top_k,
        seed=sampling.seed,
        frequency_penalty=sampling.frequency_penalty,
        presence_penalty=sampling.presence_penalty,
        logit_bias=sampling.logit_bias,
        banned=banned if request.ignore_eos else frozenset(),
        repetition_penalty=1.0 if penalized else text.repetition_penalty,
        prompt=prompt,
    )


def _temperature(sampling: Sampling, n: int, default: float) -> float:
    """Who names a nucleus or wants several answers asks for variety, also of a model that is greedy by default."""
    if sampling.temperature is not None:
        return sampling.temperature
    varied = n > 1 or sampling.top_p is not None or sampling.top_k is not None
    return 1.0 if varied and default == 0.0 else default


def offered_tools(request: ChatRequest) -> tuple[Tool, ...]:
    """The tools that the model is to know of. Raises `BadRequest` where ``tool_choice`` asks for another."""
    choice = request.tool_choice
    if choice.mode in {"required", "named"} and not request.tools:
        raise BadRequest("tool_choice asks for a tool, but the request brings none.", param="tool_choice")
    if choice.mode == "named" and all(tool.name != choice.name for tool in request.tools):
        raise BadRequest("tool_choice names a function that is not among the tools.", param="tool_choice")
    return () if choice.mode == "none" else request.tools


def refuse_forced_tools(request: ChatRequest, model: str) -> None:
    """Raise `Unsupported` where a tool is demanded of a model that knows no tools."""
    if request.tool_choice.mode in {"required", "named"}:
        raise Unsupported(
            f"{model} has no tool template, so it cannot be made to call a tool. "
            'Use "tool_choice": "auto", or a model that knows tools.',
            param="tool_choice",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Forms:
    """What binds an answer: a grammar over all of it, and how tool calls in it are heard."""

    grammar: Grammar | None
    tools: ToolPlan | None


def forms(request: ChatRequest, dialect: Dialect | None, vocabulary: Vocabulary, grammars: Grammars) -> Forms:
    """Compile what ``response_format``, ``tools`` and ``tool_choice`` ask for.

    Raises `BadRequest` for a schema that cannot be enforced, naming it.
    """
    wanted = _wanted_schema(request)
    bound = None if wanted is None else grammars.json_schema(wanted, SCHEMA_PARAM)
    offered = offered_tools(request)
    if dialect is None or not offered:
        return Forms(grammar=bound, tools=None)
    choice = request.tool_choice
    called = [(at, tool) for at, tool in enumerate(offered) if choice.mode != "named" or tool.name == choice.name]
    answer = "" if wanted is None else json_rule(wanted)
    start, inside = _starts(dialect, answer, auto=choice.mode == "auto", strict=any(tool.strict for tool in offered))
    rules = ""
    if start or inside:
        _check_parameters(called, grammars)
        rules = calls_rules(dialect, called, vocabulary, parallel=request.parallel_tool_calls)
    return Forms(
        grammar=grammars.lark(start + rules, "tools") if start else None,
        tools=ToolPlan(
            dialect=dialect,
            names=frozenset(tool.name for _, tool in called),
            parallel=request.parallel_tool_calls,
            inside=grammars.lark(inside + rules, "tools") if inside else None,
        ),
    )


def _wanted_schema(request: ChatRequest) -> dict[str, object] | None:
    wanted = request.response_format
    if wanted.kind == "text":
        return None
    if wanted.kind == "json_object":
        return ANY_OBJECT
    if wanted.schema_json is None:
        raise BadRequest("response_format asks for a JSON Schema but brings none.", param=SCHEMA_PARAM)
    return read_schema(wanted.schema_json, SCHEMA_PARAM)


def _check_parameters(tools: Sequence[tuple[int, Tool]], grammars: Grammars) -> None:
    """Compile each tool's schema by itself, so that a refusal names the tool."""
    for at, tool in tools:
        param = parameters_param(at)
        grammars.json_schema(parameters_schema(tool, param), param, lenient=not tool.strict)


def _starts(dialect: Dialect, answer: str, *, auto: bool, strict: bool) -> tuple[str, str]:
    """The start rules over the whole answer and inside a call; empty where nothing is bound."""
    if not auto:
        return "start: calls\n", ""
    if answer:
        return f"start: answer | calls\nanswer: {answer}\n", ""
    if not strict:
        return "", ""
    if dialect.marks.bare:
        return "start: calls | TEXT?\nTEXT: /[^{](.|\\n)*/\n", ""
    return "", "start: inside\n"
