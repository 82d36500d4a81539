"""What the server takes from the model: little, even on a slow and busy machine."""

import asyncio
import time

from support.clients import calling
from support.serving import a_service
from tandem.backends.echo import EchoBackend

WORDS = 3000


def test_a_streamed_word_costs_far_less_than_a_token() -> None:
    async def main() -> float:
        body = {"model": "scripted", "stream": True, "messages": [{"role": "user", "content": "word " * WORDS}]}
        async with calling(a_service(EchoBackend())) as client:
            best = 1.0
            for _ in range(3):
                began = time.perf_counter()
                answer = await client.post("/v1/chat/completions", json=body)
                best = min(best, (time.perf_counter() - began) / WORDS)
                assert answer.text.count("data: ") > WORDS
        return best

    assert asyncio.run(main()) < 0.0005


def test_a_small_answer_costs_a_few_milliseconds_at_most() -> None:
    async def main() -> float:
        body = {"model": "scripted", "messages": [{"role": "user", "content": "Hello"}]}
        seconds: list[float] = []
        async with calling(a_service(EchoBackend())) as client:
            for _ in range(30):
                began = time.perf_counter()
                assert (await client.post("/v1/chat/completions", json=body)).status_code == 200
                seconds.append(time.perf_counter() - began)
        return sorted(seconds)[len(seconds) // 2]

    assert asyncio.run(main()) < 0.01
