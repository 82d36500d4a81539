"""What OpenAI-compatible far sides answer, as msgspec reads it: chunks and whole answers in one shape.

Fields are as loose as what has been seen in the wild: nulls, numbers for texts, parts for a text.
"""

from msgspec import Struct


class Function(Struct):
    """A piece of a call, or a whole one. Some send its arguments as an object."""

    name: str | None = None
    arguments: str | dict[str, object] | None = None


class Call(Struct):
    """A tool call, or its next piece."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Part(Struct):
    """A part of a message that is a list: Mistral's reasoning models send thoughts so."""

    type: str = ""
    text: str | None = None
    thinking: "str | list[Part] | None" = None


class Delta(Struct):
    """What is new; in an answer in one piece, the message."""

    content: str | list[Part] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[Call] | None = None
    function_call: Function | None = None


class Rank(Struct):
    """A token and its log-probability."""

    token: str
    logprob: float
    bytes: list[int] | None = None
    top_logprobs: "list[Rank] | None" = None


class Logprobs(Struct):
    """Of a chat (``content``, ``refusal``), or of a plain completion (parallel lists)."""

    content: list[Rank] | None = None
    refusal: list[Rank] | None = None
    tokens: list[str] | None = None
    token_logprobs: list[float | None] | None = None
    top_logprobs: list[dict[str, float] | None] | None = None


class Choice(Struct):
    """One choice: ``delta`` in chunks, ``message`` in an answer in one piece, ``text`` in plain completions."""

    index: int | None = None
    delta: Delta | None = None
    message: Delta | None = None
    text: str | None = None
    logprobs: Logprobs | None = None
    finish_reason: str | None = None


class PromptDetails(Struct):
    """Within the prompt's tokens."""

    cached_tokens: float | None = None


class CompletionDetails(Struct):
    """Within the completion's tokens."""

    reasoning_tokens: float | None = None


class Tally(Struct):
    """Token counts. ``prompt_cache_hit_tokens`` is DeepSeek's name of what others call cached."""

    prompt_tokens: float | None = None
    completion_tokens: float | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    prompt_cache_hit_tokens: float | None = None


class GroqFacts(Struct):
    """Where Groq tells of usage, and of an error in mid-stream."""

    usage: Tally | None = None
    error: str | None = None


class Chunk(Struct):
    """One event of a stream, or an answer in one piece."""

    choices: list[Choice] | None = None
    usage: Tally | None = None
    error: object = None
    x_groq: GroqFacts | None = None
