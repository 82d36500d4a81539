"""A model's language: opens the textual files of its folder, prepares prompts and begins utterances."""

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

from tandem.core.chat import ChatRequest
from tandem.core.errors import BadRequest, ContextLengthExceeded, Unsupported
from tandem.core.templates import THINK, UNTHINK, abilities_of, knows_tools
from tandem.engine.language import conversation, planning
from tandem.engine.language.dialects import dialect_of
from tandem.engine.language.folder import DOCUMENT_ENDINGS, TURN_ENDINGS, ModelText, read_folder
from tandem.engine.language.grammar import Grammars
from tandem.engine.language.templates import FALLBACK, FALLBACK_STOPS, ChatTemplate
from tandem.engine.language.utterance import Plan, Utterance
from tandem.engine.language.vocabulary import Vocabulary

TOOLS_IN_SYSTEM = re.compile(r"""message\s*(\[\s*['"]tools['"]\s*\]|\.tools\b)""")
"""Some templates (Phi-4-mini) read the tools from the system message, as JSON text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A request made ready. ``max_tokens`` is resolved; ``note`` is for the person, in printable ASCII."""

    tokens: tuple[int, ...]
    max_tokens: int
    plan: Plan
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manner:
    """How a template is addressed: arguments of earlier calls as objects or text, no tools as none or not at all."""

    arguments_as_text: bool = False
    tools_undefined: bool = False


class Language:
    """Everything textual about one model. Open it with `Language.open`; it holds no state of any request.

    ``vocabulary_size`` is the width of the logits; ``eos_ids`` end an answer.
    """

    def __init__(self, text: ModelText) -> None:
        self._text = text
        chat, tools = text.templates.chat, text.templates.tools
        self._template = ChatTemplate(chat or FALLBACK, text.specials)
        self._tool_template = ChatTemplate(tools, text.specials) if tools else self._template
        self._tools_in_system = TOOLS_IN_SYSTEM.search(self._tool_template.source) is not None
        source = self._tool_template.source
        self._dialect = dialect_of(source) if knows_tools(source) else None
        written = self._template.source + self._tool_template.source
        self._vocabulary = Vocabulary(text.tokenizer_json, written, self._visible())
        self.abilities = abilities_of(text.templates, self._vocabulary.added)
        self._thinks = "reasoning" in self.abilities
        self.vocabulary_size = text.vocabulary_size
        self.context_tokens = text.context_tokens
        self.eos_ids = self._endings()
        self._grammars = Grammars(text.tokenizer_json, self._vocabulary.pieces, self.eos_ids)

    @classmethod
    def open(cls, folder: Path) -> "Language":
        """Open the folder of a model. Raises `CorruptFile` for files that cannot be read."""
        return cls(read_folder(folder))

    def prepare(self, request: ChatRequest) -> Prompt:
        """Make a request ready: tokens, limits and how to speak. A costly schema may take a second the first time.

        Raises `BadRequest`, `Unsupported` for what the model cannot honour, and `ContextLengthExceeded`.
        """
        self._refuse_pictures(request)
        note = self._tool_note(request)
        tokens, ending = self._tokens(request)
        if not tokens:
            raise BadRequest("The prompt is empty.", param="messages" if request.messages else "prompt")
        plan = self._plan(request, tokens, ending.rstrip())
        return Prompt(tokens=tuple(tokens), max_tokens=plan.max_tokens, plan=plan, note=note)

    def speak(self, request: ChatRequest, prompt: Prompt, index: int) -> Utterance:
        """Begin choice ``index`` of a prepared request. Raises `BadRequest` for an ``index`` outside ``n``."""
        if not 0 <= index < request.n:
            raise BadRequest(f"Choice {index} was not asked for; n is {request.n}.", param="n")
        return Utterance(self._vocabulary, self.eos_ids, prompt.plan, index)

    def _visible(self) -> frozenset[str]:
        calls = self._dialect.texts if self._dialect else frozenset[str]()
        return calls | {THINK, UNTHINK}

    def _endings(self) -> frozenset[int]:
        """Tokens that end an answer: as configured, turn endings that the template itself writes, ends of documents."""
        written = [end for end in TURN_ENDINGS if end in self._template.source]
        texts = [self._text.specials.get("eos_token", ""), *written, *DOCUMENT_ENDINGS]
        found = {self._vocabulary.control(text) for text in texts}
        return self._text.eos_ids | {id_ for id_ in found if id_ is not None}

    def _refuse_pictures(self, request: ChatRequest) -> None:
        for at, message in enumerate(request.messages):
            if message.image_count:
                raise Unsupported(
                    f"{self._text.name} reads text only: take the pictures out of messages[{at}], "
                    "or choose a model that sees.",
                    param=f"messages[{at}].content",
                )

    def _tool_note(self, request: ChatRequest) -> str | None:
        if not planning.offered_tools(request) or self._dialect:
            return None
        planning.refuse_forced_tools(request, self._text.name)
        name = "".join(char if " " <= char <= "~" else "?" for char in self._text.name)
        return f"{name} has no tool template: the tools were left out"

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
                self._check_ids(ids)
                return list(ids), ""

    def _check_ids(self, ids: tuple[int, ...]) -> None:
        size = self._vocabulary.size
        for at, id_ in enumerate(ids):
            if not 0 <= id_ < size:
                raise BadRequest(
                    f"prompt[{at}] is {id_}; {self._text.name} knows token ids from 0 to {size - 1}.", param="prompt"
                )

    def _refuse_endless(self, text: str, param: str) -> None:
        """Text that cannot fit even if all its tokens were the longest one is refused before it is read."""
        least = len(text) // self._vocabulary.longest_piece
        if least > self.context_tokens:
            raise ContextLengthExceeded(
                f"This model's context holds {self.context_tokens} tokens and the prompt alone has more than {least}. "
                f"Shorten the {param}.",
                param=param,
            )

    def _raw(self, text: str) -> list[int]:
        """A raw prompt may hold control tokens. Its beginning-of-text token comes once, typed or added."""
        text = _well_formed(text)
        self._refuse_endless(text, "prompt")
        bos = self._text.specials.get("bos_token")
        typed = bos is not None and text.startswith(bos)
        return self._vocabulary.encode(text, add_special=not typed)

    def _rendered(self, request: ChatRequest) -> tuple[list[int], str]:
        sentinel = self._vocabulary.sentinel(conversation.texts(request.messages, request.tools))
        refusal: BadRequest | None = None
        for manner in self._manners(request):
            try:
                text = self._render(request, sentinel, manner)
            except BadRequest as error:
                refusal = refusal or error
            else:
                self._refuse_endless(text, "messages")
                return self._vocabulary.encode_defused(text, sentinel), text[-64:]
        raise refusal or BadRequest("The request cannot be rendered.", param="messages")

    def _manners(self, request: ChatRequest) -> list[_Manner]:
        """Templates differ in what they expect; the second and third manner are for those that fail over the first."""
        manners = [_Manner()]
        if any(message.tool_calls for message in request.messages):
            manners.append(_Manner(arguments_as_text=True))
        if not planning.offered_tools(request):
            manners += [replace(manner, tools_undefined=True) for manner in manners]
        return manners if self._dialect else manners[:1]

    def _render(self, request: ChatRequest, sentinel: str, manner: _Manner) -> str:
        """The prompt as text, every control string in the caller's words broken by the sentinel."""

        def clean(text: str) -> str:
            return self._vocabulary.defuse(_well_formed(text), sentinel)

        if self._dialect is None:
            return self._template.render({"messages": conversation.plain_turns(request.messages, clean)})
        turns = conversation.turns(request.messages, clean, arguments_as_text=manner.arguments_as_text)
        tools = conversation.tool_descriptions(planning.offered_tools(request), clean)
        if tools and self._tools_in_system:
            functions = [tool["function"] for tool in tools]
            conversation.put_tools_in_system(turns, json.dumps(functions, ensure_ascii=False))
        variables: dict[str, object] = {"messages": turns, "tools": tools or None}
        if manner.tools_undefined:
            del variables["tools"]
        return (self._tool_template if tools else self._template).render(variables)

    def _plan(self, request: ChatRequest, tokens: list[int], ending: str) -> Plan:
        sampling = request.sampling
        chat = bool(request.messages)
        room = planning.answer_room(request, self.context_tokens, len(tokens), thinks=self._thinks)
        forms = planning.forms(request, self._dialect, self._vocabulary, self._grammars)
        return Plan(
            choosing=planning.choosing(request, self._text, self.eos_ids, tokens, self._vocabulary.size),
            max_tokens=room,
            stops=sampling.stop,
            silent_stops=FALLBACK_STOPS if chat and self._text.templates.chat is None else (),
            logprobs=sampling.logprobs,
            top_logprobs=sampling.top_logprobs if sampling.logprobs else 0,
            thinking=self._thinks and ending.endswith(THINK),
            may_think=self._thinks and chat and not ending.endswith((THINK, UNTHINK)),
            strip_first=self._vocabulary.strips_leading_space and chat,
            grammar=forms.grammar,
            tools=forms.tools,
            end_loops=sampling.max_tokens is None,
        )


def _well_formed(text: str) -> str:
    """Lone surrogates, which JSON can carry and UTF-8 cannot, become U+FFFD."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
