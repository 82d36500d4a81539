"""Facts as a person reads them: sorted, shared out and drawn. Templates do no sums."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from markupsafe import Markup

from tandem.core.accounts import Totals, Waits
from tandem.core.chat import Place
from tandem.core.ledger import LedgerLine
from tandem.core.models import ModelCard
from tandem.server.home_board import STEPS, Facts
from tandem.server.home_charts import Scale, Slot, bar, columns, course, split, whisker
from tandem.server.home_figures import Figures
from tandem.server.home_words import Words

_STEP_SECONDS = {"hour": 3600, "day": 86400}
_MOST_MODELS = 8
_EVIDENCE_DIGITS = 16
_PLACES: tuple[Place, ...] = ("device", "cloud")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A model, or a rule with its sentence (empty where we have none), and in how many requests it was."""

    name: str
    requests: int
    drawn: Markup
    place: str = ""
    sentence: str = ""
    removed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitRow:
    """The waits of one place."""

    place: Place
    waits: Waits
    drawn: Markup


@dataclass(frozen=True, kw_only=True)
class View:
    """What templates are given, in one language."""

    facts: Facts
    words: Words
    f: Figures

    @cached_property
    def total(self) -> Totals:
        """Sums of the period."""
        return self.facts.books.summary.total

    @cached_property
    def by_place(self) -> dict[str, int]:
        """Requests by the place that answered."""
        found = self.facts.books.summary.by_place
        return {place: found[place].requests if place in found else 0 for place in _PLACES}

    @cached_property
    def answered(self) -> int:
        """Requests that somebody answered."""
        return sum(self.by_place.values())

    @property
    def in_period(self) -> str:
        """The period, as it ends a sentence."""
        return self.words.in_period[self.facts.period]

    @cached_property
    def split(self) -> Markup:
        """The bar of places."""
        return split(self.by_place, ", ".join(f"{self.words.places[one]}: {self.by_place[one]}" for one in _PLACES))

    @cached_property
    def models(self) -> Sequence[Row]:
        """Models that answered, most answers first."""
        places: dict[str, str] = {card.id: card.place for card in self.facts.cards}
        places |= {line.model: line.place for line in self.facts.books.lines if line.place}
        found = {name: sums.requests for name, sums in self.facts.books.summary.by_model.items() if name}
        most = max(found.values(), default=1)
        return [
            Row(name=name, requests=number, place=places.get(name, ""), drawn=bar(number / most, places.get(name, "")))
            for name, number in sorted(found.items(), key=lambda row: (-row[1], row[0]))[:_MOST_MODELS]
        ]

    @cached_property
    def rules(self) -> Sequence[Row]:
        """Rules that had a say, most often first."""
        said, removed = self.facts.books.summary.rules, self.facts.books.summary.removed
        found = {name: said.get(name, 0) or removed[name] for name in (*said, *removed)}
        return [
            Row(
                name=name,
                requests=number,
                sentence=self.words.rules.get(name, ""),
                removed=removed.get(name, 0),
                drawn=bar(number / (self.total.requests or 1), "rule"),
            )
            for name, number in sorted(found.items(), key=lambda row: (-row[1], row[0]))
        ]

    @cached_property
    def waits(self) -> Mapping[str, Sequence[WaitRow]]:
        """Waits for the first word and for all of it, by place, on one scale."""
        summary = self.facts.books.summary
        sorts = {"first_word": summary.first_word, "whole": summary.whole}
        known = [waits for places in sorts.values() for waits in places.values()]
        scale = Scale.over([figure for waits in known for figure in (waits.p50, waits.p99)])
        return {
            sort: [
                WaitRow(
                    place=place,
                    waits=places[place],
                    drawn=whisker(place, (places[place].p50, places[place].p95, places[place].p99), scale),
                )
                for place in _PLACES
                if place in places
            ]
            for sort, places in sorts.items()
            if places
        }

    @cached_property
    def slots(self) -> Sequence[float]:
        """When each column of the charts begins: every hour of the day, or every day (UTC)."""
        seconds = _STEP_SECONDS[STEPS[self.facts.period]]
        first = int(self.facts.begin // seconds * seconds)
        end = first + 86400 if self.facts.period == "day" else int(self.facts.now) + 1
        return [float(at) for at in range(first, end, seconds)]

    @property
    def ticks(self) -> Sequence[str]:
        """The names of the first, the middle and the last column."""
        return [self._slot_name(self.slots[at]) for at in (0, len(self.slots) // 2, -1)]

    @cached_property
    def chart(self) -> Markup:
        """Answers over time."""
        spans = {span.at: span.by_place for span in self.facts.books.spans}
        slots = [
            self._slot(at, {place: sums.requests for place, sums in spans.get(at, {}).items() if place})
            for at in self.slots
        ]
        return columns(slots, self.words.figures["hourly" if self.facts.period == "day" else "daily"])

    @cached_property
    def course(self) -> Markup:
        """Waits for the first word over time."""
        spans = {span.at: span.first_word for span in self.facts.books.spans}
        slots = [
            Slot(
                told=self._told(at, {place: self.f.span(waits.p50) for place, waits in spans.get(at, {}).items()}),
                figures={place: waits.p50 for place, waits in spans.get(at, {}).items()},
                highs={place: waits.p95 for place, waits in spans.get(at, {}).items()},
            )
            for at in self.slots
        ]
        return course(slots, self.words.waits["course" if self.facts.period == "day" else "course_day"])

    @cached_property
    def saved(self) -> Decimal | None:
        """What was saved; ``None`` where there is nothing to compare with."""
        known = self.total.saved_usd or any(far.priced and far.place == "cloud" for far in self.facts.state.far)
        return self.total.saved_usd if known else None

    @cached_property
    def budget(self) -> Markup:
        """The bar of the month's budget."""
        money = self.facts.state.money
        share = float(money.spent_usd / money.usd_per_month) if money.usd_per_month else 1.0
        return bar(share, "bad" if share >= 1 else "money")

    @property
    def alerts(self) -> Sequence[str]:
        """What a person should know at once."""
        books, state, words = self.facts.books, self.facts.state, self.words.state
        trouble = state.ledger_trouble or books.trouble
        told = (
            self.facts.readiness.detail,
            words["ledger"].format(trouble=trouble) if trouble else "",
            words["waiting"].format(number=self.f.count(state.ledger_waiting)) if state.ledger_trouble else "",
            words["lost"].format(number=self.f.count(state.ledger_lost)) if state.ledger_lost else "",
            words["offline"] if state.offline else "",
            "" if books.kept else words["no_ledger"],
        )
        return [sentence for sentence in told if sentence]

    @property
    def in_hand(self) -> int:
        """Requests that models are answering, or keeping in a queue, now."""
        near = sum(one.in_flight for one in self.facts.state.loaded)
        return near + sum(far.health.queued for far in self.facts.state.far)

    @property
    def choices(self) -> Sequence[ModelCard]:
        """The names that the box for questions offers."""
        return [card for card in self.facts.cards if card.kind == "chat"]

    def told(self, line: LedgerLine) -> Sequence[tuple[str, str]]:
        """What else the ledger says of one request, as pairs of a name and a value; nothing where it says nothing."""
        names, f = self.words.recent, self.f
        pairs = (
            ("error", line.error or ""),
            ("because", " ".join(self.words.rules.get(rule, rule) for rule in line.because)),
            ("policy", f"{line.policy} {line.policy_hash[:8]}"),
            ("removed", ", ".join(line.removed)),
            ("private", ", ".join(line.private)),
            ("redacted", f.count(line.redacted) if line.redacted else ""),
            ("fallbacks", f.count(line.fallbacks) if line.fallbacks else ""),
            ("purpose", line.purpose or ""),
            ("task", line.task),
            ("difficulty", "" if line.difficulty is None else f.decimal(line.difficulty, 2)),
            ("cached", f.count(line.cached_tokens) if line.cached_tokens else ""),
            ("whole", f.span(line.seconds)),
            ("all_cloud", "" if line.cloud_cost_usd is None else f.money(line.cloud_cost_usd)),
            ("left_to", ", ".join(line.left_to)),
            ("evidence", line.evidence[:_EVIDENCE_DIGITS]),
            ("seal", self.words.seals.get(line.seal, line.seal) if line.seal else ""),
            ("id", line.request_id),
        )
        return [(names[name], value) for name, value in pairs if value]

    def _slot(self, at: float, numbers: Mapping[str, int]) -> Slot:
        return Slot(
            told=self._told(at, {place: self.f.count(number) for place, number in numbers.items()}),
            figures=dict(numbers),
            highs={},
        )

    def _told(self, at: float, figures: Mapping[str, str]) -> str:
        said = ", ".join(f"{self.words.places[place]} {figures[place]}" for place in _PLACES if place in figures)
        return f"{self._slot_name(at)}: {said}" if said else ""

    def _slot_name(self, at: float) -> str:
        return self.f.hour(at) if self.facts.period == "day" else self.f.day(at)
