"""A real worker with a real model, through the parent's handle."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import onnxruntime_genai
import psutil
import pytest

from support.models import model_folder
from tandem.core.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    Message,
    Sampling,
    Started,
    TextDelta,
    Usage,
    collect,
)
from tandem.core.embedding import EmbeddingRequest
from tandem.core.errors import BadRequest, Busy, ContextLengthExceeded, CorruptFile, Unsupported, WorkerDied
from tandem.engine.host import Worker, WorkerOptions

pytestmark = [pytest.mark.model, pytest.mark.anyio]

MODEL = "smollm2-135m"
QUESTION = (Message(role="user", content="What is the capital of France? Answer in two sentences."),)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def running(model: str, options: WorkerOptions) -> AsyncGenerator[Worker]:
    worker = await Worker.start(model, model_folder(model), options)
    try:
        yield worker
    finally:
        await worker.close()


@pytest.fixture(scope="module", params=["auto", "genai"])
async def worker(request: pytest.FixtureRequest) -> AsyncGenerator[Worker]:
    """The same promises hold whichever way the folder is opened."""
    async with running(MODEL, WorkerOptions(runtime=request.param)) as worker:
        yield worker


GREEDY = Sampling(temperature=0.0, max_tokens=24)


def asked(
    max_tokens: int = 24, *, messages: tuple[Message, ...] = QUESTION, n: int = 1, sampling: Sampling = GREEDY
) -> ChatRequest:
    return ChatRequest(id="r", model=MODEL, messages=messages, sampling=replace(sampling, max_tokens=max_tokens), n=n)


def raw(tokens: list[int], max_tokens: int) -> ChatRequest:
    sampling = Sampling(temperature=0.0, max_tokens=max_tokens)
    return ChatRequest(id="r", model=MODEL, raw_prompt=tuple(tokens), sampling=sampling, ignore_eos=True)


def long_text(tokens: int, seed: int) -> list[int]:
    """Token ids that no other test uses in this order."""
    return [1000 + (at * at * 31 + at * seed * 17 + seed) % 40000 for at in range(tokens)]


async def first_word_seconds(worker: Worker, request: ChatRequest) -> tuple[float, Usage]:
    began, first = time.perf_counter(), 0.0
    usage: Usage | None = None
    async for event in worker.respond(request):
        if isinstance(event, TextDelta) and not first:
            first = time.perf_counter() - began
        if isinstance(event, Usage):
            usage = event
    assert usage is not None
    return first, usage


async def test_an_answer_is_started_then_words_then_an_end_then_usage(worker: Worker) -> None:
    events = [event async for event in worker.respond(asked())]
    usage = events[-1]
    assert isinstance(usage, Usage)
    assert isinstance(events[-2], Finished)
    assert events[0] == Started(model=MODEL, place="device", because=("Requested",), prompt_tokens=usage.prompt_tokens)
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert "Paris" in text


async def test_greedy_text_is_that_of_a_bare_onnx_runtime_genai_loop() -> None:
    og = cast("Any", onnxruntime_genai)
    prompt = long_text(60, seed=5)
    model = og.Model(str(model_folder(MODEL)))
    params = og.GeneratorParams(model)
    params.set_search_options(max_length=200, do_sample=False)
    generator = og.Generator(model, params)
    generator.append_tokens(prompt)
    for _ in range(40):
        generator.generate_next_token()
    bare = cast("str", og.Tokenizer(model).decode(generator.get_sequence(0)[len(prompt) :]))
    async with running(MODEL, WorkerOptions(speculation=False)) as worker:
        reply = await collect(worker.respond(raw(prompt, 40)))
    assert reply.choices[0].text == bare


async def test_the_same_seed_says_the_same_also_beside_other_streams(worker: Worker) -> None:
    request = asked(20, sampling=Sampling(temperature=1.0, seed=7))
    alone = await collect(worker.respond(request))
    others = [raw(long_text(30, seed), 30) for seed in (1, 2)]
    beside, *_ = await asyncio.gather(*(collect(worker.respond(one)) for one in (request, *others)))
    assert beside.choices == alone.choices


async def test_several_choices_come_one_after_another_and_the_prompt_is_counted_once(worker: Worker) -> None:
    reply = await collect(worker.respond(asked(8, n=3, sampling=Sampling(temperature=1.0, seed=3))))
    assert [choice.index for choice in reply.choices] == [0, 1, 2]
    assert len({choice.text for choice in reply.choices}) > 1
    assert reply.usage.prompt_tokens == await worker.count_tokens(asked())


async def test_a_follow_up_question_on_a_long_context_is_answered_much_sooner(worker: Worker) -> None:
    context = long_text(800, seed=11)
    cold, usage = await first_word_seconds(worker, raw(context, 4))
    assert usage.cached_tokens < 10
    warm: list[float] = []
    for question in range(4):
        seconds, usage = await first_word_seconds(worker, raw([*context, 50 + question, 60, 70, 80], 4))
        assert usage.cached_tokens == len(context)
        warm.append(seconds)
    assert cold > 5 * min(warm)


async def test_a_short_prompt_during_a_long_one_is_answered_first_and_soon(worker: Worker) -> None:
    async def read_long() -> float:
        await first_word_seconds(worker, raw(long_text(1500, seed=23), 2))
        return time.perf_counter()

    long = asyncio.create_task(read_long())
    await asyncio.sleep(0.2)
    seconds, _ = await first_word_seconds(worker, asked(4))
    answered = time.perf_counter()
    assert answered < await long
    assert seconds < 5


async def test_four_streams_speak_at_once(worker: Worker) -> None:
    order: list[int] = []

    async def listen(stream: int) -> None:
        async for event in worker.respond(raw(long_text(20, seed=stream), 30)):
            if isinstance(event, TextDelta):
                order.append(stream)  # noqa: PERF401 - the order counts

    await asyncio.gather(*(listen(stream) for stream in range(4)))
    assert set(order[: len(order) // 2]) == {0, 1, 2, 3}


async def test_closing_a_stream_stops_the_model_within_a_token(worker: Worker) -> None:
    heard = 0
    async with aclosing(worker.respond(raw(long_text(40, seed=31), 500))) as events:
        async for event in events:
            heard += isinstance(event, TextDelta)
            if heard == 3:
                break
    stats = await worker.stats()
    assert (stats.running, stats.waiting) == (0, 0)
    before = stats.decode_seconds
    await asyncio.sleep(0.2)
    assert (await worker.stats()).decode_seconds == before
    assert worker.in_flight == 0


async def test_what_the_model_refuses_is_raised_before_anything_is_said(worker: Worker) -> None:
    async def first(request: ChatRequest) -> ChatEvent:
        async with aclosing(worker.respond(request)) as events:
            return await anext(events)

    with pytest.raises(BadRequest):
        await first(asked(messages=()))
    with pytest.raises(ContextLengthExceeded):
        await first(raw([5] * (worker.context_tokens + 1), 1))
    with pytest.raises(Unsupported) as refused:
        await worker.embed(EmbeddingRequest(id="e", model=MODEL, inputs=("text",)))
    assert refused.value.param == "model"
    assert (await collect(worker.respond(asked(2)))).usage.completion_tokens == 2


async def test_a_full_queue_refuses_with_an_honest_time() -> None:
    async with running(MODEL, WorkerOptions(streams_limit=1, queue_limit=1)) as worker:
        async with aclosing(worker.respond(raw([5, 6, 7], 2000))) as one, aclosing(worker.respond(asked())) as two:
            await anext(one)
            await anext(two)
            with pytest.raises(Busy) as refused:
                await anext(worker.respond(asked()))
            assert 1 <= refused.value.retry_after_seconds <= 60
        assert (await collect(worker.respond(asked(2)))).usage.completion_tokens == 2


async def test_a_worker_that_is_killed_ends_its_streams_with_a_clear_error() -> None:
    async with running(MODEL, WorkerOptions()) as worker:
        events = worker.respond(raw([5, 6, 7], 2000))
        async for event in events:
            if isinstance(event, TextDelta):
                break
        assert worker.alive
        psutil.Process(worker.pid).kill()
        with pytest.raises(WorkerDied):
            await collect(events)
        assert not worker.alive
        with pytest.raises(WorkerDied):
            await anext(worker.respond(asked()))
        with pytest.raises(WorkerDied):
            await worker.stats()


async def test_an_idle_worker_uses_no_processor(worker: Worker) -> None:
    await collect(worker.respond(asked(4)))
    process = psutil.Process(worker.pid)
    await asyncio.sleep(0.1)
    before = process.cpu_times()
    await asyncio.sleep(1.0)
    after = process.cpu_times()
    assert after.user + after.system - before.user - before.system < 0.1


async def test_the_card_of_a_worker_is_that_of_its_model(worker: Worker) -> None:
    assert worker.kind == "chat"
    assert worker.context_tokens == 8192
    assert "logprobs" in worker.abilities
    assert worker.pid != os.getpid()


async def test_an_embedder_answers_with_vectors_of_unit_length_and_writes_nothing() -> None:
    async with running("minilm-l6", WorkerOptions()) as worker:
        assert worker.kind == "embedding"
        inputs = ("a cat", "a kitten", "the stock exchange", *(f"text {at}" for at in range(40)))
        embedded = await worker.embed(EmbeddingRequest(id="e", model="minilm-l6", inputs=inputs))
        assert len(embedded.vectors) == len(inputs)
        cat, kitten, exchange = embedded.vectors[:3]
        assert abs(sum(number * number for number in cat) - 1.0) < 1e-4
        near = sum(one * other for one, other in zip(cat, kitten, strict=True))
        far = sum(one * other for one, other in zip(cat, exchange, strict=True))
        assert near > far + 0.2
        with pytest.raises(Unsupported):
            await anext(worker.respond(asked()))


async def test_a_folder_without_a_model_is_named_when_it_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "genai_config.json").write_text("{}")
    with pytest.raises(CorruptFile, match="genai_config"):
        await Worker.start("broken", tmp_path, WorkerOptions())


ORPHANS = """
import asyncio, sys, os, signal
from pathlib import Path
from tandem.engine.host import Worker, WorkerOptions
async def main():
    worker = await Worker.start("m", Path(sys.argv[1]), WorkerOptions())
    print(worker.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_a_worker_ends_when_its_parent_is_killed() -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ORPHANS, str(model_folder(MODEL)), stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    assert psutil.pid_exists(pid)
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    for _ in range(50):
        await asyncio.sleep(0.1)
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return
    raise AssertionError("the worker outlived its parent")


NOISE = """
import os, sys
from tandem.engine import worker
from tandem.engine.frames import Began
frames_in, outbox = worker.claim_pipes()
os.write(1, b"native noise")
print("Python noise", flush=True)
outbox.put(Began(4, None))
outbox.flush()
"""


def test_what_native_code_prints_does_not_disturb_the_frames() -> None:
    from tandem.engine.frames import LENGTH, decode_from_worker

    done = subprocess.run([sys.executable, "-c", NOISE], capture_output=True, stdin=subprocess.DEVNULL, check=True)
    assert getattr(decode_from_worker(done.stdout[LENGTH.size :]), "call", None) == 4
    assert b"native noise" in done.stderr
