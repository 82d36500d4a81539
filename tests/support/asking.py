"""Requests for tests of text, and the prompt as the model reads it."""

from support.folders import CHATML
from tandem.core.chat import ChatRequest, Message, ResponseFormat, Sampling, Tool
from tandem.engine.language import Language

THINKING = CHATML + "{% if add_generation_prompt %}{{ '<think>\n' }}{% endif %}"
SCHEMA = ResponseFormat(
    kind="json_schema",
    schema_json='{"type":"object","properties":{"ok":{"type":"boolean"}},"required":["ok"],"additionalProperties":false}',
)
TOOLS = (Tool(name="clock"),)


def ask(content: str = "Hi", **more: object) -> ChatRequest:
    """A greedy request of one user turn, with any field changed."""
    more.setdefault("sampling", Sampling(temperature=0.0))
    more.setdefault("messages", (Message(role="user", content=content),))
    return ChatRequest(id="r", model="m", **more)  # pyright: ignore[reportArgumentType]


def prompt_text(language: Language, request: ChatRequest) -> str:
    """The prompt as it reaches the model, control tokens included."""
    pieces = language._vocabulary.pieces
    return b"".join(pieces[token] for token in language.prepare(request).tokens).decode()
