"""Stand-ins leave in the place of what is private, and the caller never notices; what cannot be hidden stays."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from support.gateways import FAR, NEAR, PESEL, House, ScriptedBackend, ask, house
from tandem.core.chat import (
    ChatEvent,
    ChatReply,
    ChatRequest,
    Finished,
    Message,
    Original,
    ReasoningDelta,
    ResponseFormat,
    Sampling,
    Started,
    TextDelta,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolChoice,
    Usage,
    collect,
)
from tandem.core.errors import Forbidden, WorkerDied
from tandem.routing.guards import Protection

REDACT = Protection(mode="redact")
NAME = "Katarzyna Wiśniewska"
CARD = "4539148803436467"


class Parrot(ScriptedBackend):
    """Says back what it was told, in pieces of ``size``: as text, as thoughts and as the arguments of a call."""

    size = 2

    async def respond(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """Say it."""
        self.asked.append(request)
        words = request.messages[-1].content if request.messages else str(request.raw_prompt)
        arguments = json.dumps({"quoted": words})
        yield Started(model=self.card.id, place=self.card.place)
        for at in range(0, len(words), self.size):
            yield ReasoningDelta(text=words[at : at + self.size])
        for at in range(0, len(words), self.size):
            yield TextDelta(text=words[at : at + self.size])
        name = request.tools[0].name if request.tools else "note"
        yield ToolCallDelta(call_index=0, id="c", name=name, arguments="")
        for at in range(0, len(arguments), self.size):
            yield ToolCallDelta(call_index=0, arguments=arguments[at : at + self.size])
        yield Finished(reason="tool_calls")
        yield Usage(prompt_tokens=3, completion_tokens=2)


def redacting() -> tuple[House, Parrot]:
    """A house whose cloud is a parrot."""
    far = Parrot(FAR)
    return house(ScriptedBackend(NEAR), far, protection=REDACT), far


def answer(here: House, request: ChatRequest) -> ChatReply:
    """The whole reply."""
    return asyncio.run(collect(here.gateway.respond(request)))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 1000])
@pytest.mark.parametrize(
    "text", [f"My name is {NAME}, PESEL {PESEL}.", f'Card {CARD}, "and" e-mail j.kowalska@example.pl\nnext line']
)
def test_the_cloud_reads_stand_ins_and_the_caller_the_originals(text: str, size: int) -> None:
    here, far = redacting()
    far.size = size

    reply = answer(here, ask(text, "large"))

    sent = far.asked[0].messages[0].content
    assert sent != text
    assert not any(secret in sent for secret in (NAME, PESEL, CARD, "kowalska"))
    choice = reply.choices[0]
    assert (choice.text, choice.reasoning) == (text, text)
    assert json.loads(choice.tool_calls[0].arguments) == {"quoted": text}
    assert here.ledger.lines[0].redacted >= 1
    assert "left as stand-ins" in (reply.started.note or "")


def test_the_same_value_has_the_same_stand_in_everywhere() -> None:
    here, far = redacting()
    call = ToolCall(id="c", name="look", arguments=json.dumps({"who": PESEL}))
    request = ask(
        model="large",
        messages=(
            Message(role="system", content=f"The client is PESEL {PESEL}."),
            Message(role="assistant", content="", tool_calls=(call,)),
            Message(role="tool", content=f"Found {PESEL}", tool_call_id="c"),
            Message(role="user", content=f"What about {PESEL}?"),
        ),
        sampling=Sampling(stop=(PESEL,)),
        response_format=ResponseFormat(kind="json_schema", schema_json=json.dumps({"const": PESEL})),
        tools=(Tool(name=f"look_{PESEL}", description=PESEL, parameters_json=json.dumps({"enum": [PESEL]})),),
        tool_choice=ToolChoice(mode="named", name=f"look_{PESEL}"),
        original=Original(dialect="openai.chat", body={"x": {PESEL: [PESEL, int(PESEL)]}}),
    )

    reply = answer(here, request)

    asked = far.asked[0]
    assert PESEL not in repr(asked)
    stand_in = asked.messages[2].content.removeprefix("Found ")
    assert repr(asked).count(stand_in) >= 10
    assert asked.tool_choice.name == asked.tools[0].name
    assert reply.choices[0].tool_calls[0].name == f"look_{PESEL}"


def a_file(text: str) -> str:
    return "data:text/plain;base64," + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "request_",
    [
        ask(attachments_text=(f"PESEL {PESEL}",), original=Original(dialect="openai.chat", body={"f": a_file(PESEL)})),
        ask(f"PESEL {PESEL}", original=Original(dialect="openai.chat", body={"f": a_file(f"PESEL {PESEL}")})),
        ask(f"PESEL {PESEL}", original=Original(dialect="openai.chat", body={"parts": [PESEL[:6], PESEL[6:]]})),
    ],
    ids=["in a file", "in a file and in a message", "in pieces"],
)
def test_what_cannot_be_hidden_stays_on_the_device(request_: ChatRequest) -> None:
    here, far = redacting()

    reply = answer(here, replace(request_, model="auto:cloud-first"))

    assert (reply.started.place, far.asked) == ("device", [])
    assert "PrivateStaysHere" in reply.started.because
    with pytest.raises(Forbidden, match="no stand-ins can take its place"):
        answer(here, replace(request_, model="large"))
    assert far.asked == []


def test_what_stays_by_wish_or_label_stays_with_stand_ins_too() -> None:
    here, far = redacting()

    for wish in (ask(private=True), ask(labels=("internal",)), ask(unreadable=1), ask("TITLE of it")):
        assert answer(here, replace(wish, model="auto:cloud-first")).started.place == "device"

    assert far.asked == []


def test_the_device_reads_the_words_themselves() -> None:
    here, _ = redacting()

    reply = answer(here, ask(f"PESEL {PESEL}", "small"))

    assert here.near["small"].asked[0].messages[0].content == f"PESEL {PESEL}"
    assert (reply.started.note, here.ledger.lines[0].redacted) == (None, 0)


def test_a_fallback_from_the_device_leaves_with_stand_ins() -> None:
    far = Parrot(FAR)
    here = house(ScriptedBackend(NEAR, refuses=WorkerDied("It ended.")), far, protection=REDACT)

    reply = answer(here, ask(f"PESEL {PESEL}"))

    assert reply.choices[0].text == f"PESEL {PESEL}"
    assert PESEL not in repr(far.asked)


@pytest.mark.parametrize("model", ["auto", "auto:cloud-first", "small", "large"])
def test_blocked_text_reaches_nobody(model: str) -> None:
    here = house(protection=Protection(mode="block"))

    with pytest.raises(Forbidden, match=r"PrivateStaysHere|PrivateIsRefused"):
        answer(here, ask(f"PESEL {PESEL}", model))

    assert here.near["small"].asked == here.far["large"].asked == []
    assert here.ledger.lines[0].outcome == "refused"
