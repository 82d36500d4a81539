"""The real SDK of Foundry Local answers, offline, over the real small model; nothing stands in for it."""

import asyncio
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from support.models import model_folder
from tandem.backends.foundry import FoundryBackend, FoundryRuntime
from tandem.core.chat import (
    ChatEvent,
    ChatReply,
    ChatRequest,
    Message,
    ResponseFormat,
    Sampling,
    Started,
    TextDelta,
    Tool,
    ToolChoice,
    collect,
)
from tandem.core.errors import BadRequest, ContextLengthExceeded, Unavailable, Unsupported
from tandem.core.models import ModelCard

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(
        importlib.util.find_spec("foundry_local_sdk") is None, reason="foundry-local-sdk is not installed"
    ),
]
CITY = json.dumps(
    {
        "type": "object",
        "properties": {"city": {"enum": ["Oslo", "Rome"]}},
        "required": ["city"],
        "additionalProperties": False,
    }
)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FoundryRuntime]:
    made = FoundryRuntime(tmp_path_factory.mktemp("foundry"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def backend(runtime: FoundryRuntime) -> FoundryBackend:
    card = ModelCard(
        id="smollm2-135m",
        kind="chat",
        place="device",
        context_tokens=8192,
        source="test",
        installed=True,
        path=str(model_folder("smollm2-135m")),
    )
    return FoundryBackend(card, runtime)


def asked(text: str, **sampling: object) -> ChatRequest:
    wanted = replace(Sampling(temperature=0.0, max_tokens=12), **sampling)  # pyright: ignore[reportArgumentType]
    return ChatRequest(id="r1", model="smollm2-135m", messages=(Message(role="user", content=text),), sampling=wanted)


def answer(backend: FoundryBackend, request: ChatRequest) -> ChatReply:
    return asyncio.run(collect(backend.respond(request)))


def test_it_streams_text_and_counts_tokens(backend: FoundryBackend) -> None:
    reply = answer(backend, asked("Count from one to twenty, please, in English words.", max_tokens=6))

    assert reply.started.place == "device"
    assert reply.choices[0].text.strip()
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage.completion_tokens == 6
    assert reply.usage.prompt_tokens > 10


def test_one_request_knows_nothing_of_another(backend: FoundryBackend) -> None:
    first = answer(backend, asked("Remember the word pineapple."))
    second = answer(backend, asked("Remember the word pineapple."))

    assert second.choices[0].text == first.choices[0].text
    assert second.usage.prompt_tokens == first.usage.prompt_tokens


def test_the_same_seed_gives_the_same_text_and_choices_differ(backend: FoundryBackend) -> None:
    request = replace(asked("Write about the sea.", temperature=1.0, seed=7), n=2)

    once, again = answer(backend, request), answer(backend, request)

    assert [choice.text for choice in once.choices] == [choice.text for choice in again.choices]
    assert once.choices[0].text != once.choices[1].text
    assert once.usage.completion_tokens == sum(12 for _ in once.choices)


def test_a_stop_string_ends_the_text_and_is_not_shown(backend: FoundryBackend) -> None:
    whole = answer(backend, asked("Name three colours.", max_tokens=24)).choices[0].text
    middle = len(whole) // 2
    stop = whole[middle : middle + 4]

    cut = answer(backend, asked("Name three colours.", max_tokens=24, stop=(stop,))).choices[0]

    assert cut.text == whole[: whole.index(stop)]
    assert (cut.finish_reason, cut.stop_sequence) == ("stop", stop)


def test_a_json_schema_is_enforced(backend: FoundryBackend) -> None:
    request = replace(
        asked("Which city?", max_tokens=40), response_format=ResponseFormat(kind="json_schema", schema_json=CITY)
    )

    assert json.loads(answer(backend, request).choices[0].text)["city"] in {"Oslo", "Rome"}


def test_a_conversation_is_heard_whole(backend: FoundryBackend) -> None:
    turns = (
        Message(role="system", content="You are brief."),
        Message(role="user", content="My name is Ada."),
        Message(role="assistant", content="Hello, Ada."),
        Message(role="user", content="What is my name?"),
    )

    heard = [
        answer(backend, replace(asked("x", max_tokens=1), messages=said)).usage.prompt_tokens
        for said in (turns, turns[:2] + turns[3:], turns[1:])
    ]

    whole, without_the_reply, without_the_system_message = heard
    assert whole - without_the_reply >= 5
    assert whole != without_the_system_message


def test_what_cannot_be_honoured_is_refused_before_the_first_word(backend: FoundryBackend) -> None:
    refused = [
        (asked("Hi", logprobs=True), "logprobs"),
        (asked("Hi", frequency_penalty=1.0), "frequency_penalty"),
        (asked("Hi", presence_penalty=-1.0), "presence_penalty"),
        (asked("Hi", logit_bias={1: 5.0}), "logit_bias"),
        (replace(asked("Hi"), messages=(), raw_prompt="Once"), "prompt"),
        (replace(asked("Hi"), messages=(Message(role="user", content="Hi", image_count=1),)), "messages"),
        (replace(asked("Hi"), tools=(Tool(name="f"),), tool_choice=ToolChoice(mode="required")), "tool_choice"),
    ]
    for request, field in refused:
        with pytest.raises(Unsupported) as told:
            answer(backend, request)
        assert told.value.param == field


def test_offered_tools_are_left_aside_with_a_note(backend: FoundryBackend) -> None:
    reply = answer(backend, replace(asked("Hi"), tools=(Tool(name="weather"),)))

    assert reply.started.note == "smollm2-135m cannot call tools; it answered without them."
    assert reply.choices[0].text


@pytest.mark.parametrize(("text", "word"), [("", "empty"), ("a\0b", "NUL"), ("\ud800", "surrogate")])
def test_text_that_the_sdk_cannot_hold_is_a_bad_request(backend: FoundryBackend, text: str, word: str) -> None:
    with pytest.raises(BadRequest, match=word) as told:
        answer(backend, asked(text))

    assert told.value.param == "messages[0].content"


@pytest.mark.parametrize(("words", "limit"), [(9000, 5), (1, 9000)])
def test_a_prompt_or_an_answer_too_long_is_refused_with_numbers(
    backend: FoundryBackend, words: int, limit: int
) -> None:
    with pytest.raises(ContextLengthExceeded, match="8192 tokens in all"):
        answer(backend, asked("word " * words, max_tokens=limit))


def test_a_bad_schema_is_an_error_of_ours(backend: FoundryBackend) -> None:
    request = replace(asked("Hi"), response_format=ResponseFormat(kind="json_schema", schema_json='{"type":"no-such"}'))

    with pytest.raises((BadRequest, Unsupported, Unavailable)):
        answer(backend, request)
    assert answer(backend, asked("Hi")).choices[0].text


def test_closing_the_stream_stops_the_model_at_once(backend: FoundryBackend) -> None:
    async def first_words() -> tuple[int, float]:
        seen, left = 0, 0.0
        events = backend.respond(asked("Tell a very long story.", max_tokens=2000, temperature=1.0))
        async with aclosing(events):
            async for event in events:
                seen += isinstance(event, TextDelta)
                if seen == 3:
                    left = time.perf_counter()
                    break
        return seen, time.perf_counter() - left

    seen, seconds = asyncio.run(first_words())

    assert seen == 3
    assert seconds < 1.0


def test_leaving_during_the_prefill_of_a_long_prompt_holds_nobody_up(backend: FoundryBackend) -> None:
    async def leave_early() -> float:
        events = backend.respond(asked("word " * 2500, max_tokens=2000))
        assert isinstance(await anext(events), Started)
        waiting = asyncio.ensure_future(_next(events))
        await asyncio.sleep(0.3)
        left = time.perf_counter()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await events.aclose()
        return time.perf_counter() - left

    whole = asyncio.run(leave_early())

    assert whole < 2.0
    assert answer(backend, asked("Hi")).choices[0].text


async def _next(events: AsyncGenerator[ChatEvent]) -> ChatEvent:
    return await anext(events)


def test_several_answers_at_once_are_each_whole(backend: FoundryBackend) -> None:
    alone = answer(backend, asked("Name three colours.")).choices[0].text

    async def three() -> list[str]:
        replies = await asyncio.gather(*(collect(backend.respond(asked("Name three colours."))) for _ in range(3)))
        return [reply.choices[0].text for reply in replies]

    assert asyncio.run(three()) == [alone] * 3


def test_a_folder_that_moved_is_registered_anew(runtime: FoundryRuntime, tmp_path: Path) -> None:
    here = model_folder("smollm2-135m")
    elsewhere = tmp_path / "moved"
    elsewhere.mkdir()
    for file in here.iterdir():
        (elsewhere / file.name).symlink_to(file)
    runtime.load("wanderer", here, "")

    assert Path(runtime.load("wanderer", elsewhere, "").get_path()) == elsewhere


def test_a_model_that_is_not_installed_says_how_to_get_it(runtime: FoundryRuntime) -> None:
    card = ModelCard(id="phi-4-mini", kind="chat", place="device", context_tokens=0, source="test")

    with pytest.raises(Unavailable, match="tandem models pull phi-4-mini"):
        answer(FoundryBackend(card, runtime), asked("Hi"))


def test_a_folder_that_foundry_cannot_run_is_unavailable(runtime: FoundryRuntime, tmp_path: Path) -> None:
    (tmp_path / "genai_config.json").write_text('{"model": {"type": "llama", "context_length": 8}}')
    card = ModelCard(id="broken", kind="chat", place="device", context_tokens=8, source="test", path=str(tmp_path))

    with pytest.raises((Unavailable, BadRequest)):
        answer(FoundryBackend(card, runtime), asked("Hi"))


def test_standard_output_stays_clean_and_nothing_tries_to_leave_the_machine(tmp_path: Path) -> None:
    script = tmp_path / "ask.py"
    script.write_text(_ASK)
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "foundry"), str(model_folder("smollm2-135m"))],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=Path(__file__).parents[1],
    )
    if done.returncode == 3:
        pytest.skip("this machine allows no network namespace to count in")

    assert json.loads(done.stdout) == {"answered": True, "attempts": 0, "counter_works": True}, done.stderr


_ASK = """
import asyncio, json, logging, sys, time
sys.path.insert(0, ".")
from pathlib import Path
from support.without_network import attempts_to_leave, isolate, knocked
try:
    isolate()
except OSError:
    sys.exit(3)
from tandem.backends.foundry import FoundryBackend, FoundryRuntime
from tandem.core.chat import ChatRequest, Message, Sampling, collect
from tandem.core.models import ModelCard
runtime = FoundryRuntime(Path(sys.argv[1]))
card = ModelCard(id="m", kind="chat", place="device", context_tokens=8192, source="", path=sys.argv[2])
hi = (Message(role="user", content="Hi"),)
request = ChatRequest(id="1", model="m", messages=hi, sampling=Sampling(max_tokens=4))
reply = asyncio.run(collect(FoundryBackend(card, runtime).respond(request)))
logging.getLogger("foundry_local_sdk").error("this must not reach standard output")
time.sleep(2)
runtime.close()
attempts = attempts_to_leave()
print(json.dumps({"answered": bool(reply.choices), "attempts": attempts, "counter_works": knocked()}))
"""
