"""Every backend of this house keeps the same contract."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from support.fake_worker import FakeFactory, FakeMachine
from support.models import model_folder
from support.responder_contract import ResponderContract
from support.serving import a_service, served
from tandem.backends.anthropic_http import AnthropicBackend
from tandem.backends.device import DeviceModels, DeviceOptions, worker_starter
from tandem.backends.door import Door, Endpoint
from tandem.backends.echo import EchoBackend
from tandem.backends.foundry import FoundryBackend, FoundryRuntime
from tandem.backends.openai_http import OpenAIBackend
from tandem.backends.provider import Provider
from tandem.backends.tandem_http import TandemBackend
from tandem.core.chat import ChatRequest, collect
from tandem.core.errors import Unsupported
from tandem.core.models import ModelCard
from tandem.core.ports import Responder
from tandem.engine.host import WorkerOptions
from tandem.engine.memory import ThisMachine


class TestEcho(ResponderContract):
    model = "echo"

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[Responder]:
        yield EchoBackend()


class TestATandemOnThisMachine(ResponderContract):
    model = "scripted"

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[Responder]:
        card = ModelCard(id=self.model, kind="chat", place="device", context_tokens=0, source="test")
        async with (
            served(a_service(EchoBackend())) as address,
            TandemBackend(card, Endpoint(url=address)) as backend,
        ):
            yield backend


class TestASecondTandemAsCloud(ResponderContract):
    model = "cloud-large"

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[Responder]:
        card = ModelCard(
            id=self.model, kind="chat", place="cloud", context_tokens=0, source="test", upstream_id="scripted"
        )
        async with (
            served(a_service(EchoBackend())) as address,
            Provider(Door(Endpoint(url=f"{address}/v1"))) as provider,
        ):
            yield OpenAIBackend(card, provider)


class TestASecondTandemAsCloudThatSpeaksAnthropic(ResponderContract):
    model = "cloud-large"

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[Responder]:
        card = ModelCard(
            id=self.model, kind="chat", place="cloud", context_tokens=0, source="test", upstream_id="scripted"
        )
        async with (
            served(a_service(EchoBackend())) as address,
            Provider(Door(Endpoint(url=f"{address}/v1", key_header="x-api-key"))) as provider,
        ):
            yield AnthropicBackend(card, provider)

    def request(self, *, max_tokens: int = 6, n: int = 1, seed: int = 7) -> ChatRequest:
        """The wire of Anthropic's knows no seed."""
        asked = super().request(max_tokens=max_tokens, n=n, seed=seed)
        return replace(asked, sampling=replace(asked.sampling, seed=None))

    def test_every_choice_finishes_once_and_says_nothing_after(self) -> None:
        """The wire of Anthropic's knows one choice."""
        self.run(self._one_choice_and_no_more)

    def test_usage_counts_the_prompt_once_and_every_choice(self) -> None:
        """The wire of Anthropic's knows one choice."""
        self.run(self._one_choice_and_no_more)

    async def _one_choice_and_no_more(self, responder: Responder) -> None:
        reply = await collect(responder.respond(self.request(max_tokens=3)))
        assert (len(reply.choices), reply.usage.completion_tokens) == (1, 3)
        assert reply.usage.prompt_tokens > 0
        with pytest.raises(Unsupported):
            await collect(responder.respond(self.request(n=2)))


class TestDeviceWithFakeWorkers(ResponderContract):
    model = "fake"

    @pytest.fixture(autouse=True)
    def in_folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[Responder]:
        card = ModelCard(id=self.model, kind="chat", place="device", context_tokens=4096, source="fake", installed=True)
        factory = FakeFactory()
        async with DeviceModels(
            lambda _: card,
            folder_of=lambda _: self.folder,
            start=factory.start,
            machine=FakeMachine(factory),
            options=DeviceOptions(),
        ) as models:
            yield models.backend(self.model)


@pytest.mark.model
class TestDevice(ResponderContract):
    model = "smollm2-135m"

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[Responder]:
        folder = model_folder(self.model)
        card = ModelCard(id=self.model, kind="chat", place="device", context_tokens=8192, source="test", installed=True)
        async with DeviceModels(
            lambda _: card,
            folder_of=lambda _: folder,
            start=worker_starter(WorkerOptions()),
            machine=ThisMachine(),
            options=DeviceOptions(),
        ) as models:
            yield models.backend(self.model)


@pytest.fixture(scope="module")
def foundry_runtime(tmp_path_factory: pytest.TempPathFactory) -> Generator[FoundryRuntime]:
    made = FoundryRuntime(tmp_path_factory.mktemp("foundry"))
    yield made
    made.close()


@pytest.mark.model
@pytest.mark.skipif(find_spec("foundry_local_sdk") is None, reason="foundry-local-sdk is not installed")
class TestFoundry(ResponderContract):
    model = "smollm2-135m"

    @pytest.fixture(autouse=True)
    def with_runtime(self, foundry_runtime: FoundryRuntime) -> None:
        self.backend = FoundryBackend(
            ModelCard(
                id=self.model,
                kind="chat",
                place="device",
                context_tokens=8192,
                source="test",
                path=str(model_folder(self.model)),
            ),
            foundry_runtime,
        )

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[Responder]:
        yield self.backend
