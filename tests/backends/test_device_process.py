"""The roster over real processes and real models: sealed, killed, replaced, unloaded."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from support.models import model_folder, models_home
from tandem.backends.device import DeviceModels, DeviceOptions, worker_starter
from tandem.core.chat import ChatRequest, Message, Sampling, TextDelta, collect
from tandem.core.embedding import EmbeddingRequest
from tandem.core.errors import BadRequest, WorkerDied
from tandem.core.models import ModelCard
from tandem.engine.host import WorkerOptions
from tandem.engine.memory import ThisMachine
from tandem.engine.seal import SealMode, probe_seal

pytestmark = pytest.mark.model
CHAT, EMBEDDER = "smollm2-135m", "minilm-l6"
CARDS = {
    CHAT: ModelCard(id=CHAT, kind="chat", place="device", context_tokens=8192, source="test", installed=True),
    EMBEDDER: ModelCard(
        id=EMBEDDER, kind="embedding", place="device", context_tokens=256, source="test", installed=True
    ),
}


def play(
    scene: Callable[[DeviceModels], Coroutine[None, None, None]],
    keep_alive_seconds: float = 60,
    sealed: SealMode = "auto",
) -> None:
    folders = {model: model_folder(model) for model in CARDS}

    async def played() -> None:
        async with (
            asyncio.timeout(120),
            DeviceModels(
                CARDS.__getitem__,
                folder_of=folders.__getitem__,
                start=worker_starter(WorkerOptions(sealed=sealed)),
                machine=ThisMachine(),
                options=DeviceOptions(keep_alive_seconds=keep_alive_seconds),
            ) as models,
        ):
            await scene(models)

    asyncio.run(played())


def request(max_tokens: int = 8) -> ChatRequest:
    sampling = Sampling(max_tokens=max_tokens, temperature=0)
    return ChatRequest(id="r", model=CHAT, messages=(Message(role="user", content="Say hello."),), sampling=sampling)


async def kill_while_reading(models: DeviceModels) -> None:
    (report,) = await models.report()
    heard = 0
    async for event in models.backend(CHAT).respond(request(max_tokens=2000)):
        heard += isinstance(event, TextDelta)
        if heard == 1:
            os.kill(report.pid, signal.SIGKILL)
            heard += 1


def network_of(pid: int | str) -> str:
    return str(Path(f"/proc/{pid}/ns/net").readlink())


def sockets_of(pid: int) -> list[Path]:
    descriptors = [one.readlink() for one in Path(f"/proc/{pid}/fd").iterdir()]
    return [one for one in descriptors if one.name.startswith("socket:")]


def test_killing_a_worker_in_the_middle_of_a_stream_costs_that_stream_only() -> None:
    async def scene(models: DeviceModels) -> None:
        before = await collect(models.backend(CHAT).respond(request()))
        with pytest.raises(WorkerDied):
            await kill_while_reading(models)
        after = await collect(models.backend(CHAT).respond(request()))
        assert after.choices[0].text == before.choices[0].text
        (report,) = await models.report()
        assert report.starts == 2

    play(scene)


def test_a_worker_killed_while_idle_is_replaced_without_an_error() -> None:
    async def scene(models: DeviceModels) -> None:
        await models.preload(CHAT)
        (report,) = await models.report()
        os.kill(report.pid, signal.SIGKILL)
        reply = await collect(models.backend(CHAT).respond(request()))
        assert reply.usage.completion_tokens > 0

    play(scene)


@pytest.mark.skipif(sys.platform != "linux", reason="seals are known for Linux only")
def test_every_worker_is_sealed_as_the_probe_foretold() -> None:
    async def scene(models: DeviceModels) -> None:
        await models.preload(CHAT)
        await models.preload(EMBEDDER)
        reports = await models.report()
        assert {report.seal for report in reports} == {probe_seal().kind}
        for report in reports:
            assert (network_of(report.pid) != network_of("self")) == (report.seal == "namespace")
            assert sockets_of(report.pid) == []

    play(scene)


INTRUDER = """
import socket, sys
tried = []
def try_to_get_out(event, arguments):
    if event == "import" and arguments[0].startswith("onnxruntime") and not tried:
        tried.append(True)
        try:
            socket.create_connection(("127.0.0.1", {port}), timeout=5).close()
            outcome = "open"
        except OSError as error:
            outcome = type(error).__name__
        sys.stderr.write("the way out is " + outcome + chr(10))
sys.addaudithook(try_to_get_out)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="seals are known for Linux only")
@pytest.mark.parametrize(("sealed", "outcome"), [("require", "PermissionError"), ("off", "open")])
def test_code_inside_a_worker_cannot_open_a_socket_when_the_model_is_loaded(
    sealed: SealMode,
    outcome: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An intruder waits in the worker, from its first moment, for the model library to be imported."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        (tmp_path / "sitecustomize.py").write_text(INTRUDER.format(port=server.getsockname()[1]))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

        async def scene(models: DeviceModels) -> None:
            await models.preload(CHAT)

        play(scene, sealed=sealed)

    assert f"the way out is {outcome}" in caplog.text


def test_workers_leave_nothing_in_the_users_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The libraries keep queues of reports there, unless they are told before they are imported."""
    monkeypatch.setenv("TANDEM_TEST_MODELS", str(models_home()))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    async def scene(models: DeviceModels) -> None:
        await models.preload(EMBEDDER)
        await collect(models.backend(CHAT).respond(request()))

    play(scene, sealed="off")

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_idle_worker_gives_its_memory_back() -> None:
    async def scene(models: DeviceModels) -> None:
        await models.preload(EMBEDDER)
        (report,) = await models.report()
        assert report.stats is not None
        await asyncio.sleep(0.6)
        assert await models.report() == ()
        assert ThisMachine().resident(report.pid) == 0

    play(scene, keep_alive_seconds=0.2)


def test_a_list_of_texts_is_embedded_and_a_wrong_one_is_named_by_its_place() -> None:
    async def scene(models: DeviceModels) -> None:
        texts = tuple(f"Text number {i}." for i in range(40))
        embeddings = await models.embed(EmbeddingRequest(id="e", model=EMBEDDER, inputs=texts))
        assert len(embeddings.vectors) == 40
        assert sum(x * x for x in embeddings.vectors[39]) == pytest.approx(1, abs=1e-4)
        with pytest.raises(BadRequest) as caught:
            await models.embed(EmbeddingRequest(id="e", model=EMBEDDER, inputs=(*texts, "word " * 2000)))
        assert caught.value.param == "input[40]"

    play(scene)


def test_the_guard_foresees_what_a_worker_really_takes() -> None:
    async def scene(models: DeviceModels) -> None:
        sampling = Sampling(max_tokens=8, temperature=0)
        long = Message(role="user", content="The harbour was quiet that morning. " * 60)
        await collect(
            models.backend(CHAT).respond(ChatRequest(id="r", model=CHAT, messages=(long,), sampling=sampling))
        )
        (report,) = await models.report()
        assert 0.2 * report.need.total < ThisMachine().resident(report.pid) < 1.1 * report.need.total

    play(scene)
