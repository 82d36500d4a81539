"""A model's language: opens the textual files of its folder, prepares prompts and begins utterances."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tandem.core.chat import ChatRequest, Sampling
from tandem.core.errors import BadRequest, ContextLengthExceeded, Unsupported
from tandem.core.models import Ability
from tandem.engine.language import conversation
from tandem.engine.language.folder import TURN_ENDINGS, ModelText, read_folder
from tandem.engine.language.sampling import Choosing
from tandem.engine.language.templates import FALLBACK, FALLBACK_STOPS, ChatTemplate
from tandem.engine.language.utterance import Plan, Utterance
from tandem.engine.language.vocabulary import Vocabulary

UNSTATED_ANSWER_TOKENS = 4096
UNSTATED_THOUGHT_TOKENS = 16384
"""An answer without ``max_tokens`` may fill the context, but no more than this; a model that thinks gets the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A request made ready for the model. ``max_tokens`` is resolved; ``note`` is for the person, in printable ASCII."""

    tokens: tuple[int, ...]
    max_tokens: int
    plan: Plan
    note: str | None = None


class Language:
    """Everything textual about one model. Open it with `Language.open`; it holds no state of any request."""

    def __init__(self, text: ModelText) -> None:
        self._text = text
        self._template = ChatTemplate(text.template or FALLBACK, text.specials)
        self._tool_template = ChatTemplate(text.tool_template, text.specials) if text.tool_template else self._template
        self._vocabulary = Vocabulary(text.tokenizer_json)
        self._thinks = "</think>" in self._template.source or self._vocabulary.control("<think>") is not None
        self.vocabulary_size = text.vocabulary_size
        self.context_tokens = text.context_tokens
        self.eos_ids = self._endings()
        self.abilities: frozenset[Ability] = self._abilities()

    @classmethod
    def open(cls, folder: Path) -> "Language":
        """Open the folder of a model. Raises `CorruptFile` for files that cannot be read."""
        return cls(read_folder(folder))

    def prepare(self, request: ChatRequest) -> Prompt:
        """Make a request ready: tokens, limits and how to speak.

        Raises `BadRequest`, `Unsupported` for what the model cannot honour, and `ContextLengthExceeded`.
        """
        self._refuse_pictures(request)
        tokens, rendered = self._tokens(request)
        if not tokens:
            raise BadRequest("The prompt is empty.", param="prompt" if request.raw_prompt is not None else "messages")
        max_tokens = self._room(request, len(tokens))
        return Prompt(tokens=tuple(tokens), max_tokens=max_tokens, plan=self._plan(request, max_tokens, rendered))

    def speak(self, request: ChatRequest, prompt: Prompt, index: int) -> Utterance:
        """Begin choice ``index`` of a prepared request."""
        del request
        return Utterance(self._vocabulary, self.eos_ids, prompt.plan, index)

    def _abilities(self) -> frozenset[Ability]:
        abilities: set[Ability] = {"logprobs", "json_schema"}
        if self._thinks:
            abilities.add("reasoning")
        return frozenset(abilities)

    def _endings(self) -> frozenset[int]:
        """Tokens that end an answer: as configured, and turn endings that the template itself writes."""
        texts = [
            self._text.specials.get("eos_token", ""),
            *(end for end in TURN_ENDINGS if end in self._template.source),
        ]
        found = {self._vocabulary.control(text) for text in texts}
        return self._text.eos_ids | {id_ for id_ in found if id_ is not None}

    def _refuse_pictures(self, request: ChatRequest) -> None:
        for at, message in enumerate(request.messages):
            if message.image_count:
                raise Unsupported(
                    f"{self._text.name} reads text only: take the {message.image_count} picture(s) out of messages[{at}], "
                    "or choose a model that sees.",
                    param=f"messages[{at}].content",
                )

    def _tokens(self, request: ChatRequest) -> tuple[list[int], str]:
        """Token ids, and the end of the rendered text (empty for a raw prompt)."""
        if request.messages:
            return self._rendered(request)
        match request.raw_prompt:
            case None:
                raise BadRequest("The request has neither messages nor a prompt.", param="messages")
            case str(text):
                return self._raw(text), ""
            case ids:
                for at, id_ in enumerate(ids):
                    if not 0 <= id_ < self._vocabulary.size:
                        raise BadRequest(
                            f"prompt[{at}] is {id_}; {self._text.name} knows token ids from 0 to {self._vocabulary.size - 1}.",
                            param="prompt",
                        )
                return list(ids), ""

    def _raw(self, text: str) -> list[int]:
        """A raw prompt may hold control tokens. Its beginning-of-text token comes once, typed or added."""
        text = _well_formed(text)
        bos = self._text.specials.get("bos_token")
        typed = bos is not None and text.startswith(bos)
        return self._vocabulary.encode(text, add_special=not typed)

    def _rendered(self, request: ChatRequest) -> tuple[list[int], str]:
        sentinel = self._vocabulary.sentinel(conversation.texts(request.messages, request.tools))

        def clean(text: str) -> str:
            return self._vocabulary.defuse(_well_formed(text), sentinel)

        variables: Mapping[str, object] = {"messages": conversation.plain_turns(request.messages, clean), "tools": None}
        text = self._template.render(variables)
        return self._vocabulary.encode_defused(text, sentinel), text[-64:]

    def _room(self, request: ChatRequest, prompt_tokens: int) -> int:
        """How many tokens the answer may have."""
        left = self.context_tokens - prompt_tokens
        asked = request.sampling.max_tokens
        param = "messages" if request.messages else "prompt"
        if left < 1:
            raise ContextLengthExceeded(
                f"This model's context holds {self.context_tokens} tokens and the prompt alone has {prompt_tokens}. Shorten the {param}.",
                param=param,
            )
        if asked is None:
            return min(left, UNSTATED_THOUGHT_TOKENS if self._thinks else UNSTATED_ANSWER_TOKENS)
        if asked < 1:
            raise BadRequest(f"max_tokens is {asked}; it must be at least 1.", param="max_tokens")
        if asked > left:
            raise ContextLengthExceeded(
                f"This model's context holds {self.context_tokens} tokens; the prompt has {prompt_tokens} and {asked} were asked "
                f"for the answer. Ask for at most {left}, or shorten the {param}.",
                param=param,
            )
        return asked

    def _plan(self, request: ChatRequest, max_tokens: int, rendered: str) -> Plan:
        sampling = request.sampling
        ending = rendered.rstrip()
        return Plan(
            choosing=self._choosing(request),
            max_tokens=max_tokens,
            stops=sampling.stop,
            silent_stops=FALLBACK_STOPS if request.messages and self._text.template is None else (),
            logprobs=sampling.logprobs,
            top_logprobs=sampling.top_logprobs if sampling.logprobs else 0,
            thinking=self._thinks and ending.endswith("<think>"),
            may_think=self._thinks and bool(request.messages) and not ending.endswith(("<think>", "</think>")),
            strip_first=self._vocabulary.strips_leading_space and bool(request.messages),
        )

    def _choosing(self, request: ChatRequest) -> Choosing:
        sampling = request.sampling
        for token in sampling.logit_bias:
            if not 0 <= token < self._vocabulary.size:
                raise BadRequest(
                    f"logit_bias names token {token}; {self._text.name} knows ids from 0 to {self._vocabulary.size - 1}.",
                    param="logit_bias",
                )
        return Choosing(
            temperature=self._temperature(sampling, request.n),
            top_p=self._text.top_p if sampling.top_p is None else sampling.top_p,
            top_k=self._text.top_k if sampling.top_k is None else sampling.top_k,
            seed=sampling.seed,
            frequency_penalty=sampling.frequency_penalty,
            presence_penalty=sampling.presence_penalty,
            logit_bias=sampling.logit_bias,
            banned=self.eos_ids if request.ignore_eos else frozenset(),
        )

    def _temperature(self, sampling: Sampling, n: int) -> float:
        """A caller who names a nucleus or wants several answers asks for variety, also of a model that is greedy by default."""
        if sampling.temperature is not None:
            return sampling.temperature
        varied = n > 1 or sampling.top_p is not None or sampling.top_k is not None
        return 1.0 if varied and self._text.temperature == 0.0 else self._text.temperature


def _well_formed(text: str) -> str:
    """Lone surrogates, which JSON can carry and UTF-8 cannot, become U+FFFD."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
