"""The real `anthropic` client chats and streams."""

import anthropic
import pytest

pytestmark = pytest.mark.model


@pytest.fixture
def client(url: str) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=url, api_key="unused", max_retries=0)


def test_it_chats(client: anthropic.Anthropic) -> None:
    reply = client.messages.create(
        model="auto",
        max_tokens=24,
        extra_body={"temperature": 0},
        messages=[{"role": "user", "content": "What is the capital of France?"}],
    )

    block = reply.content[0]
    assert block.type == "text"
    assert "Paris" in block.text
    assert reply.usage.output_tokens > 0


def test_it_streams(client: anthropic.Anthropic) -> None:
    with client.messages.stream(
        model="auto",
        max_tokens=24,
        extra_body={"temperature": 0},
        system="You are terse.",
        messages=[{"role": "user", "content": "What is the capital of Poland?"}],
    ) as stream:
        begun = next(event for event in stream if event.type == "message_start")
        text = "".join(stream.text_stream)
        final = stream.get_final_message()

    assert begun.message.usage.input_tokens > 10
    assert final.content[0].type == "text"
    assert final.content[0].text == text
    assert final.stop_reason in {"end_turn", "max_tokens"}


def test_mistakes_come_back_as_typed_errors(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError):
        client.messages.create(model="no-such", max_tokens=4, messages=[{"role": "user", "content": "x"}])
    with pytest.raises(anthropic.BadRequestError):
        client.messages.create(model="auto", max_tokens=0, messages=[{"role": "user", "content": "x"}])
