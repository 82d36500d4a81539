"""The order in which contenders are measured is fair."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from bench.asking import Answer, Ask, Turn
from bench.course import Course, Plan, together
from bench.runner import ContenderFailed, Entry, Memory

from bench import metrics

PLAN = Plan(rounds=2, starts=2, lengths=(128, 800), streams=(2, 4), seconds=60)


def pieces(turns: Sequence[Turn]) -> int:
    """A count of tokens: a word costs one for each five letters begun."""
    return sum(1 + (len(word) - 1) // 5 for turn in turns for word in turn.content.split(" ") if word)


def answer(sent: float, chunks: Sequence[float], tokens: int | None = None, cached: int = 0) -> Answer:
    return Answer(
        sent=sent,
        chunks=tuple(chunks),
        prompt_tokens=10,
        completion_tokens=len(chunks) if tokens is None else tokens,
        cached_tokens=cached,
        text="said",
    )


@dataclass
class FakeRunner:
    """Answers at a fixed pace, a follow-up ten times sooner, and falls silent after ``patience`` answers."""

    entry: Entry
    diary: list[str]
    token_seconds: float = 0.01
    fails: bool = False
    patience: int = 1000
    known: set[str] = field(default_factory=set[str])
    read: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def open(self) -> float:
        if self.fails:
            raise ContenderFailed(f"{self.entry.title}: its library is not installed")
        return 1.0

    def answer_all(self, asks: Sequence[Ask]) -> list[Answer]:
        self.patience -= 1
        if self.patience < 0:
            raise ContenderFailed(f"{self.entry.title} is silent")
        self.diary.append(f"{self.entry.name} {' '.join(ask.conversation for ask in asks)}")
        self.read += [(ask.conversation, ask.turns[0].content) for ask in asks]
        answers = [self._answer(ask, len(asks)) for ask in asks]
        self.known |= {ask.conversation for ask in asks}
        return answers

    def _answer(self, ask: Ask, streams: int) -> Answer:
        first = self.token_seconds * pieces(ask.turns) / (10 if ask.conversation in self.known else 1)
        chunks = [first + self.token_seconds * streams * at for at in range(ask.max_tokens)]
        return Answer(
            sent=0.0,
            chunks=tuple(chunks),
            prompt_tokens=pieces(ask.turns),
            completion_tokens=ask.max_tokens,
            cached_tokens=3,
            text="said",
        )

    def facts(self) -> Mapping[str, str]:
        return {}

    def processes(self) -> Mapping[str, int]:
        return {}

    def memory(self) -> Mapping[str, Memory]:
        return {
            "server": Memory(resident=2_000_000, peak=3_000_000),
            "worker": Memory(resident=5_000_000, peak=7_000_000),
        }

    def cpu_seconds(self) -> float:
        return 0.0

    def close(self) -> None:
        self.diary.append(f"{self.entry.name} closed")


def entry(name: str, *, decodes_only: bool = False) -> Entry:
    return Entry(name=name, title=name.title(), kind=name, options={}, decodes_only=decodes_only)


def ran(entries: Sequence[Entry], failing: str = "") -> tuple[Course, list[str]]:
    diary: list[str] = []
    course = Course(
        plan=PLAN,
        count=pieces,
        announce=lambda _: None,
        enter=lambda who: FakeRunner(who, diary, fails=who.name == failing),
    )
    course.run(course.start(entries))
    return course, diary


def test_contenders_take_turns_at_each_task_and_another_begins_each_round() -> None:
    _, diary = ran([entry("a"), entry("b")])
    order = [line.split()[0] for line in diary if line.endswith((" reading-0-800", " reading-1-800"))]
    assert order == ["a", "a", "b", "b", "b", "b", "a", "a"]


def test_every_contender_gets_the_same_questions() -> None:
    _, diary = ran([entry("a"), entry("b")])
    asked = {name: sorted(line.split(" ", 1)[1] for line in diary if line.startswith(name)) for name in ("a", "b")}
    assert asked["a"] == asked["b"]


def test_what_a_contender_does_becomes_its_samples() -> None:
    course, _ = ran([entry("a")])
    cold = course.samples.spread(metrics.cold(800), "a")
    sooner = course.samples.quotient(metrics.cold(800), metrics.warm(800), "a")
    rate, total = course.samples.spread(metrics.decode(1), "a"), course.samples.spread(metrics.decode(4), "a")
    memory, peak = course.samples.spread(metrics.MEMORY, "a"), course.samples.spread(metrics.MEMORY_PEAK, "a")
    assert cold is not None
    assert cold.median == pytest.approx(8.0)
    assert sooner is not None
    assert sooner.median == pytest.approx(10, rel=0.02)
    assert rate is not None
    assert rate.median == pytest.approx(100)
    assert total is not None
    assert total.median == pytest.approx(100, rel=0.05)
    assert memory is not None
    assert memory.median == 7.0
    assert peak is not None
    assert peak.median == 10.0
    assert course.prompt_tokens["a", 800] == {800}
    assert course.cached_when_cold["a"] == 3


def test_a_contender_that_cannot_start_is_absent_with_its_reason_and_the_others_run() -> None:
    course, diary = ran([entry("a"), entry("b")], failing="b")
    assert course.absent == {"b": "B: its library is not installed"}
    assert diary.count("b closed") == 1
    assert course.samples.spread(metrics.decode(1), "b") is None
    assert course.rounds_done == 2


def test_who_only_decodes_is_asked_for_nothing_else() -> None:
    _, diary = ran([entry("a"), entry("b", decodes_only=True)])
    theirs = [line for line in diary if line.startswith("b ")]
    assert [line.split()[1].split("-")[0] for line in theirs] == ["first", "warm", *["story"] * 6]


def test_no_further_round_begins_when_the_time_is_over() -> None:
    course = Course(
        plan=Plan(rounds=5, starts=1, lengths=(128,), streams=(2,), seconds=0),
        count=pieces,
        announce=lambda _: None,
        enter=lambda who: FakeRunner(who, []),
    )
    course.run(course.start([entry("a")]))
    assert course.rounds_done == 1


def test_a_rate_over_several_streams_counts_only_the_time_in_which_all_decode() -> None:
    early = answer(0.0, [1.0, 2.0, 3.0, 4.0])
    late = answer(0.0, [2.0, 3.0, 4.0, 5.0, 6.0])
    assert together([early, late]) == pytest.approx((2 + 2) / 2.0)


def test_streams_that_never_decode_at_the_same_time_have_no_common_rate() -> None:
    assert together([answer(0.0, [1.0, 2.0]), answer(0.0, [2.0, 3.0])]) is None


def test_a_chunk_of_several_tokens_counts_them_all() -> None:
    one = answer(0.0, [1.0, 2.0, 3.0], tokens=12)
    other = answer(0.0, [1.0, 2.0, 3.0])
    assert together([one, other]) == pytest.approx((8 + 2) / 2.0)


def test_one_stream_is_told_by_the_time_per_output_token() -> None:
    assert together([answer(0.0, [0.5, 1.5, 2.5, 3.5])]) == pytest.approx(1.0)


def test_a_contender_that_fails_in_the_middle_leaves_and_the_others_go_on() -> None:
    diary: list[str] = []
    runners = {name: FakeRunner(entry(name), diary, patience=limit) for name, limit in (("a", 1000), ("b", 4))}
    course = Course(plan=PLAN, count=pieces, announce=lambda _: None, enter=lambda who: runners[who.name])
    course.run(course.start([entry("a"), entry("b")]))
    assert course.absent == {"b": "it failed in the middle: B is silent"}
    assert course.samples.spread(metrics.decode(4), "a") is not None
    assert course.samples.spread(metrics.MEMORY_PEAK, "b") is None


def test_a_model_that_says_nothing_has_no_waiting_time_and_stops_nobody() -> None:
    silent = answer(0.0, [])
    assert together([silent]) is None
    assert together([silent, answer(0.0, [1.0, 2.0])]) is None
    course, _ = ran([entry("a")])
    course._add_wait(metrics.cold(512), "a", 0, [silent])
    assert course.samples.spread(metrics.cold(512), "a") is None


def test_no_cold_prompt_of_a_run_begins_like_an_earlier_one() -> None:
    runner = FakeRunner(entry("a"), [])
    plan = Plan(rounds=4, starts=1, lengths=metrics.LENGTHS, streams=(2, 4), seconds=60)
    course = Course(plan=plan, count=pieces, announce=lambda _: None, enter=lambda _: runner)
    course.run(course.start([entry("a")]))
    cold = {opening for _, opening in runner.read if opening.startswith("Reader")}
    conversations = {name for name, opening in runner.read if opening.startswith("Reader")}
    assert len(cold) == len(conversations) == 4 * (len(metrics.LENGTHS) + 1)
