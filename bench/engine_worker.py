"""The engine beside a bare ONNX Runtime GenAI loop, in one interleaved run: ``python bench/engine_worker.py FOLDER``.

Each figure is the median of rounds in which both sides take turns, so that other programs on the machine disturb both.
The bare loop runs in a process of its own, because ONNX Runtime's threads go on spinning after a run.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import Any, cast

import psutil

from tandem.core.chat import ChatRequest, Message, Sampling, TextDelta, Usage
from tandem.engine.host import Worker, WorkerOptions

ROUNDS = 7
TOKENS = 96
STORY = "Write a long story about a lighthouse keeper who finds a map."
FACTS = "\n".join(
    f"Rule {number}. A member of the {name} society pays {number * 7} crowns on the first day of {month}."
    for number, (name, month) in enumerate(
        zip(
            ("river", "forest", "harbour", "mountain", "valley", "island"),
            ("May", "June", "July", "March", "April", "August"),
            strict=True,
        ),
        start=1,
    )
)
QUOTE = f"{FACTS}\n\nRepeat all the rules above, word for word."


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer: seconds to the first word, tokens a second after it, and the counts."""

    first_seconds: float
    tokens_per_second: float
    usage: Usage


def text(tokens: int, seed: int) -> tuple[int, ...]:
    """Token ids in an order that no other seed has."""
    return tuple(1000 + (at * at * 31 + at * seed * 17 + seed) % 40000 for at in range(tokens))


def raw(prompt: tuple[int, ...], tokens: int = TOKENS) -> ChatRequest:
    """A request for exactly so many greedy tokens."""
    sampling = Sampling(temperature=0.0, max_tokens=tokens)
    return ChatRequest(id="bench", model="bench", raw_prompt=prompt, sampling=sampling, ignore_eos=True)


def chat(question: str, tokens: int) -> ChatRequest:
    """A question, answered greedily."""
    sampling = Sampling(temperature=0.0, max_tokens=tokens)
    messages = (Message(role="user", content=question),)
    return ChatRequest(id="bench", model="bench", messages=messages, sampling=sampling, ignore_eos=True)


async def hear(worker: Worker, request: ChatRequest) -> Heard:
    """Listen to one answer."""
    began, first, usage = perf_counter(), 0.0, Usage(prompt_tokens=0, completion_tokens=0)
    async for event in worker.respond(request):
        if isinstance(event, TextDelta) and not first:
            first = perf_counter()
        if isinstance(event, Usage):
            usage = event
    return Heard(first - began, (usage.completion_tokens - 1) / (perf_counter() - first), usage)


def bare_loop(pipe: Connection, folder: str) -> None:
    """Answer each prompt with the tokens per second of ``generate_next_token``."""
    import onnxruntime_genai

    og = cast("Any", onnxruntime_genai)
    model = og.Model(folder)
    while (prompt := pipe.recv()) is not None:
        params = og.GeneratorParams(model)
        params.set_search_options(max_length=len(prompt) + TOKENS, do_sample=False)
        generator = og.Generator(model, params)
        generator.append_tokens(list(prompt))
        generator.generate_next_token()
        began = perf_counter()
        for _ in range(TOKENS - 1):
            generator.generate_next_token()
            generator.get_next_tokens()
        pipe.send((TOKENS - 1) / (perf_counter() - began))


async def decode_ratio(worker: Worker, bare: Callable[[tuple[int, ...]], float]) -> dict[str, float]:
    """One stream through the worker beside the bare loop."""
    ours: list[float] = []
    theirs: list[float] = []
    ratios: list[float] = []
    for round_ in range(ROUNDS):
        prompt = text(128, seed=round_)
        before = bare(prompt)
        heard = await hear(worker, raw(prompt))
        after = bare(prompt)
        ours.append(heard.tokens_per_second)
        theirs.append((before + after) / 2)
        ratios.append(ours[-1] / theirs[-1])
    return {"ours": median(ours), "bare": median(theirs), "ratio": median(ratios)}


async def streams_ratio(worker: Worker) -> dict[str, float]:
    """Total tokens a second of four streams beside one, prompts cached so that only decoding counts."""
    prompts = [text(64, seed=100 + stream) for stream in range(4)]
    await asyncio.gather(*(hear(worker, raw(prompt, 2)) for prompt in prompts))

    async def rate(count: int) -> float:
        began = perf_counter()
        heard = await asyncio.gather(*(hear(worker, raw(prompt)) for prompt in prompts[:count]))
        return sum(one.usage.completion_tokens for one in heard) / (perf_counter() - began)

    pairs = [(await rate(1), await rate(4)) for _ in range(ROUNDS)]
    return {
        "one": median(one for one, _ in pairs),
        "four": median(four for _, four in pairs),
        "ratio": median(four / one for one, four in pairs),
    }


async def reuse(worker: Worker) -> dict[str, float]:
    """Seconds to the first word on an 800-token context: the first question, and a follow-up."""
    cold: list[float] = []
    warm: list[float] = []
    for round_ in range(3):
        context = text(800, seed=200 + round_)
        cold.append((await hear(worker, raw(context, 4))).first_seconds)
        for question in range(3):
            heard = await hear(worker, raw((*context, 5 + question, 6, 7, 8, 9, 10, 11, 12), 4))
            warm.append(heard.first_seconds)
    return {"cold_seconds": median(cold), "warm_seconds": median(warm), "ratio": median(cold) / median(warm)}


async def short_during_long(worker: Worker) -> dict[str, float]:
    """Seconds to the first word of a short question that comes during a 1,500-token prefill."""
    shorts: list[float] = []
    longs: list[float] = []
    for round_ in range(3):
        long = asyncio.create_task(hear(worker, raw(text(1500, seed=300 + round_), 2)))
        await asyncio.sleep(0.15)
        shorts.append((await hear(worker, chat(f"{round_} and one more is?", 4))).first_seconds)
        longs.append((await long).first_seconds)
    return {"short_seconds": max(shorts), "long_seconds": median(longs)}


async def speculation(folder: Path) -> dict[str, float]:
    """How many times faster drafts make a quotation and a story."""
    plain = await Worker.start("plain", folder, WorkerOptions(speculation=False))
    drafting = await Worker.start("drafting", folder, WorkerOptions())
    try:
        result: dict[str, float] = {}
        for name, question in (("quotation", QUOTE), ("story", STORY)):
            ratios: list[float] = []
            for _ in range(ROUNDS):
                one = await hear(plain, chat(question, 160))
                other = await hear(drafting, chat(question, 160))
                ratios.append(other.tokens_per_second / one.tokens_per_second)
            result[name] = median(ratios)
        stats = await drafting.stats()
        result["accepted_share"] = stats.accepted_tokens / max(1, stats.drafted_tokens)
        return result
    finally:
        await plain.close()
        await drafting.close()


async def quiet(worker: Worker) -> dict[str, float]:
    """Seconds until a closed stream has left the model, processor time of an idle second, and memory."""
    seconds: list[float] = []
    for _ in range(ROUNDS):
        async with aclosing(worker.respond(raw(text(16, seed=400), 1000))) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    break
            began = perf_counter()
        while (await worker.stats()).running:
            pass
        seconds.append(perf_counter() - began)
    process = psutil.Process(worker.pid)
    await asyncio.sleep(0.1)
    before = process.cpu_times()
    await asyncio.sleep(2)
    after = process.cpu_times()
    stats = await worker.stats()
    return {
        "cancel_seconds": median(seconds),
        "idle_cpu_seconds_per_second": (after.user + after.system - before.user - before.system) / 2,
        "rss_mib": stats.rss_bytes / 2**20,
        "kv_mib": stats.kv_bytes / 2**20,
        "load_seconds": worker.load_seconds,
    }


async def measure(folder: Path, bare: Callable[[tuple[int, ...]], float]) -> dict[str, dict[str, float]]:
    """All figures."""
    worker = await Worker.start("bench", folder, WorkerOptions(speculation=False))
    figures: dict[str, dict[str, float]] = {}
    steps: dict[str, Callable[[], Awaitable[dict[str, float]]]] = {
        "decode": lambda: decode_ratio(worker, bare),
        "four streams": lambda: streams_ratio(worker),
        "reuse": lambda: reuse(worker),
        "short during long": lambda: short_during_long(worker),
        "quiet": lambda: quiet(worker),
        "speculation": lambda: speculation(folder),
    }
    wanted = sys.argv[2:] or list(steps)
    try:
        for name in wanted:
            figures[name] = {what: round(value, 4) for what, value in (await steps[name]()).items()}
            print(json.dumps({name: figures[name]}), flush=True)
    finally:
        await worker.close()
    return figures


def main() -> None:
    """Measure the folder that the first argument names; further arguments choose figures."""
    folder = Path(sys.argv[1])
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=bare_loop, args=(there, str(folder)), daemon=True)
    process.start()

    def bare(prompt: tuple[int, ...]) -> float:
        here.send(prompt)
        rate = cast("float", here.recv())
        sleep(0.2)
        return rate

    asyncio.run(measure(folder, bare))
    here.send(None)
    process.join()


if __name__ == "__main__":
    main()
