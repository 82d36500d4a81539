"""Who would answer, and why: nothing is loaded and nothing is sent."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from tandem.core.chat import ChatRequest, Message
from tandem.core.errors import BadRequest, NotFound
from tandem.gateway import Gateway
from tandem.gateway.redaction import Disguise
from tandem.routing.policy import Decision
from tandem.server.decode import decoded
from tandem.server.wire.chat_body import ChatBody, chat_request
from tandem.server.wire.fields import Wishes, treated
from tandem.server.wire.original import with_original

Document = dict[str, Any]
_UNNAMED = "auto"


def request_of_text(text: str, *, private: bool = False) -> ChatRequest:
    """A request with one message of a person."""
    return ChatRequest(id="route", model=_UNNAMED, messages=(Message(role="user", content=text),), private=private)


def request_of_row(gateway: Gateway, row: Document) -> ChatRequest:
    """The request of a row with ``text`` or ``messages``, as the server would read it. Raises `BadRequest`.

    A row with messages may have every other key of ``POST /v1/chat/completions``.
    """
    if isinstance(text := row.get("text"), str):
        return request_of_text(text, private=row.get("private") is True)
    if "messages" not in row:
        raise BadRequest("A line needs 'text' or 'messages'.", param="text")
    raw = msgspec.json.encode({"model": _UNNAMED, **row})
    body = decoded(raw, ChatBody)
    asked = chat_request(body, gateway.card(body.model), request_id="route", choices=128)
    wishes = Wishes(priority=body.priority, private=body.private, metadata=body.metadata)
    return with_original(treated(asked, {}, wishes), raw, "openai.chat")


def routed(gateway: Gateway, request: ChatRequest, policy: str | None) -> Document:
    """One decision as the contract's JSON. Raises `NotFound` for a policy that does not exist."""
    decision = gateway.decide(request, policy)
    document = document_of(decision)
    first = decision.order[0] if decision.order else None
    if first is not None and first.is_cloud and decision.facts.private and gateway.hides:
        document["leaves"] = _leaving(gateway.disguise(request))
    return document


def routed_lines(gateway: Gateway, lines: Sequence[bytes], policy: str | None) -> Iterator[Document]:
    """One result for each line, in order; a line that cannot be read gives its error."""
    for number, line in enumerate(lines, 1):
        name: object = None
        try:
            row = decoded(line, dict[str, Any])
            name = row.pop("id", None)
            yield {"id": name, **routed(gateway, request_of_row(gateway, row), policy)}
        except (BadRequest, NotFound) as error:
            yield {"id": name, "error": f"line {number}: {error.message}"}


def document_of(decision: Decision) -> Document:
    """A decision as the contract's JSON; ``refusal`` is there where nobody may answer."""
    facts = decision.facts
    first = decision.order[0] if decision.order else None
    document: Document = {
        "model": first.id if first else None,
        "place": first.card.place if first else None,
        "policy": decision.policy,
        "order": [one.id for one in decision.order],
        "because": [{"rule": one.rule, "removed": list(one.removed), "detail": one.detail} for one in decision.because],
        "facts": {
            "prompt_tokens": facts.prompt_tokens,
            "output_tokens": facts.output_tokens,
            "task": facts.task,
            "task_confidence": round(facts.task_confidence, 3),
            "difficulty": round(facts.difficulty, 3),
            "private": [
                {"label": span.label, "start": span.start, "end": span.end}
                | ({"where": span.where} if span.where else {})
                | ({"weak": True} if span.weak else {})
                for span in facts.private
            ],
            "labels": list(facts.labels),
            "purpose": facts.purpose,
        },
    }
    if decision.refusal is not None:
        document["refusal"] = {"code": decision.refusal.code, "message": decision.refusal.message}
    return document


def _leaving(disguise: Disguise) -> Document:
    """What a cloud would read in the mode ``redact``."""
    return {
        "messages": [message.content for message in disguise.request.messages],
        "stand_ins": [{"label": label, "stand_in": stand_in} for label, stand_in in disguise.differences],
    }
