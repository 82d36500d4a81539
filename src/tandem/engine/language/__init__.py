"""Everything textual about one model: prompts to tokens, and logits to words, thoughts and tool calls."""

from tandem.engine.language.language import Language, Prompt
from tandem.engine.language.utterance import Utterance

__all__ = ["Language", "Prompt", "Utterance"]
