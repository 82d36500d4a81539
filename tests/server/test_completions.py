"""Plain completions, read by the real openai client."""

import asyncio
from typing import Any

import openai
import pytest

from support.clients import asking
from support.fakes import STARTED, ScriptedResponder, said
from support.serving import a_service
from tandem.backends.echo import EchoBackend
from tandem.core.chat import RankedToken, TextDelta, TokenLogprob


def token(text: str, logprob: float) -> TokenLogprob:
    own = RankedToken(text=text, raw=text.encode(), logprob=logprob)
    rival = RankedToken(text="#", raw=b"#", logprob=logprob + 0.25)
    return TokenLogprob(chosen=own, top=(rival,))


SCORED = [
    STARTED,
    TextDelta(text="Zaż", logprobs=(token("Za", -1.0), token("ż", -2.0))),
    TextDelta(text="ółć", logprobs=(token("ółć", -3.0),)),
    *said()[1:],
]


def test_text_goes_on_without_a_template_and_sixteen_tokens_are_the_default() -> None:
    async def main() -> None:
        responder = ScriptedResponder()
        async with asking(a_service(responder)) as client:
            reply = await client.completions.create(model="scripted", prompt="Once")
            await client.completions.create(model="scripted", prompt=[1, 2, 3], max_tokens=5)
        assert reply.choices[0].text == "Hello there"
        assert reply.choices[0].finish_reason == "stop"
        assert reply.object == "text_completion"
        assert [asked.raw_prompt for asked in responder.asked] == ["Once", (1, 2, 3)]
        assert [asked.sampling.max_tokens for asked in responder.asked] == [16, 5]

    asyncio.run(main())


def test_several_prompts_are_answered_in_turn_and_numbered_on() -> None:
    async def main() -> None:
        async with asking(a_service(EchoBackend())) as client:
            reply = await client.completions.create(model="scripted", prompt=["a b", "c"], n=2, echo=True)
            stream = await client.completions.create(
                model="scripted", prompt=["a b", "c"], n=2, stream=True, stream_options={"include_usage": True}
            )
            texts = ["", "", "", ""]
            usage = None
            async for chunk in stream:
                usage = chunk.usage
                for choice in chunk.choices:
                    texts[choice.index] += choice.text
        assert [choice.text for choice in reply.choices] == ["a ba b", "a ba b", "cc", "cc"]
        assert texts == ["a b", "a b", "c", "c"]
        assert usage is not None
        assert reply.usage == usage
        assert (usage.prompt_tokens, usage.completion_tokens) == (3, 6)

    asyncio.run(main())


@pytest.mark.parametrize("stream", [False, True])
def test_log_probabilities_are_parallel_lists_with_offsets_in_code_points(stream: bool) -> None:
    async def main() -> None:
        async with asking(a_service(ScriptedResponder(SCORED))) as client:
            if stream:
                pieces = await client.completions.create(model="scripted", prompt="x", logprobs=1, stream=True)
                found = [piece.choices[0].logprobs async for piece in pieces]
            else:
                whole = await client.completions.create(model="scripted", prompt="x", logprobs=1)
                found = [whole.choices[0].logprobs]
        scored = [logprobs for logprobs in found if logprobs]
        assert [offset for one in scored for offset in one.text_offset or ()] == [0, 2, 3]
        assert [text for one in scored for text in one.tokens or ()] == ["Za", "ż", "ółć"]
        assert [number for one in scored for number in one.token_logprobs or ()] == [-1.0, -2.0, -3.0]
        assert scored[0].top_logprobs is not None
        assert scored[0].top_logprobs[0] == {"#": -0.75, "Za": -1.0}

    asyncio.run(main())


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"suffix": "end"}, "suffix"),
        ({"best_of": 3}, "best_of"),
        ({"echo": True, "logprobs": 0}, "echo"),
        ({"echo": True, "prompt": [5]}, "echo"),
        ({"prompt": []}, "prompt"),
        ({"prompt": ["a", 5]}, "prompt"),
        ({"prompt": [[1], []]}, "prompt"),
        ({"prompt": ["a"] * 65}, "prompt"),
        ({"prompt": [-1]}, "prompt[0]"),
        ({"logprobs": 21}, "logprobs"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"model": "vectors"}, "model"),
    ],
)
def test_what_cannot_be_honoured_is_refused(fields: dict[str, Any], param: str) -> None:
    async def main() -> None:
        async with asking(a_service()) as client:
            with pytest.raises(openai.BadRequestError) as refused:
                await client.completions.create(model="scripted", prompt="x", extra_body=fields)
        assert refused.value.param == param

    asyncio.run(main())


def test_as_many_answers_as_are_ranked_need_no_ranking() -> None:
    async def main() -> None:
        async with asking(a_service(EchoBackend())) as client:
            reply = await client.completions.create(model="scripted", prompt="x", n=2, best_of=2, suffix="")
        assert len(reply.choices) == 2

    asyncio.run(main())
