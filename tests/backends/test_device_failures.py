"""Workers that die, do not start, or are left while they load."""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from support.fake_device import Device, on_device, request
from tandem.backends.device import DeviceOptions
from tandem.backends.seats import Patience
from tandem.core.chat import ChatEvent
from tandem.core.errors import CorruptFile, NotEnoughMemory, Unavailable, WorkerDied


async def drain(events: AsyncGenerator[ChatEvent]) -> list[ChatEvent]:
    async with aclosing(events):
        return [event async for event in events]


def test_a_worker_that_dies_ends_its_stream_cleanly_and_the_next_request_gets_another() -> None:
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


def test_a_worker_found_dead_before_it_said_anything_is_replaced_unseen() -> None:
    async def scene(device: Device) -> None:
        await device.models.preload("a")
        device.factory.started[0].die_after = 0
        assert await device.ask() == "one two three"
        device.factory.started[1].alive = False
        assert await device.ask() == "one two three"
        assert len(device.factory.started) == 3

    on_device(scene)


def test_a_request_that_kills_every_worker_is_not_tried_a_third_time() -> None:
    async def scene(device: Device) -> None:
        device.factory.deadly = True
        with pytest.raises(WorkerDied):
            await device.ask()
        assert len(device.factory.started) == 2

    on_device(scene)


def test_a_model_that_dies_again_and_again_rests_and_then_comes_back() -> None:
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


def test_a_model_that_answers_between_its_deaths_never_rests() -> None:
    async def scene(device: Device) -> None:
        for _ in range(5):
            await device.models.preload("a")
            device.factory.started[-1].die_after = 2
            with pytest.raises(WorkerDied):
                await device.ask()
            assert await device.ask() == "one two three"

    on_device(scene)


def test_a_model_that_cannot_start_rests_too_and_its_reason_is_told() -> None:
    async def scene(device: Device) -> None:
        device.factory.failures = [Unavailable("No seal holds."), OSError(11, "Resource temporarily unavailable")]
        with pytest.raises(Unavailable, match=r"No seal holds\."):
            await device.ask()
        with pytest.raises(Unavailable, match="Resource temporarily unavailable"):
            await device.ask()
        with pytest.raises(Unavailable, match=r"tried again in 60 s.*Resource temporarily"):
            await device.ask()

    on_device(scene, DeviceOptions(patience=Patience(failures=2)))


def test_a_corrupt_model_is_told_each_time_and_leaves_no_memory_set_aside() -> None:
    async def scene(device: Device) -> None:
        device.factory.failures = [CorruptFile("broken")] * 5
        answers = await asyncio.gather(*(device.ask("a") for _ in range(2)), return_exceptions=True)
        assert [type(answer) for answer in answers] == [CorruptFile, CorruptFile]
        assert len(device.factory.failures) == 4
        device.factory.failures = []
        assert await device.ask("b") == "one two three"

    on_device(scene, room=1.5)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_in_whatever_order_answers_are_right_and_each_model_runs_once(seed: int) -> None:
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
