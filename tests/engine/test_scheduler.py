"""The scheduler with a model that needs no files: whatever goes on around it, a stream says what it would say alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.fake_engine import BYTES_PER_TOKEN, FakeClock, FakeModel, FakeUtterance, Listener, oracle
from tandem.core.chat import Priority
from tandem.core.errors import NotEnoughMemory, TandemError
from tandem.engine.scheduler import PIECE_SECONDS_SHARED, Limits, Scheduler
from tandem.engine.slots import Slots, Wanted
from tandem.engine.speculation import COST_SHARE_MOST
from tandem.engine.stream import Order


class Bench:
    """A scheduler and everything around it, faked."""

    def __init__(
        self,
        *,
        tokens_limit: int = 10_000,
        streams: int = 4,
        slots: int = 8,
        speculation: bool = True,
        forks: bool = True,
        repeats: bool = False,
    ) -> None:
        self.clock = FakeClock()
        self.model = FakeModel(self.clock, forks=forks, minds_steps=repeats)
        self.repeats = repeats
        self.listener = Listener(self.clock)
        self.slots = Slots(self.model, bytes_limit=tokens_limit * BYTES_PER_TOKEN, slots_limit=slots, clock=self.clock)
        limits = Limits(context_tokens=4096, streams_limit=streams, speculation=speculation)
        self.scheduler = Scheduler(self.slots, self.listener, limits, self.clock)

    def add(
        self, call: int, prompt: list[int], say: int = 5, choices: int = 1, priority: Priority = "interactive"
    ) -> None:
        self.scheduler.add(
            Order(
                call=call,
                prompt=prompt,
                speak=lambda index: FakeUtterance(index, say),
                choices=choices,
                priority=priority,
                repeats=self.repeats,
            )
        )

    def run(self, steps: int = 100_000) -> None:
        for _ in range(steps):
            if not self.scheduler.step():
                return
        raise AssertionError("it never came to an end")


prompts = st.lists(st.integers(0, 22), min_size=1, max_size=60)


@st.composite
def conversations(draw: st.DrawFn) -> list[list[int]]:
    """Prompts of which many begin alike, as those of one program do."""
    roots = draw(st.lists(prompts, min_size=1, max_size=3))
    return [
        [*draw(st.sampled_from(roots)), *draw(st.lists(st.integers(0, 22), max_size=20))]
        for _ in range(draw(st.integers(1, 8)))
    ]


@settings(deadline=None, max_examples=150)
@given(
    conversations(),
    st.tuples(st.integers(1, 12), st.integers(1, 3)),
    st.integers(120, 400),
    st.booleans(),
    st.booleans(),
    st.sets(st.integers(1, 8)),
)
def test_every_stream_says_what_the_model_would_say_alone(
    asked: list[list[int]],
    answer: tuple[int, int],
    tokens_limit: int,
    speculation: bool,
    forks: bool,
    cancelled: set[int],
) -> None:
    say, choices = answer
    bench = Bench(tokens_limit=tokens_limit, slots=5, speculation=speculation, forks=forks)
    for call, prompt in enumerate(asked, start=1):
        bench.add(call, prompt, say=say, choices=choices, priority="background" if call % 3 == 0 else "interactive")
        if call % 2:
            bench.scheduler.step()
    for call in cancelled:
        bench.scheduler.step()
        bench.scheduler.cancel(call)
    bench.run()
    assert bench.scheduler.stats().running == 0
    for call, prompt in enumerate(asked, start=1):
        if call in cancelled:
            continue
        heard = bench.listener.heard[call]
        assert heard.error is None
        assert heard.tokens == {index: oracle(prompt, say) for index in range(choices)}
        assert heard.usage is not None
        assert heard.usage.prompt_tokens == len(prompt)
        assert heard.usage.completion_tokens == say * choices
        assert heard.usage.cached_tokens < len(prompt)


@settings(deadline=None, max_examples=150)
@given(conversations(), st.integers(1, 30), st.integers(150, 400), st.booleans(), st.booleans())
def test_what_has_to_repeat_says_the_same_alone_and_in_a_crowd_cold_and_warm(
    asked: list[list[int]], say: int, tokens_limit: int, speculation: bool, forks: bool
) -> None:
    def alone(prompt: list[int]) -> list[int]:
        bench = Bench(speculation=speculation, repeats=True)
        bench.add(1, prompt, say=say)
        bench.run()
        return bench.listener.heard[1].tokens[0]

    follow_ups = [[*prompt, *alone(prompt), 1, 2, 3] for prompt in asked]
    crowd = dict(enumerate([*asked, *follow_ups], start=1))
    bench = Bench(tokens_limit=tokens_limit, slots=5, speculation=speculation, forks=forks, repeats=True)
    for call, prompt in crowd.items():
        bench.add(call, prompt, say=say, priority="background" if call % 3 else "interactive")
        for _ in range(call * 7 % 40):
            bench.scheduler.step()
    bench.run()
    heard = {call: bench.listener.heard[call].tokens[0] for call in crowd}
    assert heard == {call: alone(prompt) for call, prompt in crowd.items()}


@pytest.mark.parametrize(("repeats", "cached"), [(False, 214), (True, 200)])
def test_only_what_has_to_repeat_reads_an_answer_again(repeats: bool, cached: int) -> None:
    bench = Bench(speculation=False, repeats=repeats)
    first = [token % 23 for token in range(200)]
    bench.add(1, first, say=15)
    bench.run()
    bench.add(2, [*first, *bench.listener.heard[1].tokens[0], 1, 2])
    bench.run()
    usage = bench.listener.heard[2].usage
    assert usage is not None
    assert usage.cached_tokens == cached


def test_a_follow_up_question_reads_only_what_is_new() -> None:
    bench = Bench(speculation=False)
    first = [token % 23 for token in range(200)]
    bench.add(1, first, say=10)
    bench.run()
    read = bench.model.tokens_read
    bench.add(2, [*first, *oracle(first, 9), 1, 2, 3], say=1)
    bench.run()
    assert bench.model.tokens_read - read == 3
    usage = bench.listener.heard[2].usage
    assert usage is not None
    assert usage.cached_tokens == len(first) + 9


def test_the_same_prompt_again_reads_its_last_two_tokens_only() -> None:
    bench = Bench()
    bench.add(1, list(range(20)), say=1)
    bench.run()
    bench.add(2, list(range(20)), say=1)
    bench.run()
    usage = bench.listener.heard[2].usage
    assert usage is not None
    assert usage.cached_tokens == 18


def test_a_system_prompt_shared_by_streams_at_once_is_read_once() -> None:
    bench = Bench(speculation=False)
    system = [token * 7 % 23 for token in range(300)]
    for call in range(1, 5):
        bench.add(call, [*system, call, call + 1], say=3)
    bench.run()
    assert bench.model.tokens_read < len(system) + 4 * 8
    assert all(bench.listener.heard[call].tokens[0] == oracle([*system, call, call + 1], 3) for call in range(1, 5))


def test_several_choices_read_the_prompt_once() -> None:
    bench = Bench(speculation=False)
    bench.add(1, [token % 23 for token in range(100)], say=4, choices=3)
    bench.run()
    assert bench.model.tokens_read == 100 + 3 * 3


@pytest.mark.parametrize("read_before", [1, 1000, 2000])
def test_a_short_prompt_that_comes_during_a_long_one_is_answered_first(read_before: int) -> None:
    bench = Bench()
    bench.add(1, [token % 23 for token in range(3000)], say=2)
    while bench.model.tokens_read < read_before:
        bench.scheduler.step()
    bench.add(2, [1, 2, 3, 4, 5], say=2)
    came = bench.clock()
    bench.run()
    long, short = bench.listener.heard[1], bench.listener.heard[2]
    assert short.first_at is not None
    assert long.first_at is not None
    assert short.first_at < long.first_at
    assert short.first_at - came < 2 * PIECE_SECONDS_SHARED


def test_a_long_prompt_is_not_put_off_for_ever_by_short_ones() -> None:
    bench = Bench(streams=2)
    bench.add(1, [token % 23 for token in range(2000)], say=1)
    for call in range(2, 400):
        bench.add(call, [call % 23, call // 23 % 23, 3] * 20, say=1)
        bench.scheduler.step()
        if bench.listener.heard.get(1):
            return
    raise AssertionError("the long prompt is still waiting")


def test_streams_that_speak_take_turns() -> None:
    bench = Bench(speculation=False)
    for call in (1, 2, 3):
        bench.add(call, [call] * 4, say=30)
    bench.run()
    middle = bench.listener.order[30:60]
    assert all(middle.count(call) == 10 for call in (1, 2, 3))


def test_a_speaking_stream_waits_for_one_piece_of_a_prompt_and_no_longer() -> None:
    bench = Bench(speculation=False)
    bench.add(1, [1, 2, 3], say=50)
    bench.scheduler.step()
    bench.add(2, [token % 23 for token in range(2000)], say=1)
    longest, last = 0.0, bench.clock()
    while bench.scheduler.step():
        if bench.listener.order[-1] == 1 and bench.listener.heard[1].usage is None:
            longest, last = max(longest, bench.clock() - last), bench.clock()
    assert longest < 1.2 * PIECE_SECONDS_SHARED


def test_background_streams_let_interactive_ones_pass_and_still_come_to_their_end() -> None:
    bench = Bench(speculation=False)
    bench.add(1, [1] * 10, say=40, priority="background")
    for _ in range(5):
        bench.scheduler.step()
    bench.add(2, [2] * 10, say=40)
    bench.run()
    order = bench.listener.order
    assert order.index(2) < 10
    last_interactive = len(order) - order[::-1].index(2)
    assert order[:last_interactive].count(1) < 10
    assert bench.listener.heard[1].usage is not None


def test_an_interactive_request_takes_the_place_of_a_background_one() -> None:
    bench = Bench(streams=1)
    bench.add(1, [1] * 10, say=40, priority="background")
    for _ in range(5):
        bench.scheduler.step()
    bench.add(2, [2] * 10, say=5)
    bench.run()
    order = bench.listener.order
    assert len(order) - order[::-1].index(2) < len(order) - order[::-1].index(1)
    assert bench.listener.heard[1].tokens[0] == oracle([1] * 10, 40)
    assert bench.scheduler.stats().preempted == 1


def test_a_cancelled_stream_takes_no_further_step_and_leaves_its_kv() -> None:
    bench = Bench(speculation=False)
    bench.add(1, [token % 23 for token in range(50)], say=100)
    for _ in range(10):
        bench.scheduler.step()
    runs = len(bench.model.runs)
    bench.scheduler.cancel(1)
    assert not bench.scheduler.step()
    assert len(bench.model.runs) == runs
    assert bench.slots.longest_prefix(Wanted([token % 23 for token in range(50)])) == 48
    assert bench.listener.heard[1].usage is None


def test_a_step_that_fails_ends_one_stream_and_tells_no_text(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(speculation=False)
    bench.add(1, [1] * 5, say=10)
    bench.add(2, [2] * 5, say=10)
    bench.scheduler.step()
    bench.scheduler.step()
    bench.model.failure_text = "the prompt was: pelican"
    bench.model.fail_at_run = len(bench.model.runs) + 1
    bench.run()
    failed = [call for call, heard in bench.listener.heard.items() if heard.error is not None]
    assert len(failed) == 1
    assert type(bench.listener.heard[failed[0]].error) is TandemError
    other = 3 - failed[0]
    assert bench.listener.heard[other].tokens[0] == oracle([other] * 5, 10)
    assert "pelican" not in caplog.text
    assert "RuntimeError" in caplog.text
    assert bench.model.open_sequences == 1


def test_memory_that_cannot_be_had_ends_one_stream(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(speculation=False)
    bench.add(1, [1] * 5, say=10)
    bench.scheduler.step()
    bench.model.open_fails = True
    bench.add(2, [2] * 5, say=10)
    bench.run()
    assert bench.listener.heard[1].tokens[0] == oracle([1] * 5, 10)
    assert type(bench.listener.heard[2].error) is TandemError
    assert "MemoryError" in caplog.text


def test_a_prompt_that_can_never_fit_is_refused_at_once() -> None:
    bench = Bench(tokens_limit=100)
    bench.add(1, [1] * 100, say=1)
    assert isinstance(bench.listener.heard[1].error, NotEnoughMemory)
    assert not bench.scheduler.step()


def test_an_answer_that_outgrows_the_memory_ends_with_an_error() -> None:
    bench = Bench(tokens_limit=100)
    bench.add(1, [1] * 50, say=500)
    bench.run()
    assert isinstance(bench.listener.heard[1].error, NotEnoughMemory)
    assert bench.slots.byte_count == 0


def test_two_answers_that_outgrow_the_memory_together_are_both_finished() -> None:
    bench = Bench(tokens_limit=400)
    bench.add(1, [1] * 100, say=150)
    bench.add(2, [2] * 100, say=150)
    bench.run()
    assert bench.scheduler.stats().preempted > 0
    assert bench.listener.heard[1].tokens[0] == oracle([1] * 100, 150)
    assert bench.listener.heard[2].tokens[0] == oracle([2] * 100, 150)


def test_drafts_that_hold_save_runs() -> None:
    quoting = [token % 5 for token in range(60)]
    plain, drafting = Bench(speculation=False), Bench()
    for bench in (plain, drafting):
        bench.add(1, quoting, say=200)
        bench.run()
    assert drafting.listener.heard[1].tokens == plain.listener.heard[1].tokens
    assert len(drafting.model.runs) < 0.7 * len(plain.model.runs)
    assert drafting.clock() < 0.9 * plain.clock()


@pytest.mark.parametrize("seed", range(12))
def test_drafts_cost_no_more_than_a_twentieth(seed: int) -> None:
    prompt = [(seed * 31 + at * at * 7) % 23 for at in range(80)]
    plain, drafting = Bench(speculation=False), Bench()
    for bench in (plain, drafting):
        bench.model.token_cost = COST_SHARE_MOST
        bench.add(1, prompt, say=200)
        bench.run()
    assert drafting.clock() <= 1.05 * plain.clock()


def test_counters_add_up() -> None:
    bench = Bench()
    bench.add(1, [1, 2, 3, 4], say=6)
    bench.add(2, [1, 2, 3, 5], say=6)
    bench.run()
    stats = bench.scheduler.stats()
    assert (stats.running, stats.waiting) == (0, 0)
    assert stats.prompt_tokens == 8
    assert stats.completion_tokens == 12
    assert sum(stats.slot_tokens) * BYTES_PER_TOKEN == stats.kv_bytes
