"""The real `openai` client chats, streams, embeds, constrains, reads log-probabilities and gets typed errors."""

import json
import math
from typing import Any, cast

import openai
import pytest
from openai.types.chat import ChatCompletion

pytestmark = pytest.mark.model

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 40}, "population": {"type": "integer"}},
    "required": ["city", "population"],
    "additionalProperties": False,
}


@pytest.fixture
def client(url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0)


def ask(client: openai.OpenAI, text: str, **rest: object) -> ChatCompletion:
    body: dict[str, Any] = {"messages": [{"role": "user", "content": text}], **rest}
    return cast("ChatCompletion", client.chat.completions.create(model="auto", **body))


def test_it_knows_the_capital_of_france(client: openai.OpenAI) -> None:
    reply = ask(client, "What is the capital of France?", max_tokens=24, temperature=0)

    assert "Paris" in (reply.choices[0].message.content or "")
    assert reply.model == "smollm2-135m"
    assert reply.usage is not None
    assert reply.usage.prompt_tokens > 5


def test_a_stream_gives_the_same_text_as_a_whole_reply(client: openai.OpenAI) -> None:
    whole = ask(client, "Name three colours.", max_tokens=24, temperature=0).choices[0].message.content
    stream = client.chat.completions.create(
        model="auto",
        messages=[{"role": "user", "content": "Name three colours."}],
        max_tokens=24,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == whole
    assert chunks[-1].usage is not None
    assert chunks[-1].choices == []


def test_the_same_seed_gives_the_same_text_and_another_seed_another(client: openai.OpenAI) -> None:
    texts = [
        ask(client, "Tell me a story.", max_tokens=30, temperature=1.0, seed=seed).choices[0].message.content
        for seed in (1, 1, 2)
    ]

    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


def test_an_answer_under_a_json_schema_is_valid(client: openai.OpenAI) -> None:
    wrapped = {"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA, "strict": True}}
    reply = ask(client, "Warsaw as JSON.", max_tokens=120, temperature=0, response_format=wrapped)

    answer = json.loads(reply.choices[0].message.content or "")
    assert set(answer) == {"city", "population"}
    assert isinstance(answer["population"], int)


def test_log_probabilities_are_real(client: openai.OpenAI) -> None:
    reply = ask(client, "2 + 2 =", max_tokens=8, temperature=0, logprobs=True, top_logprobs=5)

    logprobs = reply.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    for entry in logprobs.content:
        assert entry.logprob <= 0
        assert entry.logprob == max(rival.logprob for rival in entry.top_logprobs)  # greedy
        assert sum(math.exp(rival.logprob) for rival in entry.top_logprobs) <= 1.0001


def test_embeddings_are_unit_vectors_and_tell_meaning_apart(client: openai.OpenAI) -> None:
    texts = ["The cat sleeps on the sofa.", "A kitten naps on the couch.", "Interest rates rose again."]
    vectors = [row.embedding for row in client.embeddings.create(model="minilm-l6", input=texts).data]

    def cosine(a: list[float], b: list[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True))

    assert all(abs(cosine(vector, vector) - 1) < 1e-3 for vector in vectors)
    assert cosine(vectors[0], vectors[1]) > cosine(vectors[0], vectors[2]) + 0.3


def test_the_follow_up_question_reuses_the_prefix(client: openai.OpenAI) -> None:
    context = "Facts: " + " ".join(f"item {n} costs {n * 3} zloty." for n in range(60))
    first = ask(client, f"{context} What costs 9?", max_tokens=4, temperature=0)
    again = ask(client, f"{context} What costs 12?", max_tokens=4, temperature=0)

    assert first.usage is not None
    assert again.usage is not None
    assert again.usage.prompt_tokens_details is not None
    assert (again.usage.prompt_tokens_details.cached_tokens or 0) > 0.8 * first.usage.prompt_tokens


def test_mistakes_come_back_as_typed_errors(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="no-such-model", messages=[{"role": "user", "content": "x"}])
    with pytest.raises(openai.BadRequestError, match="temperature"):
        ask(client, "x", temperature=9)
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, "word " * 12_000)
    assert caught.value.code == "context_length_exceeded"


def test_every_answer_says_who_gave_it_and_why(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="auto", messages=[{"role": "user", "content": "Hi"}], max_tokens=2
    )

    assert raw.headers["x-tandem-place"] == "device"
    assert raw.headers["x-tandem-model"] == "smollm2-135m"
    assert raw.headers["x-tandem-because"] == "DeviceFirst"
    assert raw.headers["x-tandem-fallbacks"] == "0"
    assert raw.headers["x-tandem-request-id"]


def test_responses_remember_a_conversation_until_it_is_deleted(client: openai.OpenAI) -> None:
    first = client.responses.create(model="auto", input="My name is Ola.", max_output_tokens=24, temperature=0)
    second = client.responses.create(
        model="auto", input="What is my name?", previous_response_id=first.id, max_output_tokens=24, temperature=0
    )

    assert second.usage is not None
    assert first.usage is not None
    assert second.usage.input_tokens > first.usage.input_tokens
    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(first.id)
