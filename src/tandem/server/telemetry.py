"""What ledger lines say, as Prometheus metrics.

Names and labels of ``gen_ai_*`` are those of OpenTelemetry's semantic conventions for generative AI, release 0.1.0
(https://github.com/open-telemetry/semantic-conventions-genai, all of them of status "Development"), written as
Prometheus writes them: dots become underscores, units become suffixes. ``tandem_*`` has no name there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from tandem.core.genai import operation_name, provider_name, request_model
from tandem.core.ledger import LedgerLine
from tandem.core.ports import Health

OTHER = "_OTHER"
"""What the conventions write where a value has no name of its own."""
_MOST_VALUES = 200
_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_FIRST_TOKEN = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_NEXT_TOKEN = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
_TOKENS = tuple(4**power for power in range(14))
_WHO = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "gen_ai_response_model")


class LedgerState(Protocol):
    """How the ledger is now."""

    @property
    def trouble(self) -> str:
        """Why lines are not being written; empty while all is well."""
        ...

    @property
    def waiting_lines(self) -> int:
        """Lines that are not on the disk yet."""
        ...

    @property
    def lost_lines(self) -> int:
        """Lines that found no room."""
        ...


class Values:
    """Bounds the values of one label: the first two hundred have their names, later ones are ``_OTHER``."""

    def __init__(self, most: int = _MOST_VALUES) -> None:
        self._most = most
        self._seen: set[str] = set()

    def __call__(self, value: str) -> str:
        """The value as a label."""
        if value in self._seen:
            return value
        if len(self._seen) >= self._most:
            return OTHER
        self._seen.add(value)
        return value


M = TypeVar("M", Counter, Histogram)


class Children(Generic[M]):
    """A metric's children by their labels, found without prometheus-client's lock and its check of each label."""

    __slots__ = ("_known", "metric")

    def __init__(self, metric: M) -> None:
        self.metric = metric
        self._known: dict[tuple[str, ...], M] = {}

    def __call__(self, *labels: str) -> M:
        """The child with these labels; the metric itself where it has none."""
        found = self._known.get(labels)
        if found is None:
            found = self._known[labels] = self.metric.labels(*labels) if labels else self.metric
        return found


@dataclass(slots=True)
class Telemetry:
    """Metrics of requests that reached a policy. ``observe`` is given every line of the ledger.

    A name that the caller gave is a label only where it led to an answer, so strangers cannot make labels.
    """

    registry: CollectorRegistry
    _values: dict[str, Values] = field(default_factory=dict[str, Values])
    _counters: dict[str, Children[Counter]] = field(init=False)
    _histograms: dict[str, Children[Histogram]] = field(init=False)

    def __post_init__(self) -> None:
        """Register every metric."""
        self._counters = {
            name: Children(Counter(f"tandem_{name}", help_text, labels, registry=self.registry))
            for name, (help_text, labels) in _COUNTERS.items()
        }
        self._histograms = {
            name: Children(Histogram(name, help_text, labels, buckets=buckets, registry=self.registry))
            for name, (help_text, labels, buckets) in _HISTOGRAMS.items()
        }

    def observe(self, line: LedgerLine) -> None:
        """Count one line."""
        self._observe_operation(line)
        self._observe_decision(line)
        self._observe_costs(line)

    def _observe_operation(self, line: LedgerLine) -> None:
        who = self._who(line)
        error = self._label("error", line.error or "")
        for side in ("client_operation", "server_request"):
            self._histograms[f"gen_ai_{side}_duration_seconds"](*who, error).observe(line.seconds)
        if not line.model:
            return
        for kind, count in (("input", line.prompt_tokens), ("output", line.completion_tokens)):
            self._histograms["gen_ai_client_token_usage"](*who, kind).observe(count)
        if line.first_word_seconds is None or line.outcome != "answered":
            return
        self._histograms["gen_ai_server_time_to_first_token_seconds"](*who).observe(line.first_word_seconds)
        if line.completion_tokens > 1:
            each = max(0.0, line.seconds - line.first_word_seconds) / (line.completion_tokens - 1)
            self._histograms["gen_ai_server_time_per_output_token_seconds"](*who).observe(each)

    def _observe_decision(self, line: LedgerLine) -> None:
        policy, place = self._label("policy", line.policy), line.place or ""
        self._counters["answers"](line.outcome, place, policy).inc()
        for name, told in (("decisions", line.because), ("removals", line.removed)):
            for rule in dict.fromkeys(told):
                self._counters[name](policy, self._label("rule", rule)).inc()
        for label in line.private:
            self._counters["private"](self._label("private", label)).inc()
        for provider in line.left_to:
            self._counters["departures"](self._label("provider", provider)).inc()
        self._counters["fallbacks"](place, policy).inc(line.fallbacks)
        self._counters["redactions"]().inc(line.redacted)
        self._counters["left_bytes"]().inc(line.left_bytes)

    def _observe_costs(self, line: LedgerLine) -> None:
        model = self._label("model", line.model)
        if line.cost_usd is not None and line.cost_usd.is_finite() and line.cost_usd >= 0:
            self._counters["cost_usd"](line.place or "", model).inc(float(line.cost_usd))
            cloud = line.cloud_cost_usd
            if cloud is not None and cloud.is_finite() and cloud >= 0:
                self._counters["all_cloud_usd"]().inc(float(cloud))
        elif line.model:
            self._counters["unpriced"](model).inc()

    def _who(self, line: LedgerLine) -> tuple[str, str, str, str]:
        provider, asked = self._label("provider", provider_name(line)), self._label("asked", request_model(line))
        return operation_name(line), provider, asked, self._label("model", line.model)

    def _label(self, kind: str, value: str) -> str:
        return self._values.setdefault(kind, Values())(value)


class Gauges(Collector):
    """What is true now, asked at each scrape: breakers, queues, the month's money, the ledger's health."""

    def __init__(
        self,
        *,
        health: Callable[[], Mapping[str, Health]],
        ledger: LedgerState | None = None,
        month_usd: Callable[[], object] = lambda: 0,
    ) -> None:
        self._health = health
        self._ledger = ledger
        self._month_usd = month_usd

    def collect(self) -> Sequence[GaugeMetricFamily]:
        """The gauges, now."""
        out = GaugeMetricFamily(
            "tandem_backend_reachable", "1 where a model may be asked, 0 while its breaker is open.", labels=["model"]
        )
        queue = GaugeMetricFamily("tandem_backend_queue", "Requests in a model's hands or its queue.", labels=["model"])
        for model, health in self._health().items():
            out.add_metric([model], float(health.reachable))
            queue.add_metric([model], health.queued)
        month = GaugeMetricFamily(
            "tandem_month_cost_usd", "What this month (UTC) has cost.", value=float(str(self._month_usd()))
        )
        return [out, queue, month, *self._of_ledger()]

    def _of_ledger(self) -> Sequence[GaugeMetricFamily]:
        ledger = self._ledger
        if ledger is None:
            return ()
        trouble = GaugeMetricFamily(
            "tandem_ledger_trouble", "1 while the ledger cannot be written.", value=float(bool(ledger.trouble))
        )
        waiting = GaugeMetricFamily(
            "tandem_ledger_waiting_lines", "Lines not on the disk yet.", value=ledger.waiting_lines
        )
        lost = GaugeMetricFamily("tandem_ledger_lost_lines", "Lines that found no room.", value=ledger.lost_lines)
        return trouble, waiting, lost


_COUNTERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "answers": ("Requests that reached a policy, by how they ended.", ("outcome", "place", "policy")),
    "decisions": ("Requests in which a rule had a say.", ("policy", "rule")),
    "removals": ("Requests in which a rule took candidates away.", ("policy", "rule")),
    "private": ("Requests with private text of a kind.", ("label",)),
    "departures": ("Requests of which something was sent to a provider.", ("provider",)),
    "fallbacks": ("Candidates that failed before the one that answered.", ("place", "policy")),
    "redactions": ("Stand-ins put in the place of private text.", ()),
    "left_bytes": ("Bytes of request bodies that left this machine.", ()),
    "cost_usd": ("What answers cost, in US dollars.", ("place", "model")),
    "all_cloud_usd": ("What the same answers would have cost in the cloud, in US dollars.", ()),
    "unpriced": ("Answers whose cost is not known.", ("model",)),
}
_HISTOGRAMS: Mapping[str, tuple[str, tuple[str, ...], tuple[float, ...]]] = {
    "gen_ai_client_operation_duration_seconds": ("GenAI operation duration.", (*_WHO, "error_type"), _SECONDS),
    "gen_ai_server_request_duration_seconds": (
        "From a request's arrival to the answer's last token.",
        (*_WHO, "error_type"),
        _SECONDS,
    ),
    "gen_ai_client_token_usage": ("Input and output tokens used.", (*_WHO, "gen_ai_token_type"), _TOKENS),
    "gen_ai_server_time_to_first_token_seconds": ("From arrival to the first token.", _WHO, _FIRST_TOKEN),
    "gen_ai_server_time_per_output_token_seconds": ("Time for each token after the first.", _WHO, _NEXT_TOKEN),
}
