"""The roster of this device: models come when they are asked for, and leave when they are idle."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from support.fake_device import NEED, Device, card_of, on_device, request
from tandem.backends.device import DeviceOptions
from tandem.core.chat import Started
from tandem.core.embedding import EmbeddingRequest
from tandem.core.errors import NotFound, Unavailable, Unsupported


def test_the_first_request_loads_the_model_and_later_ones_find_it() -> None:
    async def scene(device: Device) -> None:
        assert not device.models.card("a").loaded
        assert not device.models.is_loaded("a")
        assert await device.ask() == await device.ask() == "one two three"
        assert device.models.backend("a").card.loaded
        assert device.models.is_loaded("a")
        assert device.factory.running() == ["a"]

    on_device(scene)


def test_requests_that_come_together_load_the_model_once() -> None:
    async def scene(device: Device) -> None:
        answers = await asyncio.gather(*(device.ask(text=str(i)) for i in range(20)))
        assert answers == [str(i) for i in range(20)]
        assert len(device.factory.started) == 1

    on_device(scene)


def test_loading_goes_on_when_the_first_who_asked_goes_away() -> None:
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


def test_loading_one_model_does_not_hold_up_another() -> None:
    async def scene(device: Device) -> None:
        device.factory.gates["a"] = asyncio.Event()
        slow = asyncio.create_task(device.ask("a"))
        assert await device.ask("b") == "one two three"
        assert not slow.done()
        device.factory.gates["a"].set()
        await slow

    on_device(scene)


def test_an_idle_model_is_unloaded_after_its_time_and_use_starts_the_time_again() -> None:
    async def scene(device: Device) -> None:
        for _ in range(4):
            await device.ask()
            await asyncio.sleep(0.3)
        assert len(device.factory.started) == 1
        for _ in range(1000):
            await asyncio.sleep(0.01)
            if not device.factory.running():
                break
        assert device.factory.running() == []
        await device.ask()
        assert len(device.factory.started) == 2

    on_device(scene, DeviceOptions(keep_alive_seconds=1.0))


def test_no_keep_alive_unloads_as_soon_as_the_last_reader_is_done() -> None:
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


def test_leaving_ends_every_worker_and_stops_every_load() -> None:
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


def test_closing_a_stream_early_reaches_the_worker() -> None:
    async def scene(device: Device) -> None:
        async with aclosing(device.models.backend("a").respond(request())) as events:
            assert isinstance(await anext(events), Started)
        assert device.factory.started[0].streams_closed == 1
        assert device.factory.started[0].in_flight == 0

    on_device(scene)


def test_each_kind_of_model_does_its_own_work_and_an_unknown_one_none() -> None:
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


def test_a_model_replaced_or_removed_while_unloaded_is_known_as_it_is_now() -> None:
    shelf = {"a": card_of("a")}

    async def scene(device: Device) -> None:
        await device.ask("a")
        shelf["a"] = replace(shelf["a"], kind="embedding")
        embeddings = await device.models.embed(EmbeddingRequest(id="e", model="a", inputs=("x",)))
        assert len(embeddings.vectors) == 1
        shelf["a"] = replace(shelf["a"], installed=False)
        with pytest.raises(NotFound, match="not installed"):
            await device.models.preload("a")

    on_device(scene, DeviceOptions(keep_alive_seconds=0), cards=shelf.__getitem__)


def test_the_report_tells_of_every_worker_even_of_one_too_busy_to_say() -> None:
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


def test_an_error_inside_the_block_comes_out_as_it_is() -> None:
    async def scene(device: Device) -> None:
        await device.ask()
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        on_device(scene)
