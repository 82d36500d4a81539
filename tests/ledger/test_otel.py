"""Spans carry the decision to the owner's collector, and never keep an answer waiting."""

import gzip
import http.server
import sys
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from time import perf_counter

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from support.ledger import a_cloud_line, a_line, stored_lines
from tandem.core.errors import SettingsError
from tandem.core.ledger import LedgerLine
from tandem.ledger.otel import OtelOptions, SpanExport, otel_options
from tandem.ledger.store import SqliteLedger
from tandem.ledger.telling import Telling

NOWHERE = OtelOptions(endpoint="http://127.0.0.1:9/v1/traces")


def test_each_line_is_one_span_with_the_decision_as_attributes() -> None:
    kept = InMemorySpanExporter()
    with SpanExport(NOWHERE, kept) as tell:
        tell(a_line(1))

    (span,) = kept.get_finished_spans()
    assert (span.name, span.kind) == ("chat smollm2-135m", SpanKind.INTERNAL)
    assert (span.start_time, span.end_time) == (1_795_000_000_250_000_000, 1_795_000_000_750_000_000)
    assert dict(span.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "tandem",
        "gen_ai.request.model": "auto",
        "gen_ai.response.model": "smollm2-135m",
        "gen_ai.usage.input_tokens": 31,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 5,
        "gen_ai.response.time_to_first_chunk": 0.125,
        "tandem.request_id": "req_1",
        "tandem.outcome": "answered",
        "tandem.place": "device",
        "tandem.policy": "local-first",
        "tandem.policy_hash": "5f" * 32,
        "tandem.because": ("NearestFirst",),
        "tandem.removed": ("PrivateStaysHere",),
        "tandem.private": ("PESEL",),
        "tandem.redacted": 1,
        "tandem.fallbacks": 1,
        "tandem.purpose": "title",
        "tandem.task": "code",
        "tandem.difficulty": 0.25,
        "tandem.evidence": "ab" * 32,
        "tandem.seal": "namespace",
        "tandem.left_bytes": 0,
    }


def test_a_failure_is_an_error_and_its_strange_name_is_not_told() -> None:
    kept = InMemorySpanExporter()
    with SpanExport(NOWHERE, kept) as tell:
        tell(a_cloud_line(1))
        tell(a_line(2, outcome="refused", model="", place=None, asked="my PESEL is 44051401359", error="forbidden"))

    far, refused = kept.get_finished_spans()
    assert (far.kind, far.status.status_code) == (SpanKind.CLIENT, StatusCode.UNSET)
    assert (far.attributes or {})["tandem.left_bytes"] == 900
    assert (refused.status.status_code, (refused.attributes or {})["error.type"]) == (StatusCode.ERROR, "forbidden")
    assert "44051401359" not in refused.to_json()


@dataclass
class Collector:
    """A collector on loopback: it remembers what it was sent."""

    url: str = ""
    spans: list[str] = field(default_factory=list[str])
    headers: list[str] = field(default_factory=list[str])


@pytest.fixture
def collector() -> Generator[Collector]:
    found = Collector()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            sent = ExportTraceServiceRequest.FromString(body)
            for resource in sent.resource_spans:
                found.spans += [span.name for scope in resource.scope_spans for span in scope.spans]
            found.headers.append(self.headers.get("x-key", ""))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Be quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        found.url = f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
        yield found
        server.shutdown()
        thread.join()


def test_a_collector_gets_the_spans_over_http(collector: Collector, tmp_path: Path) -> None:
    options = OtelOptions(endpoint=collector.url, headers={"x-key": "k"}, delay_seconds=0.05)
    with SqliteLedger(tmp_path) as ledger, SpanExport(options) as export:
        telling = Telling(ledger, export)
        for number in range(3):
            telling.record(a_line(number, cost_usd=Decimal(1)))
        assert telling.spent_usd() == ledger.spent_usd()

    assert (collector.spans, collector.headers[0]) == (["chat smollm2-135m"] * 3, "k")
    assert len(stored_lines(tmp_path)) == 3


def test_a_collector_that_is_away_keeps_nobody_waiting() -> None:
    options = OtelOptions(endpoint="http://127.0.0.1:9/v1/traces", timeout_seconds=0.2, queue_spans=50)
    before = perf_counter()
    export = SpanExport(options)
    for number in range(500):
        export(a_line(number))
    assert perf_counter() - before < 2.0
    export.__exit__()


def test_the_standard_variables_say_where_spans_go() -> None:
    base = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/"}
    named = otel_options(base | {"OTEL_EXPORTER_OTLP_HEADERS": "X-Key=a%20b, y=1,odd", "OTEL_SERVICE_NAME": "home"})
    assert named is not None
    assert (named.endpoint, named.headers, named.service_name) == (
        "http://c:4318/v1/traces", {"x-key": "a b", "y": "1"}, "home",
    )  # fmt: skip
    traces = otel_options(base | {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t:1/x"})
    assert traces is not None
    assert (traces.endpoint, traces.service_name) == ("http://t:1/x", "tandem")


def test_without_an_endpoint_or_when_switched_off_there_is_no_export() -> None:
    base = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}
    assert otel_options({}) is None
    assert otel_options({"OTEL_SERVICE_NAME": "x"}) is None
    assert otel_options(base | {"OTEL_SDK_DISABLED": "true"}) is None
    assert otel_options(base | {"OTEL_TRACES_EXPORTER": "none"}) is None
    with pytest.raises(SettingsError, match="http/protobuf"):
        otel_options(base | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})


def test_without_the_package_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingsError, match=r"tandem-edge\[otel\]"):
        SpanExport(NOWHERE)


def test_listeners_hear_every_line_after_it_was_recorded(tmp_path: Path) -> None:
    heard: list[LedgerLine] = []
    with SqliteLedger(tmp_path) as ledger:
        Telling(ledger, heard.append, heard.append).record(a_line(1))
        assert ledger.flush()
    assert [line.request_id for line in heard] == ["req_1", "req_1"]
