"""Rules that order candidates. A preference can do nothing else: it ranks, and the sort keeps what ranks alike.

Later preferences weigh more: ``DeviceFirst`` and then ``HardGoesUp`` is "the device, but hard questions go up".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Protocol

from tandem.routing.facts import Candidate, Facts


class Preference(Protocol):
    """Orders candidates, where it has a say. ``judges`` tells that it looks at the question's kind or difficulty."""

    judges: ClassVar[bool]

    def say(self, facts: Facts, candidates: Sequence[Candidate]) -> str | None:
        """What moves it, in words; ``None`` where it does not matter for this request."""
        ...

    def rank(self, candidate: Candidate, facts: Facts) -> float:
        """Where a candidate stands: smaller is better."""
        ...


@dataclass(frozen=True, slots=True)
class AskedByName:
    """The caller named one model, and gets it."""

    judges: ClassVar[bool] = False

    def say(self, facts: Facts, candidates: Sequence[Candidate]) -> str | None:
        """Always."""
        del facts, candidates
        return "the caller named it"

    def rank(self, candidate: Candidate, facts: Facts) -> float:
        """There is nothing to order."""
        del candidate, facts
        return 0


@dataclass(frozen=True, slots=True)
class DeviceFirst:
    """Near models before far ones."""

    judges: ClassVar[bool] = False

    def say(self, facts: Facts, candidates: Sequence[Candidate]) -> str | None:
        """Always."""
        del facts, candidates
        return "near models first"

    def rank(self, candidate: Candidate, facts: Facts) -> float:
        """Clouds after the device."""
        del facts
        return int(candidate.is_cloud)


@dataclass(frozen=True, slots=True)
class CloudFirst:
    """Far models before near ones."""

    judges: ClassVar[bool] = False

    def say(self, facts: Facts, candidates: Sequence[Candidate]) -> str | None:
        """Always."""
        del facts, candidates
        return "far models first"

    def rank(self, candidate: Candidate, facts: Facts) -> float:
        """The device after clouds."""
        del facts
        return int(not candidate.is_cloud)


@dataclass(frozen=True, slots=True)
class ByTask:
    """Models that list the request's task, then models that list none, then those for other work.

    ``sure`` is the confidence in [0, 1] below which the task is taken as unknown.
    """

    judges: ClassVar[bool] = True

    sure: float = 0.0

    def say(self, facts: Facts, candidates: Sequence[Candidate]) -> str | None:
        """Where the task is known and some model has a list."""
        known = facts.task and facts.task_confidence >= self.sure
        return f"task {facts.task}" if known and any(one.card.tasks for one in candidates) else None

    def rank(self, candidate: Candidate, facts: Facts) -> float:
        """By the model's list of tasks."""
        if not candidate.card.tasks:
            return 1
        return 0 if facts.task in candidate.card.tasks else 2


@dataclass(frozen=True, slots=True)
class StayWarm:
    """Who answered this conversation before has its cache, once the history is worth it (``tokens``)."""

    judges: ClassVar[bool] = False

    tokens: int = 400

    def say(self, facts: Facts, candidates: Sequence[Candidate]) -> str | None:
        """Where the conversation was seen and its history is long enough."""
        known = any(one.id == facts.warm_model for one in candidates)
        return f"{facts.warm_tokens} tokens are warm" if known and facts.warm_tokens >= self.tokens else None

    def rank(self, candidate: Candidate, facts: Facts) -> float:
        """The model of this conversation first."""
        return int(candidate.id != facts.warm_model)


@dataclass(frozen=True, slots=True)
class LargeGoesUp:
    """Large requests go to the cloud: long prompts, long answers, or more than a near model's context may hold.

    ``max_tokens`` is for what the caller allows, ``output_tokens`` for what is expected by the kind of work.
    """

    judges: ClassVar[bool] = True

    prompt_tokens: int = 2000
    output_tokens: int = 900
    max_tokens: int = 4096

    def say(self, facts: Facts, candidates: Sequence[Candidate]) -> str | None:
        """Where one of them is too long."""
        if facts.prompt_tokens > self.prompt_tokens:
            return f"about {facts.prompt_tokens} prompt tokens, above {self.prompt_tokens}"
        if facts.max_tokens > self.max_tokens:
            return f"{facts.max_tokens} tokens allowed for the answer, above {self.max_tokens}"
        rooms = [one.card.context_tokens for one in candidates if not one.is_cloud and one.card.context_tokens]
        whole = facts.prompt_tokens + facts.output_tokens
        if rooms and whole > min(rooms):
            return f"about {whole} tokens with the answer, above the {min(rooms)} of a near model"
        if facts.output_tokens > self.output_tokens:
            return f"about {facts.output_tokens} tokens to write, above {self.output_tokens}"
        return None

    def rank(self, candidate: Candidate, facts: Facts) -> float:
        """Clouds first."""
        del facts
        return int(not candidate.is_cloud)


@dataclass(frozen=True, slots=True)
class HardGoesUp:
    """Hard requests go to the cloud."""

    judges: ClassVar[bool] = True

    above: float = 0.5

    def say(self, facts: Facts, candidates: Sequence[Candidate]) -> str | None:
        """Where the request is harder."""
        del candidates
        return f"difficulty {facts.difficulty:.2f}, above {self.above}" if facts.difficulty > self.above else None

    def rank(self, candidate: Candidate, facts: Facts) -> float:
        """Clouds first."""
        del facts
        return int(not candidate.is_cloud)


@dataclass(frozen=True, slots=True)
class BusyGoesUp:
    """Where a near model already has this many requests, others come first."""

    judges: ClassVar[bool] = False

    queued: int = 4

    def say(self, facts: Facts, candidates: Sequence[Candidate]) -> str | None:
        """Where a near model is that busy."""
        del facts
        deepest = max((one.health.queued for one in candidates if not one.is_cloud), default=0)
        return f"{deepest} requests are there already" if deepest >= self.queued else None

    def rank(self, candidate: Candidate, facts: Facts) -> float:
        """Busy ones last."""
        del facts
        return int(not candidate.is_cloud and candidate.health.queued >= self.queued)


@dataclass(frozen=True, slots=True)
class CheapestFirst:
    """By what the request would cost; unknown prices last."""

    judges: ClassVar[bool] = True

    def say(self, facts: Facts, candidates: Sequence[Candidate]) -> str | None:
        """Where there is a choice."""
        del facts
        return "by price" if len({one.cost_usd for one in candidates}) > 1 else None

    def rank(self, candidate: Candidate, facts: Facts) -> float:
        """Dollars."""
        del facts
        return float(candidate.cost_usd if candidate.cost_usd is not None else Decimal("Infinity"))


PREFERENCES: tuple[type[Preference], ...] = (
    DeviceFirst,
    CloudFirst,
    ByTask,
    StayWarm,
    LargeGoesUp,
    HardGoesUp,
    BusyGoesUp,
    CheapestFirst,
)
"""What an owner may write in ``[policy.NAME] rules``."""
