"""The course that every contender runs: one task after another, each contender in turn, then the next round.

The order of the contenders changes from round to round. Whoever is not at work must rest: `Course.restless` is the
largest share of a processor that an idle contender took during somebody else's turn, `Course.others_cores` the
processors that programs outside this run kept busy during turns.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import harmonic_mean
from typing import TypeVar

import psutil

from bench import metrics, passages
from bench.asking import Answer, Ask, Turn
from bench.figures import Metric, Samples
from bench.runner import ContenderFailed, Entry, Runner
from bench.stable import Stall

ANSWER_TOKENS = 24
FOLLOW_UP_TOKENS = 8
DECODE_TOKENS = 96
DECODES = 3
INTRUSION_AFTER_SECONDS = 0.3
ROUND_NUMBERS = 10_000
INTRUSION_NUMBER = 5_000

T = TypeVar("T")
Announce = Callable[[str], None]
"""Told what comes next, once for each step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is run. ``seconds`` bounds the time after which no further round begins."""

    rounds: int
    starts: int
    lengths: tuple[int, ...]
    streams: tuple[int, ...]
    seconds: float

    def steps(self, contenders: int) -> int:
        """How many steps will be announced."""
        return contenders * (self.starts + 1 + self.rounds * (len(self.lengths) + DECODES + 2))


@dataclass(slots=True)
class Course:
    """One run over all contenders. ``absent`` tells why a contender does not take part."""

    plan: Plan
    count: passages.Count
    announce: Announce
    enter: Callable[[Entry], Runner] = Stall
    settle: Callable[[], None] = lambda: None
    samples: Samples = field(default_factory=Samples)
    absent: dict[str, str] = field(default_factory=dict[str, str])
    prompt_tokens: dict[tuple[str, int], set[int]] = field(default_factory=dict[tuple[str, int], set[int]])
    cached_when_cold: dict[str, int] = field(default_factory=dict[str, int])
    restless: float = 0.0
    others_cores: float = 0.0
    rounds_done: int = 0
    _others: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])

    def start(self, entries: Sequence[Entry]) -> list[Runner]:
        """Measure starting, in turns; the processes of the last turn stay."""
        kept: list[Runner] = []
        for number in range(self.plan.starts):
            last = number == self.plan.starts - 1
            for entry in _in_turn(entries, number):
                if entry.name in self.absent or (entry.decodes_only and not last):
                    continue
                self.announce(f"{entry.title}: starting")
                self.settle()
                stall = self._start(entry, number)
                if stall is not None and last:
                    kept.append(stall)
                elif stall is not None:
                    stall.close()
        return sorted(kept, key=lambda stall: [entry.name for entry in entries].index(stall.entry.name))

    def run(self, stalls: Sequence[Runner]) -> None:
        """Warm up, then all rounds."""
        began = time.monotonic()
        for stall in stalls:
            self.announce(f"{stall.entry.title}: warming up")
            stall.answer_all([passages.ask("warm-up", passages.story(900), ANSWER_TOKENS)])
        for number in range(self.plan.rounds):
            if number and time.monotonic() - began > self.plan.seconds * number / (number + 1):
                break
            turns = _in_turn(stalls, number)
            full = [stall for stall in turns if not stall.entry.decodes_only]
            for tokens in self.plan.lengths:
                self._each(stalls, full, f"{tokens} tokens", lambda stall, t=tokens, n=number: self._ttft(stall, n, t))
            for again in range(number * DECODES, (number + 1) * DECODES):
                one = metrics.decode(1)
                self._each(stalls, turns, "one stream", lambda stall, n=again, m=one: self._decode(stall, n, m, 1))
            self._each(stalls, full, "several streams", lambda stall, n=number: self._streams(stall, n))
            self._each(stalls, full, "an intrusion", lambda stall, n=number: self._intrusion(stall, n))
            self.rounds_done = number + 1
        self.others_cores = sum(used for used, _ in self._others) / sum(seconds for _, seconds in self._others)
        for stall in (stall for stall in stalls if stall.entry.name not in self.absent):
            peak = sum(memory.peak for memory in stall.memory().values()) / 1e6
            self.samples.add(metrics.MEMORY_PEAK, stall.entry.name, 0, peak)

    def _start(self, entry: Entry, number: int) -> Runner | None:
        stall = self.enter(entry)
        try:
            ready = stall.open()
            [answer] = stall.answer_all([passages.ask("first", passages.story(number), ANSWER_TOKENS)])
        except ContenderFailed as failure:
            self.absent[entry.name] = str(failure)
            stall.close()
            return None
        self.samples.add(metrics.START, entry.name, number, ready)
        self.samples.add(metrics.FIRST_WORD, entry.name, number, ready + answer.ttft_seconds)
        self.samples.add(metrics.MEMORY, entry.name, number, sum(m.resident for m in stall.memory().values()) / 1e6)
        return stall

    def _each(self, stalls: Sequence[Runner], turns: Sequence[Runner], what: str, do: Callable[[Runner], None]) -> None:
        for stall in turns:
            if stall.entry.name in self.absent:
                continue
            self.announce(f"{stall.entry.title}: {what}")
            self.settle()
            idle = [other for other in stalls if other is not stall]
            before, began, busy = [other.cpu_seconds() for other in idle], time.perf_counter(), _others_seconds(stalls)
            try:
                do(stall)
            except ContenderFailed as failure:
                self.absent[stall.entry.name] = f"it failed in the middle: {failure}"
                continue
            seconds = time.perf_counter() - began
            shares = [(other.cpu_seconds() - spent) / seconds for other, spent in zip(idle, before, strict=True)]
            self.restless = max(self.restless, *shares, 0.0)
            self._others.append((_others_seconds(stalls) - busy, seconds))

    def _ttft(self, stall: Runner, number: int, tokens: int) -> None:
        """A prompt of which nothing is cached, then a follow-up to its answer."""
        name = stall.entry.name
        turns = passages.reading(number * ROUND_NUMBERS + tokens, tokens, self.count)
        conversation = f"reading-{number}-{tokens}"
        [first] = stall.answer_all([passages.ask(conversation, turns, ANSWER_TOKENS)])
        again = passages.follow_up(turns, first.text)
        [second] = stall.answer_all([passages.ask(conversation, again, FOLLOW_UP_TOKENS)])
        self._add_wait(metrics.cold(tokens), name, number, [first])
        self._add_wait(metrics.warm(tokens), name, number, [second])
        self.prompt_tokens.setdefault((name, tokens), set()).add(first.prompt_tokens)
        self._check_cold(name, first)

    def _streams(self, stall: Runner, number: int) -> None:
        """Several streams, then the same texts one after another, since their quotient is a promise.

        How far speculation helps depends on the text, so other texts would make another quotient.
        """
        for streams in self.plan.streams:
            self._decode(stall, number, metrics.decode(streams), streams)
        rates = [together(stall.answer_all([ask])) for ask in self._stories(number, max(self.plan.streams))]
        if known := [rate for rate in rates if rate is not None]:
            self.samples.add(metrics.ALONE, stall.entry.name, number, harmonic_mean(known))

    def _stories(self, number: int, streams: int) -> list[Ask]:
        return [self._story(number * ROUND_NUMBERS + streams * 10 + at) for at in range(streams)]

    def _decode(self, stall: Runner, number: int, metric: Metric, streams: int) -> None:
        answers = stall.answer_all(self._stories(number, streams))
        rate = together(answers)
        if rate is not None:
            self.samples.add(metric, stall.entry.name, number, rate)
        if streams == max(self.plan.streams):
            self._add_wait(metrics.WORST_TTFT, stall.entry.name, number, answers)

    def _intrusion(self, stall: Runner, number: int) -> None:
        """A long prompt, and shortly after it a short one."""
        turns: tuple[Turn, ...] = passages.reading(
            number * ROUND_NUMBERS + INTRUSION_NUMBER, metrics.LONG_TOKENS, self.count
        )
        long = passages.ask(f"long-{number}", turns, ANSWER_TOKENS)
        short = passages.ask(
            f"short-{number}",
            passages.story(number * ROUND_NUMBERS + INTRUSION_NUMBER),
            ANSWER_TOKENS,
            INTRUSION_AFTER_SECONDS,
        )
        slow, quick = stall.answer_all([long, short])
        self._check_cold(stall.entry.name, slow)
        self._add_wait(metrics.INTRUDER, stall.entry.name, number, [quick])
        self._add_wait(metrics.INTRUDED, stall.entry.name, number, [slow])

    def _check_cold(self, name: str, answer: Answer) -> None:
        self.cached_when_cold[name] = max(self.cached_when_cold.get(name, 0), answer.cached_tokens)

    def _story(self, number: int) -> Ask:
        return passages.ask(f"story-{number}", passages.story(number), DECODE_TOKENS)

    def _add_wait(self, metric: Metric, name: str, number: int, answers: Sequence[Answer]) -> None:
        """The longest TTFT; nothing where a model chose to say nothing."""
        if all(answer.chunks for answer in answers):
            self.samples.add(metric, name, number, max(answer.ttft_seconds for answer in answers))


def together(answers: Sequence[Answer]) -> float | None:
    """Tokens per second of all streams, over the time in which all of them decode.

    That time begins when the last stream shows its first chunk and ends when the first stream shows its last; each
    stream counts with the share of its chunks in it. ``None`` where the streams never decode at the same
    time, or where one of them hardly says anything.
    """
    if any(len(answer.chunks) < 2 for answer in answers):
        return None
    if len(answers) == 1:
        return answers[0].tokens_per_second
    begin = max(answer.chunks[0] for answer in answers)
    end = min(answer.chunks[-1] for answer in answers)
    if end <= begin:
        return None
    return sum(_tokens_between(answer, begin, end) for answer in answers) / (end - begin)


def _tokens_between(answer: Answer, begin: float, end: float) -> float:
    inside = sum(begin < moment <= end for moment in answer.chunks)
    return answer.completion_tokens * inside / len(answer.chunks)


def _others_seconds(stalls: Sequence[Runner]) -> float:
    """Processor seconds of this machine that neither a contender nor this process has used."""
    busy = psutil.cpu_times()
    own = psutil.Process().cpu_times()
    everything = busy.user + busy.nice + busy.system if hasattr(busy, "nice") else busy.user + busy.system
    return everything - own.user - own.system - sum(stall.cpu_seconds() for stall in stalls)


def _in_turn(things: Sequence[T], number: int) -> list[T]:
    """The same things, beginning with another one each round."""
    at = number % len(things) if things else 0
    return [*things[at:], *things[:at]]
