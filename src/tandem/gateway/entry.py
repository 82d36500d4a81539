"""The ledger's line of one request, in the making. It is written however the request ends."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from time import perf_counter

from tandem.core.chat import ChatEvent, ChatRequest, Finished, Started, ToolCallDelta, Usage
from tandem.core.errors import TandemError
from tandem.core.ledger import LedgerLine, Outcome
from tandem.core.models import ModelCard
from tandem.routing.facts import Candidate
from tandem.routing.policy import Decision, Policy

NOTHING = Usage(prompt_tokens=0, completion_tokens=0)
CHARACTERS_OF_A_TOKEN = 3
"""Where nobody counted: rather too few characters, so that the guess is rather too many tokens."""


@dataclass(slots=True, kw_only=True)
class Entry:
    """What is known so far. ``left`` holds the providers that were sent something, and how much."""

    request: ChatRequest
    policy: Policy
    decision: Decision
    clouds: Sequence[ModelCard]
    arrived: float
    began: float = field(default_factory=perf_counter)
    outcome: Outcome = "left"
    error: str | None = None
    chosen: Candidate | None = None
    started: Started | None = None
    usage: Usage | None = None
    first_word: float | None = None
    redacted: int = 0
    said_characters: int = 0
    left: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])

    def saw(self, event: ChatEvent) -> None:
        """Take note of an event that is on its way to the caller."""
        match event:
            case Started():
                self.started = event
            case Usage():
                self.usage = event
            case Finished():
                pass
            case _:
                self.said_characters += len(event.arguments if isinstance(event, ToolCallDelta) else event.text)
                if self.first_word is None:
                    self.first_word = perf_counter()

    @property
    def answerer(self) -> Candidate | None:
        """Who answered, or was at it when the caller left; ``None`` where nobody was."""
        chosen = self.chosen
        if chosen is None or self.started is not None:
            return chosen
        asked = self.outcome == "left" and any(provider == chosen.card.provider for provider, _ in self.left)
        return chosen if asked else None

    def failed(self, error: TandemError, outcome: Outcome) -> None:
        """Take note of how it ended."""
        self.outcome = outcome
        self.error = error.code

    def line(self, *, evidence: str, seal: str) -> LedgerLine:
        """The line, as things stand now."""
        decision, facts = self.decision, self.decision.facts
        card = self.answerer.card if self.answerer is not None else None
        usage = self._usage(card)
        return LedgerLine(
            request_id=self.request.id,
            at=self.arrived,
            route=self.request.original.dialect if self.request.original else "core",
            asked=self.request.model,
            policy=self.policy.name,
            policy_hash=self.policy.hash,
            outcome=self.outcome,
            model=card.id if card else "",
            place=card.place if card else None,
            evidence=evidence,
            seal=seal,
            because=decision.names,
            removed=decision.removed_by,
            private=tuple(dict.fromkeys(span.label for span in facts.private)),
            redacted=self.redacted,
            fallbacks=self.started.fallbacks if self.started else 0,
            purpose=facts.purpose,
            task=facts.task,
            difficulty=facts.difficulty if facts.task else None,
            left_bytes=sum(count for _, count in self.left),
            left_to=tuple(dict.fromkeys(provider for provider, _ in self.left)),
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cached_tokens=usage.cached_tokens,
            cost_usd=_cost(card, usage) if card else Decimal(0),
            cloud_cost_usd=self._dearest(usage),
            first_word_seconds=None if self.first_word is None else self.first_word - self.began,
            seconds=perf_counter() - self.began,
            error=self.error,
        )

    def _usage(self, card: ModelCard | None) -> Usage:
        """What was counted. A provider wants money for an answer that broke off, too: its tokens are guessed."""
        if self.usage is not None or card is None or not card.provider:
            return self.usage or NOTHING
        written = -(-self.said_characters // CHARACTERS_OF_A_TOKEN)
        return Usage(prompt_tokens=self.decision.facts.prompt_tokens, completion_tokens=written, estimated=True)

    def _dearest(self, usage: Usage) -> Decimal | None:
        costs = [cost for card in self.clouds if (cost := _cost(card, usage)) is not None]
        return max(costs, default=None)


def _cost(card: ModelCard, usage: Usage) -> Decimal | None:
    return card.cost_usd(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
    )
