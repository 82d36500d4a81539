"""KV slots: what is kept, what is reused, what goes first."""

from hypothesis import given
from hypothesis import strategies as st

from support.fake_engine import BYTES_PER_TOKEN, FakeClock, FakeModel
from tandem.engine.slots import Slot, Slots, Wanted, common_prefix

tokens = st.lists(st.integers(0, 3), max_size=40)


def slots_of(limit_tokens: int = 1000, *, count: int = 8, forks: bool = True) -> tuple[Slots, FakeModel, FakeClock]:
    clock = FakeClock()
    model = FakeModel(clock, forks=forks)
    return Slots(model, bytes_limit=limit_tokens * BYTES_PER_TOKEN, slots_limit=count, clock=clock), model, clock


def read(slot: Slot, prompt: list[int]) -> None:
    rest = prompt[len(slot.tokens) :]
    slot.append(rest, 0)


def fill(slots: Slots, prompt: list[int]) -> Slot:
    slot = slots.take(Wanted(prompt))
    assert slot is not None
    read(slot, prompt)
    return slot


@given(tokens, tokens)
def test_the_common_prefix_is_the_longest_one(one: list[int], other: list[int]) -> None:
    length = common_prefix(one, other)
    assert one[:length] == other[:length]
    assert length == min(len(one), len(other)) or one[length] != other[length]


@given(st.lists(tokens.filter(bool), min_size=1, max_size=12), st.booleans())
def test_a_slot_always_holds_a_prefix_of_the_prompt_it_was_taken_for(prompts: list[list[int]], forks: bool) -> None:
    slots, _, _ = slots_of(120, count=4, forks=forks)
    for prompt in prompts:
        slot = slots.take(Wanted(prompt))
        assert slot is not None
        assert slot.tokens == prompt[: len(slot.tokens)]
        assert len(slot.tokens) < len(prompt)
        assert slot.sequence.length == len(slot.tokens)
        read(slot, prompt)
        assert slots.byte_count <= 120 * BYTES_PER_TOKEN
        slots.give_back(slot)


def test_a_conversation_goes_on_in_its_own_slot() -> None:
    slots, model, _ = slots_of()
    slots.give_back(fill(slots, list(range(100))))
    slot = slots.take(Wanted([*range(100), 7, 8]))
    assert slot is not None
    assert len(slot.tokens) == 100
    assert model.open_sequences == 1


def test_another_conversation_with_the_same_beginning_leaves_the_first_one_whole() -> None:
    slots, model, _ = slots_of()
    first = list(range(300))
    slots.give_back(fill(slots, first))
    slot = slots.take(Wanted([*range(40), 999, 998]))
    assert slot is not None
    assert len(slot.tokens) == 40
    assert model.open_sequences == 2
    assert slots.longest_prefix(Wanted([*first, 1, 2])) == 300


def test_without_copies_a_little_shared_beginning_is_not_worth_a_long_conversation() -> None:
    slots, model, _ = slots_of(forks=False)
    first = list(range(300))
    slots.give_back(fill(slots, first))
    slot = slots.take(Wanted([*range(40), 999, 998]))
    assert slot is not None
    assert slot.tokens == []
    assert model.open_sequences == 2
    assert slots.longest_prefix(Wanted([*first, 1, 2])) == 300


def test_the_beginning_of_a_busy_slot_is_copied() -> None:
    slots, _, _ = slots_of()
    fill(slots, list(range(100)))
    slot = slots.take(Wanted([*range(100), 5, 6]))
    assert slot is not None
    assert len(slot.tokens) == 100


def test_what_is_cheapest_to_read_again_goes_first() -> None:
    slots, _, _ = slots_of(520)
    short, long = [1] * 50, [2] * 300
    slots.give_back(fill(slots, long))
    slots.give_back(fill(slots, short))
    slots.give_back(fill(slots, [3] * 200))
    assert slots.longest_prefix(Wanted([*long, 0, 0])) == 300
    assert slots.longest_prefix(Wanted([*short, 0, 0])) == 0


def test_what_was_long_not_used_goes_before_what_is_a_little_shorter() -> None:
    slots, _, clock = slots_of(500)
    old, new = [1] * 200, [2] * 150
    slots.give_back(fill(slots, old))
    clock.now += 3600
    slots.give_back(fill(slots, new))
    slots.give_back(fill(slots, [3] * 200))
    assert slots.longest_prefix(Wanted([*new, 0, 0])) == 150
    assert slots.longest_prefix(Wanted([*old, 0, 0])) == 0


def test_what_another_slot_holds_too_costs_nothing_to_lose() -> None:
    slots, _, _ = slots_of(520)
    shared = [token % 7 for token in range(200)]
    slots.give_back(fill(slots, [*shared, 1]))
    second = fill(slots, [*shared, *[2] * 60])
    slots.give_back(second)
    slots.give_back(fill(slots, [9] * 50))
    slots.give_back(fill(slots, [8] * 200))
    assert slots.longest_prefix(Wanted([*shared, *[2] * 60, 0, 0])) == 260
    assert slots.longest_prefix(Wanted([*[9] * 50, 0, 0])) == 50


def test_busy_slots_are_never_taken_away() -> None:
    slots, _, _ = slots_of(300)
    fill(slots, [1] * 150)
    assert slots.take(Wanted([2] * 200)) is None
    assert slots.token_counts == (150,)


def test_a_growing_slot_pushes_idle_ones_out_and_stops_at_the_bound() -> None:
    slots, model, _ = slots_of(300)
    slots.give_back(fill(slots, [1] * 150))
    growing = fill(slots, [2] * 100)
    assert slots.hold(growing, 250)
    assert model.open_sequences == 1
    assert not slots.hold(growing, 301)


def test_the_number_of_slots_is_bounded() -> None:
    slots, model, _ = slots_of(100_000, count=3)
    for first in range(10):
        slots.give_back(fill(slots, [first] * 20))
    assert model.open_sequences == 3
