"""Counts and durations for Prometheus, in a registry of their own.

Here is what HTTP sees: routes, statuses, durations. What a policy decided and what it cost is `server.telemetry`.
"""

from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from tandem.server.telemetry import Children, Gauges, Telemetry

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One finished request. Seconds are wall-clock; ``first_word_seconds`` is ``None`` where nothing was said."""

    route: str
    status: int
    model: str
    place: str
    seconds: float
    first_word_seconds: float | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0


@dataclass(slots=True)
class Metrics:
    """What `/metrics` shows. Labels are routes and models that exist, so their number is bounded."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    telemetry: Telemetry = field(init=False)
    in_flight: Gauge = field(init=False)
    _requests: Children[Counter] = field(init=False)
    _seconds: Children[Histogram] = field(init=False)
    _first_word: Children[Histogram] = field(init=False)
    _tokens: Children[Counter] = field(init=False)

    def __post_init__(self) -> None:
        """Register every metric."""
        here = self.registry
        self.telemetry = Telemetry(here)
        labels = ("route", "status", "model", "place")
        self.in_flight = Gauge("tandem_requests_in_flight", "Requests being answered now.", registry=here)
        self._requests = Children(Counter("tandem_requests_total", "Requests answered.", labels, registry=here))
        self._seconds = Children(
            Histogram(
                "tandem_request_duration_seconds",
                "From the request's arrival to its answer's last byte.",
                ("route", "model", "place"),
                buckets=_SECONDS,
                registry=here,
            )
        )
        self._first_word = Children(
            Histogram(
                "tandem_time_to_first_token_seconds",
                "From the request's arrival to the first piece of the answer.",
                ("model", "place"),
                buckets=_SECONDS,
                registry=here,
            )
        )
        self._tokens = Children(
            Counter(
                "tandem_tokens_total",
                "Tokens by kind: in (prompt), out (completion), cached (prompt tokens whose KV was reused).",
                ("model", "place", "kind"),
                registry=here,
            )
        )

    def record(self, measured: Measured) -> None:
        """Count one finished request."""
        model, place = measured.model, measured.place
        self._requests(measured.route, str(measured.status), model, place).inc()
        self._seconds(measured.route, model, place).observe(measured.seconds)
        if measured.first_word_seconds is not None:
            self._first_word(model, place).observe(measured.first_word_seconds)
        for kind, count in (
            ("in", measured.tokens_in),
            ("out", measured.tokens_out),
            ("cached", measured.tokens_cached),
        ):
            if count:
                self._tokens(model, place, kind).inc(count)

    def watch(self, gauges: Gauges) -> None:
        """Show what is true at each scrape as well: breakers, queues, the ledger."""
        self.registry.register(gauges)

    def answers_by_place(self) -> dict[str, int]:
        """How many answers came from each place since the start."""
        counts: dict[str, int] = {}
        for metric in self._requests.metric.collect():
            for sample in metric.samples:
                place = sample.labels.get("place", "")
                if place and sample.name.endswith("_total") and sample.labels["status"] == "200":
                    counts[place] = counts.get(place, 0) + int(sample.value)
        return counts

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)
