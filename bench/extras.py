"""What only Tandem is asked: speculation, cancelling, embeddings, the official client, the server without a model."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from bench import metrics, passages
from bench.asking import Turn
from bench.contenders.sse import SSEClient
from bench.figures import Samples
from bench.runner import Entry
from bench.stable import Stall

PROSE_TOKENS = 96
QUOTED_WORDS = 90
TEXTS = 64
SINGLES = 20
REQUESTS = 200
CHUNKS = 2000
CANCEL_ANSWER_TOKENS = 600
REST_SECONDS = 0.05
WATCH_SECONDS = 2.0


def openai_client(samples: Samples, url: str, model: str, rounds: int) -> None:
    """Decode one stream through the official client, right after the same through the lean one."""
    official = Entry(name="openai", title="openai client", kind="openai", options={"url": url, "model": model})
    lean = SSEClient(urlsplit(url).netloc, model)
    with opened(official) as stall:
        stall.answer_all([passages.ask("warm-up", passages.story(7), 8)])
        for number in range(rounds):
            story = passages.ask("story", passages.story(7000 + number), PROSE_TOKENS)
            other = passages.ask("story", passages.story(7500 + number), PROSE_TOKENS)
            samples.add(metrics.PROSE, "lean client", number, lean.answer(story, time.perf_counter()).tokens_per_second)
            [answer] = stall.answer_all([other])
            samples.add(metrics.PROSE, "openai client", number, answer.tokens_per_second)
    lean.close()


def speculation(samples: Samples, folder: Path, threads: int, rounds: int) -> None:
    """Two workers without a server, one that speculates and one that does not, on quoting and on open prose."""
    common = {"folder": str(folder), "threads": str(threads)}
    entries = [
        Entry(
            name=f"speculation {state}",
            title=f"worker, speculation {state}",
            kind="worker",
            options={**common, "speculation": state},
        )
        for state in ("off", "on")
    ]
    with opened(entries[0]) as off, opened(entries[1]) as on:
        for stall in (off, on):
            stall.answer_all([passages.ask("warm-up", passages.story(8), 16)])
        for number in range(rounds):
            for stall in (off, on) if number % 2 else (on, off):
                for metric, turns in (
                    (metrics.QUOTING, passages.quotation(8000 + number, QUOTED_WORDS)),
                    (metrics.PROSE, passages.story(8500 + number)),
                ):
                    [answer] = stall.answer_all([passages.ask(metric.id, turns, PROSE_TOKENS)])
                    samples.add(metric, stall.entry.name, number, answer.tokens_per_second)


def embeddings(samples: Samples, folder: Path, embedder: Path, threads: int, rounds: int) -> None:
    """Sixty-four texts in a request and one text in a request, over HTTP and in a bare session."""
    told = {"threads": str(threads), "embedder": str(embedder.absolute())}
    served = Entry(name="tandem", title="Tandem", kind="tandem", options={**told, "folder": str(folder.absolute())})
    alone = {"threads": str(threads), "folder": str(embedder.absolute())}
    bare = Entry(name="bare ONNX Runtime session", title="a bare session", kind="embedder", options=alone)
    texts = passages.sentences(TEXTS)
    with opened(served) as ours, opened(bare) as other:
        for stall in (ours, other):
            stall.embed(texts[:8])
        for number in range(rounds):
            for stall in (ours, other):
                samples.add(metrics.EMBEDDING, stall.entry.name, number, TEXTS / stall.embed(texts))
                singles = [stall.embed([text]) for text in texts[:SINGLES]]
                samples.add(metrics.EMBEDDING_ONE, stall.entry.name, number, 1000 * median(singles))


def server_alone(samples: Samples, rounds: int) -> None:
    """A request of one chunk, and an answer of many chunks, from a backend that repeats what it is told."""
    with opened(Entry(name="echo", title="server with an echo", kind="echo", options={})) as stall:
        url = stall.facts()["url"]
        client = SSEClient(urlsplit(url).netloc, "echo")
        one = passages.ask("one", (Turn("user", "hello"),), 1)
        many = passages.ask("many", (Turn("user", "word " * CHUNKS),), CHUNKS)
        for number in range(rounds + 1):
            seconds = [_seconds(lambda: client.answer(one, time.perf_counter())) for _ in range(REQUESTS)]
            answer = client.answer(many, time.perf_counter())
            if number:  # the first lap warms up
                samples.add(metrics.REQUEST, "echo", number, 1e3 * median(seconds))
                chunk = (answer.e2e_seconds - answer.ttft_seconds) / (answer.completion_tokens - 1)
                samples.add(metrics.CHUNK, "echo", number, 1e6 * chunk)
        client.close()


def cancelling(samples: Samples, url: str, model: str, worker_pid: int, rounds: int) -> None:
    """Hang up in the middle of an answer and watch the worker's processor time until it stands still (Linux only).

    Watched is the main thread, which drives the model. ONNX Runtime's own threads wait for more work by spinning for
    about 50 ms, after every answer; that is not counted.
    """
    if not Path(f"/proc/{worker_pid}/schedstat").exists():
        return
    for number in range(rounds):
        client = SSEClient(urlsplit(url).netloc, model)
        response = client.start(passages.ask("cancel", passages.story(9000 + number), CANCEL_ANSWER_TOKENS))
        for _ in range(30):
            response.readline()
        response.close()
        client.close()
        gone = time.perf_counter()
        samples.add(metrics.CANCEL, "tandem", number, 1000 * (_rested(worker_pid) - gone))


@contextmanager
def opened(entry: Entry) -> Generator[Stall]:
    """A contender for as long as the block runs."""
    stall = Stall(entry)
    try:
        stall.open()
        yield stall
    finally:
        stall.close()


def _seconds(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def _rested(pid: int) -> float:
    """The last moment at which the process was seen to run, once it has rested for `REST_SECONDS`."""
    spent, last = _nanoseconds(pid), time.perf_counter()
    end = last + WATCH_SECONDS
    while (now := time.perf_counter()) < end and now - last < REST_SECONDS:
        time.sleep(0.001)
        if (seen := _nanoseconds(pid)) != spent:
            spent, last = seen, time.perf_counter()
    return last


def _nanoseconds(pid: int) -> int:
    """Processor time of a process's main thread, as the scheduler accounts it."""
    return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text(encoding="ascii").split()[0])
