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
    digits: int = 2

    @property
    def holds(self) -> bool | None:
        """Whether the median reaches the target; ``None`` where there is no measurement."""
        if self.measured is None:
            return None
        value = self.measured.median
        return value >= self.target if self.sense == "at least" else value <= self.target


def bars(samples: Samples) -> Sequence[Bar]:
    """Every bar that this run can judge."""
    one, four = metrics.decode(1), metrics.decode(4)
    cold, warm = metrics.cold(metrics.FOLLOW_UP_TOKENS), metrics.warm(metrics.FOLLOW_UP_TOKENS)
    foundry = samples.spread(metrics.INTRUDER, "foundry")
    return (
        Bar(
            promise="Decode over HTTP, one stream, of a bare ONNX Runtime GenAI loop on the same files",
            sense="at least",
            target=0.9,
            unit="x",
            measured=samples.advantage(one, "tandem", "genai"),
        ),
        Bar(
            promise="The same without server and without speculation: one worker, of the bare loop",
            sense="at least",
            target=0.9,
            unit="x",
            measured=samples.advantage(one, "plain", "genai"),
        ),
        Bar(
            promise="Four streams together, of one stream",
            sense="at least",
            target=0.95,
            unit="x",
            measured=samples.quotient(four, metrics.ALONE, "tandem"),
        ),
        Bar(
            promise="Follow-up on an 800-token context, sooner than the first question",
            sense="at least",
            target=20,
            unit="x",
            measured=samples.quotient(cold, warm, "tandem"),
            digits=1,
        ),
        Bar(
            promise="First token of a short prompt that arrives during a 1,500-token prefill",
            sense="at most",
            target=1.5,
            unit="s",
            measured=samples.spread(metrics.INTRUDER, "tandem"),
            beside=f"Foundry Local's sessions: {foundry.median:.2f} s" if foundry else "",
        ),
        Bar(
            promise="Decode of our int4 files, of the official builder's int4, both in the bare loop",
            sense="at least",
            target=0.85,
            unit="x",
            measured=samples.advantage(one, "genai", "builder"),
        ),
        Bar(
            promise="Speculation on a text quoted from the prompt, on beside off",
            sense="at least",
            target=1.0,
            unit="x",
            measured=samples.advantage(metrics.QUOTING, "speculation on", "speculation off"),
        ),
        Bar(
            promise="Speculation on open prose, on beside off",
            sense="at least",
            target=0.95,
            unit="x",
            measured=samples.advantage(metrics.PROSE, "speculation on", "speculation off"),
        ),
    )
