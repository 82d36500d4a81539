"""What every `tandem.core.ports.Responder` keeps, whoever answers. A suite inherits it and gives ``ask``.

The texts are short and the bounds loose enough for any model that generates at least three tokens.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, aclosing

from tandem.core.chat import ChatEvent, ChatRequest, Finished, Message, Sampling, Started, TextDelta, Usage, collect
from tandem.core.ports import Responder

OpenResponder = Callable[[], AbstractAsyncContextManager[Responder]]
SAY = "Count from one to twenty, please, in English words."


class ResponderContract:
    """Inherit, and define ``opened`` (a responder as a context manager) and ``model`` (the name to ask for)."""

    model: str

    def opened(self) -> AbstractAsyncContextManager[Responder]:
        raise NotImplementedError

    def request(self, *, max_tokens: int = 6, n: int = 1, seed: int = 7) -> ChatRequest:
        sampling = Sampling(max_tokens=max_tokens, temperature=0.0, seed=seed)
        messages = (Message(role="user", content=SAY),)
        return ChatRequest(id="contract", model=self.model, messages=messages, sampling=sampling, n=n)

    def run(self, work: Callable[[Responder], Coroutine[None, None, None]]) -> None:
        async def scene() -> None:
            async with asyncio.timeout(120), self.opened() as responder:
                await work(responder)

        asyncio.run(scene())

    def test_a_stream_begins_with_started_and_ends_with_usage_and_has_each_once(self) -> None:
        async def work(responder: Responder) -> None:
            events = await everything(responder, self.request())
            assert isinstance(events[0], Started)
            assert isinstance(events[-1], Usage)
            assert sum(isinstance(event, Started | Usage) for event in events) == 2
            assert events[0].place in {"device", "cloud"}
            assert events[0].model

        self.run(work)

    def test_every_choice_finishes_once_and_says_nothing_after(self) -> None:
        async def work(responder: Responder) -> None:
            events = await everything(responder, self.request(n=2))
            ends = [(i, event.index) for i, event in enumerate(events) if isinstance(event, Finished)]
            assert sorted(index for _, index in ends) == [0, 1]
            for position, index in ends:
                assert not any(isinstance(one, TextDelta) and one.index == index for one in events[position:])

        self.run(work)

    def test_max_tokens_is_honoured_and_told(self) -> None:
        async def work(responder: Responder) -> None:
            reply = await collect(responder.respond(self.request(max_tokens=3)))
            assert reply.choices[0].finish_reason == "length"
            assert reply.usage.completion_tokens == 3
            assert reply.choices[0].text.strip()
            longer = await collect(responder.respond(self.request(max_tokens=6)))
            assert longer.choices[0].text.startswith(reply.choices[0].text)

        self.run(work)

    def test_usage_counts_the_prompt_once_and_every_choice(self) -> None:
        async def work(responder: Responder) -> None:
            one = await collect(responder.respond(self.request(max_tokens=3)))
            two = await collect(responder.respond(self.request(max_tokens=3, n=2)))
            assert one.usage.prompt_tokens == two.usage.prompt_tokens > 0
            assert two.usage.completion_tokens == 6
            assert 0 <= two.usage.cached_tokens <= two.usage.prompt_tokens

        self.run(work)

    def test_the_same_greedy_request_has_the_same_answer(self) -> None:
        async def work(responder: Responder) -> None:
            first = await collect(responder.respond(self.request()))
            second = await collect(responder.respond(self.request()))
            assert first.choices[0].text == second.choices[0].text

        self.run(work)

    def test_closing_a_stream_early_stops_it_and_the_next_request_is_answered(self) -> None:
        async def work(responder: Responder) -> None:
            async with aclosing(responder.respond(self.request(max_tokens=2000))) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        break
            reply = await collect(responder.respond(self.request(max_tokens=3)))
            assert reply.usage.completion_tokens == 3

        self.run(work)

    def test_a_cancelled_consumer_leaves_the_responder_whole(self) -> None:
        async def work(responder: Responder) -> None:
            begun = asyncio.Event()

            async def listen() -> None:
                async with aclosing(responder.respond(self.request(max_tokens=2000))) as events:
                    async for event in events:
                        if isinstance(event, TextDelta):
                            begun.set()
                            await asyncio.Event().wait()

            task = asyncio.create_task(listen())
            await begun.wait()
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            reply = await collect(responder.respond(self.request(max_tokens=3)))
            assert reply.usage.completion_tokens == 3

        self.run(work)

    def test_streams_side_by_side_do_not_mix(self) -> None:
        async def work(responder: Responder) -> None:
            alone = await collect(responder.respond(self.request()))
            together = await asyncio.gather(*(collect(responder.respond(self.request())) for _ in range(3)))
            assert [reply.choices[0].text for reply in together] == [alone.choices[0].text] * 3

        self.run(work)


async def everything(responder: Responder, request: ChatRequest) -> list[ChatEvent]:
    """All events of a stream."""
    async with aclosing(responder.respond(request)) as events:
        return [event async for event in events]
