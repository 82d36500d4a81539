"""Many models, near and far, answering as one.

Each request becomes facts, a policy gives an order, and the first of the order that says a word answers. Fallback
happens before the first word and only along that order, so what a guard took away is never asked.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TypeVar

from tandem.core.chat import ChatEvent, ChatRequest, Message, Started, TextDelta
from tandem.core.embedding import EmbeddingRequest, Embeddings
from tandem.core.errors import BadRequest, Forbidden, OverBudget, TandemError, Unreachable
from tandem.core.ledger import Outcome
from tandem.core.models import Kind, ModelCard
from tandem.core.ports import Backend, Embedder, Health, Ledger, NoLedger
from tandem.gateway.conversations import Conversations
from tandem.gateway.departures import DepartureBook
from tandem.gateway.entry import Entry
from tandem.gateway.listing import Listing
from tandem.gateway.names import AUTO, Names, missing, policy_named
from tandem.gateway.redaction import Disguise
from tandem.routing.facts import Candidate, Facts
from tandem.routing.guards import Protection
from tandem.routing.observe import Senses, observe
from tandem.routing.policy import Decision, Policy, by_name
from tandem.routing.preferences import DeviceFirst
from tandem.routing.private import Detector
from tandem.routing.proof import Proof, prove
from tandem.routing.reading import Policies

T = TypeVar("T")
_CHARACTERS_OF_A_TOKEN = 4
_LONG_CHARACTERS = 32_000
_ANY_TEXT = "Write to Anna at +48 600 000 000, or to a@example.com, before 2 May."


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """The models of this device: ``cards`` are the catalog's, installed or not, ``backend`` opens one by its id.

    ``evidence`` gives what identifies a model's files, and the seal of its worker.
    """

    cards: Callable[[], Sequence[ModelCard]]
    backend: Callable[[str], Backend]
    embedder: Embedder
    evidence: Callable[[str], tuple[str, str]] = lambda _: ("", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What decides: the policies, the protection that they share, what reads text, and what finds private text."""

    policies: Policies
    protection: Protection
    senses: Senses
    detector: Detector
    offline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What is written down: the ledger, what left the process, and the clock (Unix seconds)."""

    ledger: Ledger = field(default_factory=NoLedger)
    departures: DepartureBook = field(default_factory=DepartureBook)
    now: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Who may answer a request, by which policy; ``disguise`` is how it leaves where it holds something private."""

    policy: Policy
    pool: tuple[Candidate, ...]
    decision: Decision
    disguise: Disguise | None = None


class Gateway:
    """A `Responder`, an `Embedder` and a `Directory` over models near and far."""

    def __init__(self, *, near: Near, far: Mapping[str, Backend], names: Names, rules: Rules, books: Books) -> None:
        self._near = near
        self._far = far
        self._names = names
        self._rules = rules
        self._books = books
        self._listing = Listing(near.cards, far, names, rules.policies)
        self._conversations = Conversations()
        self._by_name = by_name(rules.protection)
        self._small_talk = Policy(name="small-talk", preferences=(DeviceFirst(),), protection=rules.protection)
        self._reserved_usd = Decimal(0)

    # --- the directory

    def cards(self) -> Sequence[ModelCard]:
        """Every name that can be asked for now: ``auto`` and the policies first, then models, then aliases."""
        return self._listing.cards()

    def card(self, model: str) -> ModelCard:
        """The card behind a name. Raises `NotFound` with what to do."""
        if found := self._listing.card(model):
            return found
        policy_named(model, self._rules.policies)
        raise missing(model, self._near.cards(), self._names)

    @property
    def policies(self) -> frozenset[str]:
        """The names of every policy, as callers write them (``auto:local-first``)."""
        return frozenset(f"{AUTO}:{name}" for name in self._rules.policies.named)

    def near_model(self, model: str, kind: Kind) -> ModelCard:
        """The device's model that a name stands for, or would fall to; Raises `NotFound` where it is not installed."""
        wanted = self._names.embedder(model) if kind == "embedding" else self._names.followed(model)
        if kind == "chat" and (wanted in self._far or policy_named(wanted, self._rules.policies) is not None):
            wanted = self._names.default_model
        found = next((card for card in self._listing.models() if card.id == wanted), None)
        if found is None:
            raise missing(wanted, self._near.cards(), self._names)
        if found.kind != kind:
            raise _wrong_kind(model, found.kind, kind)
        return found

    def health(self) -> Mapping[str, Health]:
        """How everybody who can be asked is now, by model."""
        return {card.id: self._backend(card).health() for card in self._listing.models() if card.kind == "chat"}

    # --- deciding

    def warm(self) -> None:
        """Read what deciding needs, so that the first request does not wait for it."""
        observe(ChatRequest(id="", model=AUTO, messages=(Message(role="user", content=_ANY_TEXT),)), self._rules.senses)

    def decide(self, request: ChatRequest, policy: str | None = None) -> Decision:
        """Who would answer, and why; nothing is sent. ``policy`` names one in place of the request's own.

        Raises `NotFound` for names that lead nowhere.
        """
        asked = request if policy is None else replace(request, model=f"{AUTO}:{policy}")
        return self._plan(asked, self._read(asked, judged=True)).decision

    def proof(self) -> Proof:
        """Go through every policy with the models that it could ask now (see `tandem.routing.proof`)."""
        policies = [*self._rules.policies.named.values(), self._small_talk]
        cards = [card for card in self._listing.models() if card.kind == "chat"]
        return prove(policies, cards, self._rules.protection)

    @property
    def hides(self) -> bool:
        """Whether private text leaves with stand-ins in its place: the mode ``redact``."""
        return self._rules.protection.mode == "redact"

    def disguise(self, request: ChatRequest) -> Disguise:
        """The request as it would leave in the mode ``redact``. Raises `Forbidden` where it cannot be hidden."""
        return Disguise(request, self._rules.detector)

    async def respond(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """Answer by the policy that the request's name stands for.

        Raises what the policy's refusal is, or what the only candidate raised; where several failed, the first one's
        error tells of all. A stream that breaks after its first word raises as it breaks.
        """
        # A long text is read beside the event loop, so that other answers do not wait for it.
        seen = await asyncio.to_thread(self._read, request) if _is_long(request) else self._read(request)
        plan = self._plan(request, seen)
        entry = Entry(
            request=request,
            policy=plan.policy,
            decision=plan.decision,
            clouds=[one.card for one in plan.pool if one.is_cloud] or self._clouds(),
            arrived=self._books.now(),
            left=self._books.departures.expect(request.id),
        )
        try:
            if plan.decision.refusal is not None:
                raise plan.decision.refusal
            async with aclosing(self._walk(request, plan, entry)) as events:
                async for event in events:
                    entry.saw(event)
                    yield event
            entry.outcome = "answered"
        except TandemError as error:
            entry.failed(error, _outcome(error, entry))
            raise
        finally:
            self._close(entry)

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """Embed on the device, always: texts to embed never leave it."""
        if request.model in self._far:
            raise _wrong_kind(request.model, self._far[request.model].card.kind, "embedding")
        card = self.near_model(request.model, "embedding")
        made = await self._near.embedder.embed(replace(request, model=card.id))
        rule = "DeviceFirst" if request.model == AUTO else "AskedByName"
        return replace(made, because=(rule,))

    # --- inside

    def _read(self, request: ChatRequest, *, judged: bool = False) -> tuple[Facts, Disguise | None]:
        """What a request tells about itself, and how it leaves where stand-ins are wanted. Depends on nothing else."""
        policy = self._policy_of(request) or self._by_name
        facts = observe(request, self._rules.senses, judged=judged or policy.judges)
        if not facts.private or self._rules.protection.mode != "redact":
            return facts, None
        try:
            return facts, self.disguise(request)
        except Forbidden:
            return replace(facts, unhideable=True), None

    def _policy_of(self, request: ChatRequest) -> Policy | None:
        """The policy that a request names; ``None`` where it names a model. Raises `NotFound`."""
        return policy_named(self._names.followed(request.model), self._rules.policies)

    def _plan(self, request: ChatRequest, seen: tuple[Facts, Disguise | None]) -> _Plan:
        name = self._names.followed(request.model)
        policy = self._policy_of(request)
        observed, disguise = seen
        facts = self._facts(request, observed)
        if facts.purpose is not None and (policy is not None or name in self._far):
            policy = self._small_talk
        cards = self._asked_for(name) if policy is None else self._pool(policy)
        pool = tuple(self._candidate(card, facts, request.n) for card in cards)
        if not pool:
            raise missing(self._names.default_model, self._near.cards(), self._names)
        chosen = policy or self._by_name
        return _Plan(policy=chosen, pool=pool, decision=chosen.decide(pool, facts), disguise=disguise)

    def _facts(self, request: ChatRequest, observed: Facts) -> Facts:
        warm, characters = self._conversations.warm(request.messages)
        return replace(
            observed,
            offline=self._rules.offline,
            spent_usd=self._spent_usd(),
            warm_model=warm,
            warm_tokens=characters // _CHARACTERS_OF_A_TOKEN,
        )

    def _spent_usd(self) -> Decimal:
        """The month's money, what answers under way are expected to cost included."""
        return self._books.ledger.spent_usd() + self._reserved_usd

    def _clouds(self) -> list[ModelCard]:
        return [backend.card for backend in self._far.values() if backend.card.place == "cloud"]

    def _asked_for(self, name: str) -> list[ModelCard]:
        found = next((card for card in self._listing.models() if card.id == name), None)
        if found is None:
            raise missing(name, self._near.cards(), self._names)
        if found.kind != "chat":
            raise _wrong_kind(name, found.kind, "chat")
        return [found]

    def _pool(self, policy: Policy) -> list[ModelCard]:
        """Whom a policy may ask: those that it lists, else the default model, those with tasks, and every far one."""
        chat = [card for card in self._listing.models() if card.kind == "chat"]
        if policy.models:
            return chat
        default = self._names.default_model
        return [card for card in chat if card.id == default or card.tasks or card.provider] or chat

    def _candidate(self, card: ModelCard, facts: Facts, choices: int) -> Candidate:
        backend = self._backend(card)
        tokens = facts.output_tokens * choices
        cost = card.cost_usd(prompt_tokens=facts.prompt_tokens, completion_tokens=tokens)
        return Candidate(card=card, health=backend.health(), cost_usd=cost)

    def _backend(self, card: ModelCard) -> Backend:
        # By the card and never by the id alone: a near model may have the same id as a far one.
        return self._far[card.id] if card.provider else self._near.backend(card.id)

    async def _walk(self, request: ChatRequest, plan: _Plan, entry: Entry) -> AsyncGenerator[ChatEvent]:
        failures: list[tuple[Candidate, TandemError]] = []
        for candidate in plan.decision.order:
            if failures and (refusal := self._refused_by_now(candidate, plan)) is not None:
                failures.append((candidate, refusal))
                continue
            entry.chosen = candidate
            reserved = candidate.cost_usd or Decimal(0)
            self._reserved_usd += reserved
            try:
                async with aclosing(self._asked(request, candidate, plan, entry)) as events:
                    try:
                        started, first = await _first_word(events, candidate)
                    except TandemError as error:
                        failures.append((candidate, error))
                        continue
                    yield self._told(started, plan, failures, entry)
                    yield first
                    self._conversations.answered(request.messages, candidate.id)
                    async for event in events:
                        yield event
                    return
            finally:
                self._reserved_usd -= reserved
        entry.chosen = None
        raise _all_failed(failures)

    def _refused_by_now(self, candidate: Candidate, plan: _Plan) -> TandemError | None:
        """Why the next one must not be asked any more: money and health went on while the one before failed."""
        facts = replace(plan.decision.facts, spent_usd=self._spent_usd())
        now = replace(candidate, health=self._backend(candidate.card).health())
        return plan.policy.decide((now,), facts).refusal

    def _asked(
        self, request: ChatRequest, candidate: Candidate, plan: _Plan, entry: Entry
    ) -> AsyncGenerator[ChatEvent]:
        """One candidate's events: asked as it may be asked, its answer as the caller may read it."""
        facts = plan.decision.facts
        disguise = plan.disguise if candidate.is_cloud else None
        asked = replace(
            disguise.request if disguise else request,
            model=candidate.id,
            priority="background" if facts.purpose else request.priority,
            purpose=facts.purpose,
        )
        events = self._backend(candidate.card).respond(asked)
        if disguise is None:
            return events
        entry.redacted = len(disguise.differences)
        return disguise.undone(events)

    def _told(
        self, started: Started, plan: _Plan, failures: Sequence[tuple[Candidate, TandemError]], entry: Entry
    ) -> Started:
        notes = [f"{one.id} could not answer ({error.code})" for one, error in failures]
        if entry.redacted:
            notes.append(f"{entry.redacted} private texts left as stand-ins")
        if started.note:
            notes.append(started.note)
        return replace(
            started,
            because=plan.decision.names,
            fallbacks=len(failures) + started.fallbacks,
            note="; ".join(notes) or None,
        )

    def _close(self, entry: Entry) -> None:
        self._books.departures.forget(entry.request.id)
        evidence, seal = "", ""
        if (answerer := entry.answerer) is not None:
            provider = answerer.card.provider
            evidence, seal = (provider, "") if provider else self._near.evidence(answerer.id)
        self._books.ledger.record(entry.line(evidence=evidence, seal=seal))


def _is_long(request: ChatRequest) -> bool:
    """Whether reading it takes some ten milliseconds or more."""
    texts = [*(message.content for message in request.messages), *request.attachments_text]
    if isinstance(request.raw_prompt, str):
        texts.append(request.raw_prompt)
    return sum(map(len, texts)) > _LONG_CHARACTERS


async def _first_word(events: AsyncGenerator[ChatEvent], candidate: Candidate) -> tuple[Started, ChatEvent]:
    """The `Started` and the event after it that says something. Raises `Unreachable` where the stream has neither."""
    started: Started | None = None
    async for event in events:
        if isinstance(event, Started):
            started = event
        elif started is not None and not (isinstance(event, TextDelta) and not event.text and not event.logprobs):
            return started, event
    raise Unreachable(f"{candidate.id} ended its answer before it began.")


def _all_failed(failures: Sequence[tuple[Candidate, TandemError]]) -> TandemError:
    """The first failure; its message tells of the others."""
    first = failures[0][1]
    if len(failures) > 1:
        rest = " ".join(f"{one.id}: {error.message}" for one, error in failures[1:])
        first.args = (f"{first.message} Then nobody else could: {rest}",)
    return first


def _outcome(error: TandemError, entry: Entry) -> Outcome:
    if entry.first_word is not None:
        return "broken"
    return "refused" if isinstance(error, BadRequest | Forbidden | OverBudget) else "failed"


def _wrong_kind(model: str, kind: Kind, wanted: Kind) -> BadRequest:
    words = {"chat": "chat", "embedding": "embeddings"}
    return BadRequest(
        f"The model {model!r} is for {words[kind]}, not for {words[wanted]}. See GET /v1/models.", param="model"
    )
