"""One answer being spoken: logits in, one token out, and the events that the token brings."""

import secrets
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tandem.core.chat import (
    Finished,
    FinishReason,
    RankedToken,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
)
from tandem.core.errors import BadRequest
from tandem.core.templates import THINK
from tandem.engine.language.calling import CallPiece, CallReader
from tandem.engine.language.channels import Channels, Segment
from tandem.engine.language.detokenizer import Detokenizer
from tandem.engine.language.dialects import Dialect
from tandem.engine.language.grammar import Constraint, Grammar
from tandem.engine.language.loops import Loops
from tandem.engine.language.sampling import Choosing, NothingAllowed, Sampler, log_probabilities
from tandem.engine.language.vocabulary import Vocabulary
from tandem.engine.model import Logits
from tandem.engine.stops import StopStrings

SpokenEvent = TextDelta | ReasoningDelta | ToolCallDelta | Finished


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolPlan:
    """How tool calls are heard. ``inside`` binds a call that the model opens by itself, where all tools are strict."""

    dialect: Dialect
    names: frozenset[str]
    parallel: bool = True
    inside: Grammar | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How every choice of one request is to be spoken. ``silent_stops`` end the answer like an end token.

    ``grammar`` binds the answer from its first token, or from the end of the thoughts. ``end_loops`` ends an
    answer that only repeats itself, as its limit would.
    """

    choosing: Choosing
    max_tokens: int
    stops: tuple[str, ...] = ()
    silent_stops: tuple[str, ...] = ()
    logprobs: bool = False
    top_logprobs: int = 0
    thinking: bool = False
    may_think: bool = False
    strip_first: bool = False
    grammar: Grammar | None = None
    tools: ToolPlan | None = None
    end_loops: bool = False


@dataclass(slots=True)
class _Pending:
    """A log-probability that waits until text of its token is shown. Offsets count generated characters."""

    start: int
    logprob: TokenLogprob


class Utterance:
    """Speaks one choice: take `next_token`, then `take_events`; feed the token to the model unless ``finished``.

    ``completion_tokens`` leaves out the end token; ``reasoning_tokens`` are among them.
    """

    def __init__(self, vocabulary: Vocabulary, eos_ids: frozenset[int], plan: Plan, index: int) -> None:
        self._vocabulary = vocabulary
        self._eos_ids = eos_ids
        self._plan = plan
        self._index = index
        self._sampler = Sampler(plan.choosing, vocabulary.size, index)
        self._words = Detokenizer(vocabulary.shown, strip_first=plan.strip_first)
        marks = plan.tools.dialect.marks if plan.tools else None
        self._channels = Channels(thinking=plan.thinking, may_think=plan.may_think, marks=marks)
        self._stops = StopStrings(plan.stops + plan.silent_stops)
        self._constraint: Constraint | None = None
        self._scope: Literal["answer", "call"] | None = None
        self._loops = Loops() if plan.end_loops else None
        self._thought = vocabulary.control(THINK) if plan.may_think else None
        self._pending: deque[_Pending] = deque()
        self._heard = 0
        self._withheld = 0
        self._hurried = False
        self._calls = 0
        self._reader: CallReader | None = None
        self._events: list[SpokenEvent] = []
        self.finished = False
        self.completion_tokens = 0
        self.reasoning_tokens = 0

    def next_token(self, logits: Logits) -> int:
        """Choose the next token from logits of shape [V], which are left as they are.

        Raises `BadRequest` where a grammar grows too costly on the way or ``logit_bias`` forbids every token, and
        `Unavailable` for a model whose logits are no numbers.
        """
        logits = np.asarray(logits, dtype=np.float32)
        known = logits[: self._vocabulary.size]
        self._begin_answer()
        try:
            token = self._sampler.choose(known, self._allowed())
        except NothingAllowed as error:
            if self._constraint and self._constraint.complete:
                self._finish("stop")
                return min(self._eos_ids, default=0)
            raise BadRequest("logit_bias forbids every token that may come next.", param="logit_bias") from error
        if token in self._eos_ids:
            self._finish("stop")
            return token
        if self._constraint:
            liked, token = token, self._constraint.in_time(token, self._plan.max_tokens - self.completion_tokens)
            self._hurried |= token != liked
        self._follow(token)
        self._sampler.note(token)
        self.completion_tokens += 1
        self._hear(token, logits)
        endless = self._loops is not None and self._loops.closed_by(token)
        if not self.finished and (endless or self.completion_tokens >= self._plan.max_tokens):
            self._finish("length")
        return token

    def take_events(self) -> list[SpokenEvent]:
        """The events since the last call."""
        events, self._events = self._events, []
        return events

    def _begin_answer(self) -> None:
        """Bind the answer from its first token, or from the end of the thoughts."""
        if self._plan.grammar and not self._scope and self._channels.channel != "thinking":
            self._bind(self._plan.grammar, "answer")

    def _allowed(self) -> NDArray[np.bool_] | None:
        """What the grammar allows, and at the very beginning the mark that opens a thought."""
        if self._constraint is None:
            return None
        allowed = self._constraint.mask()
        if self._thought is not None and self.completion_tokens == 0:
            allowed[self._thought] = True
        return allowed

    def _follow(self, token: int) -> None:
        if self._constraint is None:
            return
        if token == self._thought and self.completion_tokens == 0:
            self._constraint = self._scope = None
        else:
            self._constraint.take(token)

    def _bind(self, grammar: Grammar, scope: Literal["answer", "call"]) -> None:
        """Follow a grammar from here on, beginning with what was said since the mark."""
        constraint = grammar.start()
        said = self._channels.since_mark.lstrip() if self.completion_tokens else ""
        fits = not said or constraint.follow(self._vocabulary.encode(said))
        if fits:
            self._constraint, self._scope = constraint, scope

    def _hear(self, token: int, logits: Logits) -> None:
        before = self._channels.channel
        text = self._words.feed(token)
        start, self._heard = self._heard, self._heard + len(text)
        segments = self._channels.feed(text) if text else []
        after = self._channels.channel
        self.reasoning_tokens += before == "thinking" or after == "thinking"
        if self._plan.logprobs and before in {"opening", "speaking"} and after in {"opening", "speaking"}:
            self._pending.append(_Pending(start, self._logprob(token, logits)))
        self._say(segments)
        if after == "calling" and not self.finished:
            self._listen()
        if not self.finished and (self._plan.grammar or self._plan.tools):
            self._rebind(before, after)

    def _rebind(self, before: str, after: str) -> None:
        """Take up or lay down a grammar where the stream passed a mark; end where a grammar has no more to say."""
        tools = self._plan.tools
        if self._scope == "call" and after != "calling":
            self._constraint = self._scope = None
        if self._scope is None and tools and tools.inside and after == "calling" and before != "calling":
            self._bind(tools.inside, "call")
        if self._scope == "answer" and self._constraint and self._constraint.stopped:
            self._finish("stop")

    def _say(self, segments: list[Segment]) -> None:
        """Turn segments into events; visible text goes through the stop strings."""
        for segment in segments:
            if self.finished:
                return
            if segment.kind == "reasoning":
                self._events.append(ReasoningDelta(text=segment.text, index=self._index))
            elif segment.kind == "text":
                self._speak(segment.text)
            else:
                self._call(segment)

    def _speak(self, text: str) -> None:
        self._withheld += len(text)
        release = self._stops.feed(text)
        self._withheld -= len(release.text)
        self._show(release.text)
        if release.stop is not None:
            self._end("stop", release.stop if release.stop in self._plan.stops else None)

    def _show(self, text: str) -> None:
        shown = self._heard - self._channels.held - self._withheld
        logprobs: list[TokenLogprob] = []
        while self._pending and self._pending[0].start < shown:
            logprobs.append(self._pending.popleft().logprob)
        if text or logprobs:
            self._events.append(TextDelta(text=text, index=self._index, logprobs=tuple(logprobs)))

    def _listen(self) -> None:
        """Say what is certain of the call that is being written, where its dialect can be read piece by piece."""
        tools = self._plan.tools
        if tools is None or tools.dialect.shape == "fenced":
            return
        if self._reader is None:
            self._reader = CallReader(tools.names, most=None if tools.parallel else 1)
        self._send(self._reader.feed(self._channels.inside[self._reader.heard :]))

    def _call(self, segment: Segment) -> None:
        """A call is over. What could not be said of it piece by piece is read as a whole."""
        tools, reader, self._reader = self._plan.tools, self._reader, None
        if tools is None:
            self._speak(segment.marked)
        elif reader is None or not reader.begun:
            self._read_whole(tools, segment.text, segment.marked)
        else:
            self._send(reader.feed(segment.text[reader.heard :]))
            if tools.parallel and reader.unread:
                self._read_whole(tools, reader.unread, reader.unread)
        if tools and self._calls and not tools.parallel:
            self._end("stop", None)

    def _read_whole(self, tools: ToolPlan, text: str, marked: str) -> None:
        """What is no call of an offered tool is text, as the model wrote it."""
        calls = tools.dialect.read(text)
        if calls is None or not all(call.name in tools.names for call in calls):
            self._speak(marked)
        else:
            self._send([CallPiece(call.name, call.arguments) for call in (calls if tools.parallel else calls[:1])])

    def _send(self, pieces: Sequence[CallPiece]) -> None:
        for piece in pieces:
            self._pending.clear()
            begins = piece.name is not None
            self._calls += begins
            self._events.append(
                ToolCallDelta(
                    call_index=self._calls - 1,
                    arguments=piece.arguments,
                    id=f"call_{secrets.token_hex(12)}" if begins else None,
                    name=piece.name,
                    index=self._index,
                )
            )

    def _finish(self, reason: FinishReason) -> None:
        """The model or the limit ended the answer: show what was held back."""
        rest = self._words.flush()
        self._heard += len(rest)
        self._say(self._channels.feed(rest) if rest else [])
        if not self.finished:
            self._say(self._channels.flush())
        if self.finished:
            return
        text = self._stops.flush()
        logprobs = tuple(pending.logprob for pending in self._pending)
        if text or logprobs:
            self._events.append(TextDelta(text=text, index=self._index, logprobs=logprobs))
        self._end(reason, None)

    def _end(self, reason: FinishReason, stop: str | None) -> None:
        """The reason is the limit also where the limit made the grammar complete the answer before it was reached."""
        self.finished = True
        if reason == "stop" and stop is None:
            reason = "length" if self._hurried else "tool_calls" if self._calls else "stop"
        self._events.append(Finished(reason=reason, index=self._index, stop_sequence=stop))

    def _logprob(self, token: int, logits: Logits) -> TokenLogprob:
        chosen, top = log_probabilities(logits, token, self._plan.top_logprobs)
        return TokenLogprob(
            chosen=self._ranked(token, chosen), top=tuple(self._ranked(rival, logprob) for rival, logprob in top)
        )

    def _ranked(self, token: int, logprob: float) -> RankedToken:
        raw = self._vocabulary.pieces[token] if token < self._vocabulary.size else b""
        return RankedToken(text=raw.decode("utf-8", errors="replace"), raw=raw, logprob=logprob)
