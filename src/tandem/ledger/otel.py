"""Ledger lines as OpenTelemetry spans, sent to a collector that the owner names. Off unless one is named.

A span carries the decision and its cost, never the text. It leaves by OpenTelemetry's own exporter on a thread of its
own: answering does not wait for a collector, and a collector that is away costs spans, not answers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote

from tandem import __version__
from tandem.core.errors import SettingsError
from tandem.core.genai import attributes, operation_name
from tandem.core.ledger import LedgerLine
from tandem.ledger.receipts import micro

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

_SCHEMA = "https://opentelemetry.io/schemas/gen-ai/0.1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class OtelOptions:
    """Where spans go, as the standard variables say it.

    ``endpoint`` is ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT``, or ``OTEL_EXPORTER_OTLP_ENDPOINT`` with ``/v1/traces``
    behind it; ``headers`` is ``OTEL_EXPORTER_OTLP_HEADERS``, ``service_name`` ``OTEL_SERVICE_NAME``. A span waits for
    others for ``delay_seconds``; at most ``queue_spans`` wait, and more are dropped.
    """

    endpoint: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    service_name: str = "tandem"
    timeout_seconds: float = 10.0
    delay_seconds: float = 5.0
    queue_spans: int = 2048


def otel_options(variables: Mapping[str, str]) -> OtelOptions | None:
    """What the standard ``OTEL_*`` variables ask for; ``None`` where they name no endpoint, or switch it off.

    Raises `SettingsError` for a protocol other than ``http/protobuf``, which is the one that is spoken here.
    """

    def told(name: str) -> str:
        return variables.get(f"OTEL_EXPORTER_OTLP_TRACES_{name}") or variables.get(f"OTEL_EXPORTER_OTLP_{name}") or ""

    off = variables.get("OTEL_SDK_DISABLED", "").lower() == "true" or variables.get("OTEL_TRACES_EXPORTER") == "none"
    if off or not told("ENDPOINT"):
        return None
    if told("PROTOCOL") not in {"", "http/protobuf"}:
        raise SettingsError(
            f"OTEL_EXPORTER_OTLP_PROTOCOL is {told('PROTOCOL')!r}; Tandem speaks http/protobuf. "
            "Name that, and the collector's port for it (4318 by custom)."
        )
    base = variables.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").rstrip("/")
    return OtelOptions(
        endpoint=variables.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or f"{base}/v1/traces",
        headers=dict(_headers(told("HEADERS"))),
        service_name=variables.get("OTEL_SERVICE_NAME") or "tandem",
    )


def _headers(text: str) -> Iterator[tuple[str, str]]:
    """``a=b,c=d`` with percent-encoded values, as W3C baggage writes it."""
    for pair in text.split(","):
        name, equals, value = pair.partition("=")
        if equals:
            yield name.strip().lower(), unquote(value.strip())


class SpanExport:
    """A listener of `Telling` that makes one span of each line. Enter it; leaving sends what waits.

    ``exporter`` takes the place of OTLP over HTTP. Raises `SettingsError` where OpenTelemetry is not installed.
    """

    def __init__(self, options: OtelOptions, exporter: "SpanExporter | None" = None) -> None:
        try:
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise SettingsError(
                'OpenTelemetry is not installed. Install it with "pip install tandem-edge[otel]", '
                "or unset OTEL_EXPORTER_OTLP_ENDPOINT."
            ) from error
        self._provider = TracerProvider(
            resource=Resource({"service.name": options.service_name, "service.version": __version__}),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                exporter or _over_http(options),
                max_queue_size=options.queue_spans,
                schedule_delay_millis=options.delay_seconds * 1000,
                max_export_batch_size=min(512, options.queue_spans),
            )
        )
        self._tracer = self._provider.get_tracer("tandem", __version__, _SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._provider.shutdown()

    def __call__(self, line: LedgerLine) -> None:
        """Hand one line over; returns at once."""
        from opentelemetry.context import Context
        from opentelemetry.trace import SpanKind, Status, StatusCode

        began = micro(line.at) * 1000
        span = self._tracer.start_span(
            f"{operation_name(line)} {line.model}".rstrip(),
            context=Context(),
            kind=SpanKind.CLIENT if line.place == "cloud" else SpanKind.INTERNAL,
            attributes=attributes(line),
            start_time=began,
        )
        if line.outcome not in {"answered", "left"}:
            span.set_status(Status(StatusCode.ERROR))
        span.end(began + micro(line.seconds) * 1000)


def _over_http(options: OtelOptions) -> "SpanExporter":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint=options.endpoint, headers=dict(options.headers), timeout=options.timeout_seconds)
