import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.fake_worker import FakeFactory, FakeMachine
from tandem.backends.device import DeviceModels, DeviceOptions
from tandem.backends.seats import Idle, Patience, leaving_for
from tandem.core.chat import ChatEvent, ChatRequest, Message, Started, TextDelta, collect
from tandem.core.embedding import EmbeddingRequest
from tandem.core.errors import CorruptFile, NotEnoughMemory, NotFound, Unavailable, Unsupported, WorkerDied
from tandem.core.models import Kind, ModelCard
from tandem.engine.memory import MIB, PROCESS_BYTES, WORKING_BYTES

WEIGHTS = 40 * MIB
NEED = 60 * MIB + PROCESS_BYTES + WORKING_BYTES  # a file's bytes count one and a half times
FOREVER = DeviceOptions(keep_alive_seconds=None)


@dataclass
class Device:
    """Three chat models and an embedder on a fake machine."""

    models: DeviceModels
    factory: FakeFactory
    machine: FakeMachine

    async def ask(self, model: str = "a", text: str = "one two three") -> str:
        reply = await collect(self.models.backend(model).respond(request(model, text)))
        return reply.choices[0].text


def request(model: str = "a", text: str = "one two three") -> ChatRequest:
    return ChatRequest(id="r", model=model, messages=(Message(role="user", content=text),))


def card_of(model: str) -> ModelCard:
    kinds: dict[str, Kind] = {"a": "chat", "b": "chat", "c": "chat", "embedder": "embedding", "absent": "chat"}
    if model not in kinds:
        raise NotFound(f"There is no model {model!r}.", param="model")
    installed = model != "absent"
    return ModelCard(
        id=model, kind=kinds[model], place="device", context_tokens=4096, source="fake", installed=installed
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    with (folder / "model.onnx").open("wb") as file:
        file.truncate(WEIGHTS)
    return folder


Scene = Callable[[Device], Coroutine[None, None, None]]


@pytest.fixture
def on_device(folder: Path) -> Callable[..., None]:
    """Plays a scene on a fresh device. ``room`` counts the models that fit, ``holds`` the bytes of each worker."""

    def play(scene: Scene, options: DeviceOptions = FOREVER, room: float = 100, holds: int = 0) -> None:
        async def played() -> None:
            factory = FakeFactory()
            machine = FakeMachine(factory, memory=int(NEED * room), holds=holds)
            async with (
                asyncio.timeout(20),
                DeviceModels(
                    card_of, folder_of=lambda _: folder, start=factory.start, machine=machine, options=options
                ) as models,
            ):
                await scene(Device(models, factory, machine))
            assert factory.running() == []

        asyncio.run(played())

    return play


async def drain(events: AsyncGenerator[ChatEvent]) -> list[ChatEvent]:
    async with aclosing(events):
        return [event async for event in events]


def test_the_first_request_loads_the_model_and_later_ones_find_it(on_device: Callable[..., None]) -> None:
    async def scene(device: Device) -> None:
        assert not device.models.card("a").loaded
        assert not device.models.is_loaded("a")
        assert await device.ask() == await device.ask() == "one two three"
        assert device.models.backend("a").card.loaded
        assert device.models.is_loaded("a")
        assert device.factory.running() == ["a"]

    on_device(scene)


def test_requests_that_come_together_load_the_model_once(on_device: Callable[..., None]) -> None:
    async def scene(device: Device) -> None:
        answers = await asyncio.gather(*(device.ask(text=str(i)) for i in range(20)))
        assert answers == [str(i) for i in range(20)]
        assert len(device.factory.started) == 1

    on_device(scene)


def test_loading_goes_on_when_the_first_who_asked_goes_away(on_device: Callable[..., None]) -> None:
    async def scene(device: Device) -> None:
        device.factory.gates["a"] = asyncio.Event()
        first, second = asyncio.create_task(device.ask()), asyncio.create_task(device.ask())
        await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.wait([first])
        device.factory.gates["a"].set()
        assert await second == "one two three"
        assert first.cancelled()
        assert device.factory.cancelled == 0

    on_device(scene)


def test_loading_one_model_does_not_hold_up_another(on_device: Callable[..., None]) -> None:
    async def scene(device: Device) -> None:
        device.factory.gates["a"] = asyncio.Event()
        slow = asyncio.create_task(device.ask("a"))
        assert await device.ask("b") == "one two three"
        assert not slow.done()
        device.factory.gates["a"].set()
        await slow

    on_device(scene)


def test_an_idle_model_is_unloaded_after_its_time_and_use_starts_the_time_again(on_device: Callable[..., None]) -> None:
    async def scene(device: Device) -> None:
        for _ in range(4):
            await device.ask()
            await asyncio.sleep(0.1)
        assert len(device.factory.started) == 1
        await asyncio.sleep(0.3)
        assert device.factory.running() == []
        await device.ask()
        assert len(device.factory.started) == 2

    on_device(scene, DeviceOptions(keep_alive_seconds=0.2))


def test_no_keep_alive_unloads_as_soon_as_the_last_reader_is_done(on_device: Callable[..., None]) -> None:
    async def scene(device: Device) -> None:
        device.factory.gates["a"] = asyncio.Event()
        tasks = [asyncio.create_task(device.ask()) for _ in range(3)]
        await asyncio.sleep(0.01)
        device.factory.gates["a"].set()
        await asyncio.gather(*tasks)
        await asyncio.sleep(0.01)
        assert len(device.factory.started) == 1
        assert device.factory.running() == []

    on_device(scene, DeviceOptions(keep_alive_seconds=0))


def test_a_model_that_is_being_read_is_never_unloaded(on_device: Callable[..., None]) -> None:
    async def scene(device: Device) -> None:
        async with aclosing(device.models.backend("a").respond(request())) as events:
            await anext(events)
            await asyncio.sleep(0.15)
            with pytest.raises(NotEnoughMemory):
                await device.ask("b")
            assert device.factory.running() == ["a"]
            rest = [event async for event in events]
        assert "".join(event.text for event in rest if isinstance(event, TextDelta)) == "one two three"

    on_device(scene, DeviceOptions(keep_alive_seconds=0.05), room=1.5)


def test_the_model_that_was_idle_longest_makes_room(on_device: Callable[..., None]) -> None:
    async def scene(device: Device) -> None:
        for model in ("a", "b", "a", "c"):
            await device.ask(model)
        assert device.factory.running() == ["a", "c"]

    on_device(scene, room=2.5)


def test_what_cannot_fit_is_refused_with_numbers_and_nothing_is_unloaded_in_vain(
    on_device: Callable[..., None],
) -> None:
    async def scene(device: Device) -> None:
        await device.ask("a")
        device.machine.memory = NEED // 2
        with pytest.raises(NotEnoughMemory) as caught:
            await device.ask("b")
        assert caught.value.message.startswith(
            "b needs about 220 MiB (weights 60 MiB, KV cache 0 MiB, process 160 MiB)"
        )
        assert device.factory.running() == ["a"]
        device.machine.memory = 3 * NEED
        assert await device.ask("b") == "one two three"

    on_device(scene, room=2)


def test_max_ram_bounds_all_models_together(on_device: Callable[..., None]) -> None:
    async def scene(device: Device) -> None:
        await device.ask("a")
        async with device.models.worker("a"):
            with pytest.raises(NotEnoughMemory, match="max_ram has 110 MiB left"):
                await device.ask("b")
        await device.ask("b")
        assert device.factory.running() == ["b"]

    on_device(scene, DeviceOptions(keep_alive_seconds=None, max_ram_bytes=NEED * 3 // 2))


def test_two_models_that_load_at_once_are_not_promised_the_same_memory(on_device: Callable[..., None]) -> None:
    async def scene(device: Device) -> None:
        device.factory.gates["a"] = asyncio.Event()
        first = asyncio.create_task(device.ask("a"))
        await asyncio.sleep(0.01)
        with pytest.raises(NotEnoughMemory):
            await device.ask("b")
        device.factory.gates["a"].set()
        assert await first == "one two three"

    on_device(scene, room=1.5)


def test_what_a_worker_has_yet_to_grow_into_is_kept_free_but_counted_once(on_device: Callable[..., None]) -> None:
    async def scene(device: Device) -> None:
        await device.ask("a")
        await device.ask("b")
        assert device.factory.running() == ["a", "b"]
        async with device.models.worker("a"), device.models.worker("b"):
            with pytest.raises(NotEnoughMemory):
                await device.ask("c")

    on_device(scene, room=2.1, holds=NEED // 2)


def test_a_worker_that_dies_ends_its_stream_cleanly_and_the_next_request_gets_another(
    on_device: Callable[..., None],
) -> None:
    async def scene(device: Device) -> None:
        await device.ask("b")
        await device.models.preload("a")
        device.factory.started[1].die_after = 2
        with pytest.raises(WorkerDied):
            await drain(device.models.backend("a").respond(request()))
        assert await device.ask("a") == "one two three"
        assert await device.ask("b") == "one two three"
        assert [worker.model for worker in device.factory.started] == ["b", "a", "a"]
        assert device.factory.started[1].closed

    on_device(scene)


def test_a_worker_found_dead_before_it_said_anything_is_replaced_unseen(on_device: Callable[..., None]) -> None:
    async def scene(device: Device) -> None:
        await device.models.preload("a")
        device.factory.started[0].die_after = 0
        assert await device.ask() == "one two three"
        device.factory.started[1].alive = False
        assert await device.ask() == "one two three"
        assert len(device.factory.started) == 3

    on_device(scene)


def test_a_request_that_kills_every_worker_is_not_tried_a_third_time(on_device: Callable[..., None]) -> None:
    async def scene(device: Device) -> None:
        device.factory.deadly = True
        with pytest.raises(WorkerDied):
            await device.ask()
        assert len(device.factory.started) == 2

    on_device(scene)


def test_a_model_that_dies_again_and_again_rests_and_then_comes_back(on_device: Callable[..., None]) -> None:
    async def scene(device: Device) -> None:
        for _ in range(3):
            await device.models.preload("a")
            device.factory.started[-1].alive = False
        with pytest.raises(Unavailable, match=r"a failed 3 times within 0 s and is tried again in 1 s\. The last time"):
            await device.ask()
        assert len(device.factory.started) == 3
        await asyncio.sleep(0.3)
        assert await device.ask() == "one two three"

    on_device(scene, DeviceOptions(keep_alive_seconds=None, patience=Patience(failures=3, within_seconds=0.3)))


def test_a_model_that_cannot_start_rests_too_and_its_reason_is_told(on_device: Callable[..., None]) -> None:
    async def scene(device: Device) -> None:
        device.factory.failures = [Unavailable("No seal holds."), OSError(11, "Resource temporarily unavailable")]
        with pytest.raises(Unavailable, match=r"No seal holds\."):
            await device.ask()
        with pytest.raises(Unavailable, match="Resource temporarily unavailable"):
            await device.ask()
        with pytest.raises(Unavailable, match=r"tried again in 60 s.*Resource temporarily"):
            await device.ask()

    on_device(scene, DeviceOptions(patience=Patience(failures=2)))


def test_a_corrupt_model_is_told_each_time_and_leaves_no_memory_set_aside(on_device: Callable[..., None]) -> None:
    async def scene(device: Device) -> None:
        device.factory.failures = [CorruptFile("broken")] * 5
        answers = await asyncio.gather(*(device.ask("a") for _ in range(2)), return_exceptions=True)
        assert [type(answer) for answer in answers] == [CorruptFile, CorruptFile]
        assert len(device.factory.failures) == 4
        device.factory.failures = []
        assert await device.ask("b") == "one two three"

    on_device(scene, room=1.5)


def test_leaving_ends_every_worker_and_stops_every_load(on_device: Callable[..., None]) -> None:
    async def scene(device: Device) -> None:
        await device.ask("a")
        device.factory.gates["b"] = asyncio.Event()
        waiting = asyncio.create_task(device.ask("b"))
        await asyncio.sleep(0.01)

        await device.models.close()

        with pytest.raises(Unavailable, match="shutting down"):
            await waiting
        with pytest.raises(Unavailable, match="shutting down"):
            await device.ask("a")
        assert device.factory.cancelled == 1
        assert device.factory.running() == []

    on_device(scene)


def test_closing_a_stream_early_reaches_the_worker(on_device: Callable[..., None]) -> None:
    async def scene(device: Device) -> None:
        async with aclosing(device.models.backend("a").respond(request())) as events:
            assert isinstance(await anext(events), Started)
        assert device.factory.started[0].streams_closed == 1
        assert device.factory.started[0].in_flight == 0

    on_device(scene)


def test_each_kind_of_model_does_its_own_work_and_an_unknown_one_none(on_device: Callable[..., None]) -> None:
    async def scene(device: Device) -> None:
        embeddings = await device.models.embed(EmbeddingRequest(id="e", model="embedder", inputs=("x", "y")))
        assert len(embeddings.vectors) == 2
        assert await device.models.count_tokens(request()) == 3
        started = len(device.factory.started)
        with pytest.raises(Unsupported, match="a is a chat model"):
            await device.models.embed(EmbeddingRequest(id="e", model="a", inputs=("x",)))
        with pytest.raises(Unsupported, match="embedder embeds text"):
            await device.ask("embedder")
        with pytest.raises(NotFound, match="There is no model 'nobody'"):
            device.models.backend("nobody")
        with pytest.raises(NotFound, match="tandem models pull absent"):
            device.models.backend("absent")
        with pytest.raises(NotFound):
            await device.models.embed(EmbeddingRequest(id="e", model="nobody", inputs=("x",)))
        assert len(device.factory.started) == started

    on_device(scene)


def test_the_report_tells_of_every_worker_even_of_one_too_busy_to_say(on_device: Callable[..., None]) -> None:
    async def scene(device: Device) -> None:
        assert await device.models.report() == ()
        await device.ask("a")
        await device.ask("b")
        device.factory.started[1].deaf = True
        first, second = await device.models.report()
        assert (first.model, first.pid, first.seal, first.kind, first.starts) == ("a", 1000, "namespace", "chat", 1)
        assert first.stats is not None
        assert first.need.total == NEED
        assert (second.model, second.stats) == ("b", None)

    on_device(scene)


def test_an_error_inside_the_block_comes_out_as_it_is(on_device: Callable[..., None]) -> None:
    async def scene(device: Device) -> None:
        await device.ask()
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        on_device(scene)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_in_whatever_order_answers_are_right_and_each_model_runs_once(
    on_device: Callable[..., None], seed: int
) -> None:
    """Readers come, leave early and are cancelled while workers die and memory is short."""
    chance = random.Random(seed)

    async def visit(device: Device) -> None:
        await asyncio.sleep(chance.random() * 0.3)
        model, text = chance.choice("abc"), f"say {chance.random()} twice"
        if chance.random() < 0.2:
            async with aclosing(device.models.backend(model).respond(request(model, text))) as events:
                await anext(events)
            return
        if chance.random() < 0.1 and device.factory.started:
            chance.choice(device.factory.started).alive = False
        assert await device.ask(model, text) == text

    async def scene(device: Device) -> None:
        device.factory.start_seconds = 0.01
        visits = [asyncio.create_task(visit(device)) for _ in range(120)]
        for one in visits[::9]:
            asyncio.get_running_loop().call_later(chance.random() * 0.3, one.cancel)
        while not all(one.done() for one in visits):
            alive = [worker.model for worker in device.factory.started if worker.alive]
            assert len(alive) == len(set(alive)) <= 2
            await asyncio.sleep(0)
        failures = [one.exception() for one in visits if not one.cancelled()]
        assert {type(one) for one in failures if one} <= {NotEnoughMemory, WorkerDied, Unavailable}
        assert sum(one is None for one in failures) > 20
        for model in "abc":
            assert await device.ask(model) == "one two three"

    on_device(scene, DeviceOptions(keep_alive_seconds=0.02, patience=Patience(failures=100)), room=2.5)


def test_only_as_many_leave_as_must_and_none_in_vain() -> None:
    idle = [Idle(model="old", frees=10), Idle(model="newer", frees=20), Idle(model="newest", frees=30)]

    assert leaving_for(0, idle) == []
    assert leaving_for(10, idle) == ["old"]
    assert leaving_for(11, idle) == ["old", "newer"]
    assert leaving_for(60, idle) == ["old", "newer", "newest"]
    assert leaving_for(61, idle) is None
