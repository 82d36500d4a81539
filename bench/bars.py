"""The bars that were set before the first line was written, and whether this run reaches them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bench import metrics
from bench.figures import Samples, Spread

Sense = Literal["at least", "at most"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One promise. ``measured`` is ``None`` where this run did not measure it; ``beside`` is what others do there."""

    promise: str
    sense: Sense
    target: float
    unit: str
    measured: Spread | None
    beside: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the median reaches the target; ``None`` where there is no measurement."""
        if self.measured is None:
            return None
        value = self.measured.median
        return value >= self.target if self.sense == "at least" else value <= self.target


def bars(samples: Samples) -> Sequence[Bar]:
    """Every bar that this run can judge."""
    one, quoting, prose = metrics.decode(1), metrics.QUOTING, metrics.PROSE
    on, off = "speculation on", "speculation off"
    cold, warm = metrics.cold(metrics.FOLLOW_UP_TOKENS), metrics.warm(metrics.FOLLOW_UP_TOKENS)
    return (
        _ratio(
            "Decode over HTTP, one stream, of a bare GenAI loop on the same files",
            0.9,
            samples.advantage(one, "tandem", "genai"),
        ),
        _ratio(
            "The same without server and speculation: one worker, of the bare loop",
            0.9,
            samples.advantage(one, "plain", "genai"),
        ),
        _ratio(
            "Four streams together, of one stream", 0.95, samples.quotient(metrics.decode(4), metrics.ALONE, "tandem")
        ),
        _ratio(
            "Follow-up on an 800-token context, sooner than the first question",
            20,
            samples.quotient(cold, warm, "tandem"),
        ),
        _intruding(samples),
        _ratio(
            "Decode of our int4 files, of the official builder's int4, both in the bare loop",
            0.85,
            samples.advantage(one, "genai", "builder"),
        ),
        _ratio("Speculation on a text quoted from the prompt, on beside off", 1.0, samples.advantage(quoting, on, off)),
        _ratio("Speculation on open prose, on beside off", 0.95, samples.advantage(prose, on, off)),
    )


def _ratio(promise: str, target: float, measured: Spread | None) -> Bar:
    return Bar(promise=promise, sense="at least", target=target, unit="x", measured=measured)


def _intruding(samples: Samples) -> Bar:
    foundry = samples.spread(metrics.INTRUDER, "foundry")
    return Bar(
        promise="First token of a short prompt that arrives during a 1,500-token prefill",
        sense="at most",
        target=1.5,
        unit="s",
        measured=samples.spread(metrics.INTRUDER, "tandem"),
        beside=f"Foundry Local's sessions: {foundry.median:.2f} s" if foundry else "",
    )
