"""A request in OpenAI's words is whole, and what a provider does not know is refused, renamed or harmless."""

from dataclasses import replace

import msgspec
import pytest

from tandem.backends.openai_ask import chat_body, completion_body, is_strict
from tandem.backends.presets import OPENAI, PRESETS
from tandem.backends.quirks import Quirks
from tandem.core.chat import (
    ChatRequest,
    Demand,
    Message,
    Original,
    ResponseFormat,
    Sampling,
    Tool,
    ToolCall,
    ToolChoice,
)
from tandem.core.errors import Unsupported

Json = dict[str, object]
HELLO = (Message(role="user", content="Hi"),)
ASKED = ChatRequest(id="r", model="m", messages=HELLO)
EVERYTHING = Quirks(knows=frozenset({"top_k", "ignore_eos"}), completions=True, developer=True)
STRICT = '{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}'


WISHES = ChatRequest(
    id="r",
    model="m",
    messages=(
        Message(role="developer", content="Be brief."),
        Message(role="user", content="Hi", name="Ann"),
        Message(role="assistant", content="", tool_calls=(ToolCall(id="c", name="look", arguments="{}"),)),
        Message(role="tool", content="42", tool_call_id="c"),
    ),
    sampling=Sampling(
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        seed=7,
        stop=("END",),
        max_tokens=9,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        logit_bias={5: -100.0},
        logprobs=True,
        top_logprobs=2,
    ),
    n=2,
    tools=(Tool(name="look", description="Looks.", parameters_json='{"type":"object"}', strict=True),),
    tool_choice=ToolChoice(mode="named", name="look"),
    parallel_tool_calls=False,
    response_format=ResponseFormat(kind="json_schema", schema_json=STRICT),
    ignore_eos=True,
)
WORDS: Json = {
    "model": "up",
    "stream": True,
    "stream_options": {"include_usage": True},
    "messages": [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "Hi", "name": "Ann"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}],
        },
        {"role": "tool", "content": "42", "tool_call_id": "c"},
    ],
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 40,
    "seed": 7,
    "stop": ["END"],
    "max_completion_tokens": 9,
    "frequency_penalty": 0.1,
    "presence_penalty": 0.2,
    "logit_bias": {"5": -100.0},
    "logprobs": True,
    "top_logprobs": 2,
    "n": 2,
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "look",
                "parameters": {"type": "object"},
                "description": "Looks.",
                "strict": True,
            },
        }
    ],
    "tool_choice": {"type": "function", "function": {"name": "look"}},
    "parallel_tool_calls": False,
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": msgspec.json.decode(STRICT), "strict": True},
    },
    "ignore_eos": True,
}


def body(request: ChatRequest, quirks: Quirks = EVERYTHING) -> Json:
    return msgspec.json.decode(chat_body(request, "up", quirks))


def written(**fields: object) -> ChatRequest:
    """A request with the caller's own words."""
    mine: Json = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}], **fields}
    return replace(ASKED, original=Original(dialect="openai.chat", body=mine))


def test_every_wish_is_in_the_body() -> None:
    assert body(WISHES) == WORDS


def test_nothing_is_asked_that_was_not_wished() -> None:
    assert body(replace(ASKED, streamed=False)) == {"model": "up", "messages": [{"role": "user", "content": "Hi"}]}


def test_the_callers_own_words_are_sent_with_only_what_must_change() -> None:
    own = written(
        stream=True,
        stream_options={"include_obfuscation": False},
        web_search_options={"x": 1},
        some_new_field=[1, 2.50, None],
        temperature=0.3,
    )
    own = replace(own, sampling=Sampling(temperature=0.9), demands=(Demand(param="web_search_options", why="No."),))

    assert body(own, OPENAI) == {
        "model": "up",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_obfuscation": False, "include_usage": True},
        "web_search_options": {"x": 1},
        "some_new_field": [1, 2.5, None],
        "temperature": 0.3,
    }
    assert own.original is not None
    assert own.original.body["model"] == "auto"


@pytest.mark.parametrize(
    ("provider", "asked", "sent"),
    [
        ("openai", {"max_tokens": 5}, {"max_completion_tokens": 5}),
        ("deepseek", {"max_completion_tokens": 5}, {"max_tokens": 5}),
        ("mistral", {"seed": 7}, {"random_seed": 7}),
        ("mistral", {"user": "ann", "store": True, "service_tier": "auto"}, {}),
        ("groq", {"n": 1, "logprobs": False}, {}),
        ("ollama", {"tool_choice": "auto", "logit_bias": {}}, {}),
    ],
)
def test_habits_of_providers_are_minded(provider: str, asked: Json, sent: Json) -> None:
    plain = body(written(), PRESETS[provider].quirks)

    assert body(written(**asked), PRESETS[provider].quirks) == {**plain, **sent}


@pytest.mark.parametrize(
    ("provider", "asked", "param"),
    [
        ("groq", {"n": 2}, "n"),
        ("groq", {"logprobs": True}, "logprobs"),
        ("deepseek", {"seed": 0}, "seed"),
        ("deepseek", {"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format"),
        ("ollama", {"tool_choice": "required"}, "tool_choice"),
        ("openai", {"modalities": ["text", "audio"], "audio": {"voice": "x"}}, "modalities"),
    ],
)
def test_what_a_provider_does_not_know_is_refused_with_its_name(provider: str, asked: Json, param: str) -> None:
    with pytest.raises(Unsupported) as raised:
        body(written(**asked), PRESETS[provider].quirks)
    assert raised.value.param == param


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (replace(ASKED, sampling=Sampling(top_k=4)), "top_k"),
        (replace(ASKED, ignore_eos=True), "ignore_eos"),
        (replace(ASKED, demands=(Demand(param="audio", why="Nobody speaks."),)), "audio"),
        (replace(ASKED, unreadable=1), "messages"),
        (replace(ASKED, messages=(Message(role="user", content="See", image_count=1),)), "messages"),
        (
            replace(
                ASKED,
                demands=(Demand(param="thinking", why="No."),),
                original=Original(dialect="anthropic.messages", body={}),
            ),
            "thinking",
        ),
    ],
)
def test_what_cannot_be_said_is_refused(request_: ChatRequest, param: str) -> None:
    with pytest.raises(Unsupported) as raised:
        body(request_, OPENAI)
    assert raised.value.param == param


def test_a_developer_is_a_system_where_that_role_is_not_known() -> None:
    request = replace(ASKED, messages=(Message(role="developer", content="Be brief."), *HELLO))

    assert body(request, Quirks())["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
    ]


def test_a_text_is_continued_where_that_is_known_and_refused_elsewhere() -> None:
    sampling = Sampling(max_tokens=5, logprobs=True, top_logprobs=3)
    request = ChatRequest(id="r", model="m", raw_prompt="Once", sampling=sampling, streamed=False)

    sent = msgspec.json.decode(completion_body(request, "up", EVERYTHING))

    assert sent == {"model": "up", "prompt": "Once", "max_tokens": 5, "logprobs": 3}
    with pytest.raises(Unsupported):
        completion_body(request, "up", Quirks())


def test_token_ids_are_continued_as_they_are() -> None:
    request = ChatRequest(id="r", model="m", raw_prompt=(1, 2, 3), streamed=False)

    assert msgspec.json.decode(completion_body(request, "up", EVERYTHING))["prompt"] == [1, 2, 3]


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (STRICT, True),
        ('{"type":"object","properties":{"a":{}},"required":[],"additionalProperties":false}', False),
        ('{"type":"object","properties":{"a":{}},"required":["a"]}', False),
        ('{"type":"object"}', False),
        ('{"type":"array","items":{"type":"object"}}', False),
        ('{"type":"array","items":{"type":"string"}}', True),
    ],
)
def test_a_schema_is_enforced_where_openai_can(schema: str, strict: bool) -> None:
    assert is_strict(msgspec.json.decode(schema)) is strict


def test_numbers_in_a_schema_stay_as_they_were_written() -> None:
    schema = '{"type":"number","maximum":10000000000000000000000000001,"multipleOf":0.10}'
    request = replace(ASKED, response_format=ResponseFormat(kind="json_schema", schema_json=schema))

    assert schema.encode() in chat_body(request, "up", EVERYTHING)
