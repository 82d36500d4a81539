"""The roster of a device whose workers and memory are fakes, and scenes played on it."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from support.fake_worker import FakeFactory, FakeMachine
from tandem.backends.device import DeviceModels, DeviceOptions
from tandem.core.chat import ChatRequest, Message, collect
from tandem.core.errors import NotFound
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


Scene = Callable[[Device], Coroutine[None, None, None]]


def on_device(
    scene: Scene,
    options: DeviceOptions = FOREVER,
    *,
    cards: Callable[[str], ModelCard] = card_of,
    room: float = 100,
    holds: int = 0,
) -> None:
    """Play a scene on a fresh device. ``room`` counts the models that fit, ``holds`` the bytes of each worker."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "model.onnx").open("wb") as file:
            file.truncate(WEIGHTS)
        asyncio.run(_played(scene, options, cards, folder, FakeMachine(FakeFactory(), int(NEED * room), holds)))


async def _played(
    scene: Scene, options: DeviceOptions, cards: Callable[[str], ModelCard], folder: Path, machine: FakeMachine
) -> None:
    factory = machine.factory
    async with (
        asyncio.timeout(20),
        DeviceModels(
            cards, folder_of=lambda _: folder, start=factory.start, machine=machine, options=options
        ) as models,
    ):
        await scene(Device(models, factory, machine))
    assert factory.running() == []
