"""Who makes room for whom when memory is short."""

import asyncio
from contextlib import aclosing

import pytest

from support.fake_device import NEED, Device, on_device, request
from tandem.backends.device import DeviceOptions
from tandem.backends.seats import Idle, leaving_for
from tandem.core.chat import TextDelta
from tandem.core.errors import NotEnoughMemory


def test_a_model_that_is_being_read_is_never_unloaded() -> None:
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


def test_the_model_that_was_idle_longest_makes_room() -> None:
    async def scene(device: Device) -> None:
        for model in ("a", "b", "a", "c"):
            await device.ask(model)
        assert device.factory.running() == ["a", "c"]

    on_device(scene, room=2.5)


def test_what_cannot_fit_is_refused_with_numbers_and_nothing_is_unloaded_in_vain() -> None:
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


def test_what_stands_in_the_way_of_a_model_is_told_before_anyone_asks_it() -> None:
    async def scene(device: Device) -> None:
        assert device.models.obstacle("a") == ""
        await device.ask("a")
        device.machine.memory = NEED // 2
        assert device.models.obstacle("a") == ""
        assert "needs about" in device.models.obstacle("b")
        device.machine.memory = NEED * 3
        assert device.models.obstacle("b") == ""

    on_device(scene)


def test_max_ram_bounds_all_models_together() -> None:
    async def scene(device: Device) -> None:
        await device.ask("a")
        async with device.models.worker("a"):
            with pytest.raises(NotEnoughMemory, match="max_ram has 110 MiB left"):
                await device.ask("b")
        await device.ask("b")
        assert device.factory.running() == ["b"]

    on_device(scene, DeviceOptions(keep_alive_seconds=None, max_ram_bytes=NEED * 3 // 2))


def test_two_models_that_load_at_once_are_not_promised_the_same_memory() -> None:
    async def scene(device: Device) -> None:
        device.factory.gates["a"] = asyncio.Event()
        first = asyncio.create_task(device.ask("a"))
        await asyncio.sleep(0.01)
        with pytest.raises(NotEnoughMemory):
            await device.ask("b")
        device.factory.gates["a"].set()
        assert await first == "one two three"

    on_device(scene, room=1.5)


def test_what_a_worker_has_yet_to_grow_into_is_kept_free_but_counted_once() -> None:
    async def scene(device: Device) -> None:
        await device.ask("a")
        await device.ask("b")
        assert device.factory.running() == ["a", "b"]
        async with device.models.worker("a"), device.models.worker("b"):
            with pytest.raises(NotEnoughMemory):
                await device.ask("c")

    on_device(scene, room=2.1, holds=NEED // 2)


def test_only_as_many_leave_as_must_and_none_in_vain() -> None:
    idle = [Idle(model="old", frees=10), Idle(model="newer", frees=20), Idle(model="newest", frees=30)]

    assert leaving_for(0, idle) == []
    assert leaving_for(10, idle) == ["old"]
    assert leaving_for(11, idle) == ["old", "newer"]
    assert leaving_for(60, idle) == ["old", "newer", "newest"]
    assert leaving_for(61, idle) is None
