"""One answer being spoken: logits in, one token out, and the events that the token brings."""

from collections import deque
from dataclasses import dataclass

from tandem.core.chat import (
    Finished,
    FinishReason,
    RankedToken,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
)
from tandem.engine.language.channels import Channels, Segment
from tandem.engine.language.detokenizer import Detokenizer
from tandem.engine.language.sampling import Choosing, Logits, Sampler, log_probabilities
from tandem.engine.language.stops import StopStrings
from tandem.engine.language.vocabulary import Vocabulary

SpokenEvent = TextDelta | ReasoningDelta | ToolCallDelta | Finished


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How every choice of one request is to be spoken. ``silent_stops`` end the answer like an end token."""

    choosing: Choosing
    max_tokens: int
    stops: tuple[str, ...] = ()
    silent_stops: tuple[str, ...] = ()
    logprobs: bool = False
    top_logprobs: int = 0
    thinking: bool = False
    may_think: bool = False
    strip_first: bool = False


@dataclass(slots=True)
class _Pending:
    """A log-probability that waits until text of its token is shown. Offsets count generated characters."""

    start: int
    logprob: TokenLogprob


class Utterance:
    """Speaks one choice. The caller gives logits, feeds the returned token to the model unless ``finished``, and takes events.

    ``completion_tokens`` leaves out the end token; ``reasoning_tokens`` are among them.
    """

    def __init__(self, vocabulary: Vocabulary, eos_ids: frozenset[int], plan: Plan, index: int) -> None:
        self._vocabulary = vocabulary
        self._eos_ids = eos_ids
        self._plan = plan
        self._index = index
        self._sampler = Sampler(plan.choosing, vocabulary.size, index)
        self._words = Detokenizer(vocabulary.shown, strip_first=plan.strip_first)
        self._channels = Channels(thinking=plan.thinking, may_think=plan.may_think)
        self._stops = StopStrings(plan.stops + plan.silent_stops)
        self._pending: deque[_Pending] = deque()
        self._heard = 0
        self._withheld = 0
        self._events: list[SpokenEvent] = []
        self.finished = False
        self.completion_tokens = 0
        self.reasoning_tokens = 0

    def next_token(self, logits: Logits) -> int:
        """Choose the next token from logits of shape [V], which are left as they are."""
        known = logits[: self._vocabulary.size]
        token = self._sampler.choose(known)
        if token in self._eos_ids:
            self._finish("stop")
            return token
        self._sampler.note(token)
        self.completion_tokens += 1
        self._hear(token, logits)
        if not self.finished and self.completion_tokens >= self._plan.max_tokens:
            self._finish("length")
        return token

    def take_events(self) -> list[SpokenEvent]:
        """The events since the last call."""
        events, self._events = self._events, []
        return events

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

    def _say(self, segments: list[Segment]) -> None:
        """Turn segments into events; visible text goes through the stop strings."""
        visible = "".join(segment.text for segment in segments if segment.kind == "text")
        for segment in segments:
            if segment.kind == "reasoning":
                self._events.append(ReasoningDelta(text=segment.text, index=self._index))
        if not visible:
            return
        self._withheld += len(visible)
        release = self._stops.feed(visible)
        self._withheld -= len(release.text)
        self._show(release.text)
        if release.stop is not None:
            named = release.stop if release.stop in self._plan.stops else None
            self._end("stop", named)

    def _show(self, text: str) -> None:
        shown = self._heard - self._channels.held - self._withheld
        logprobs: list[TokenLogprob] = []
        while self._pending and self._pending[0].start < shown:
            logprobs.append(self._pending.popleft().logprob)
        if text or logprobs:
            self._events.append(TextDelta(text=text, index=self._index, logprobs=tuple(logprobs)))

    def _finish(self, reason: FinishReason) -> None:
        """The model or the limit ended the answer: show what was held back."""
        rest = self._words.flush()
        self._heard += len(rest)
        self._say(self._channels.feed(rest) if rest else [])
        self._say(self._channels.flush())
        if self.finished:
            return
        text = self._stops.flush()
        logprobs = tuple(pending.logprob for pending in self._pending)
        if text or logprobs:
            self._events.append(TextDelta(text=text, index=self._index, logprobs=logprobs))
        self._end(reason, None)

    def _end(self, reason: FinishReason, stop: str | None) -> None:
        self.finished = True
        self._events.append(Finished(reason=reason, index=self._index, stop_sequence=stop))

    def _logprob(self, token: int, logits: Logits) -> TokenLogprob:
        chosen, top = log_probabilities(logits, token, self._plan.top_logprobs)
        return TokenLogprob(
            chosen=self._ranked(token, chosen), top=tuple(self._ranked(rival, logprob) for rival, logprob in top)
        )

    def _ranked(self, token: int, logprob: float) -> RankedToken:
        raw = self._vocabulary.pieces[token] if token < self._vocabulary.size else b""
        return RankedToken(text=raw.decode("utf-8", errors="replace"), raw=raw, logprob=logprob)
