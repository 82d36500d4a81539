"""What Prometheus reads of the ledger's lines: the conventions' names, and no label that a stranger could make."""

from dataclasses import dataclass
from decimal import Decimal

import pytest

from support.ledger import a_cloud_line, a_line
from tandem.core.ports import Health
from tandem.server.metrics import Metrics
from tandem.server.telemetry import Gauges

DEVICE = (
    'gen_ai_operation_name="chat",gen_ai_provider_name="tandem",'
    'gen_ai_request_model="auto",gen_ai_response_model="smollm2-135m"'
)


@dataclass
class ALedger:
    """A ledger in trouble."""

    trouble: str = "the disk is full"
    waiting_lines: int = 7
    lost_lines: int = 2


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def lines(metrics: Metrics) -> list[str]:
    return [line for line in metrics.text().decode().splitlines() if not line.startswith("#")]


def test_a_line_is_told_by_the_names_of_the_conventions(metrics: Metrics) -> None:
    metrics.telemetry.observe(a_line(1))

    shown = lines(metrics)
    for expected in (
        f'gen_ai_client_operation_duration_seconds_sum{{error_type="",{DEVICE}}} 0.5',
        f'gen_ai_server_request_duration_seconds_count{{error_type="",{DEVICE}}} 1.0',
        f'gen_ai_client_token_usage_sum{{{DEVICE},gen_ai_token_type="input"}} 31.0',
        f'gen_ai_client_token_usage_sum{{{DEVICE},gen_ai_token_type="output"}} 7.0',
        f"gen_ai_server_time_to_first_token_seconds_sum{{{DEVICE}}} 0.125",
        f"gen_ai_server_time_per_output_token_seconds_sum{{{DEVICE}}} 0.0625",
    ):
        assert expected in shown


@pytest.mark.parametrize(
    ("route", "operation"),
    [
        ("openai.chat", "chat"),
        ("anthropic.messages", "chat"),
        ("/v1/responses", "chat"),
        ("core", "chat"),
        ("openai.completions", "text_completion"),
        ("/v1/embeddings", "embeddings"),
    ],
)
def test_the_operation_is_read_from_the_route_or_the_dialect(metrics: Metrics, route: str, operation: str) -> None:
    metrics.telemetry.observe(a_line(1, route=route))
    assert any(f'gen_ai_operation_name="{operation}"' in line for line in lines(metrics))


def test_buckets_are_those_of_the_conventions(metrics: Metrics) -> None:
    metrics.telemetry.observe(a_line(1))
    shown = lines(metrics)

    def bounds(name: str) -> list[float]:
        marks = [line.split('le="')[1].split('"')[0] for line in shown if line.startswith(f"{name}_bucket")]
        return [float(mark) for mark in dict.fromkeys(marks) if mark != "+Inf"]

    seconds = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
    assert bounds("gen_ai_client_operation_duration_seconds") == seconds
    assert bounds("gen_ai_client_token_usage") == [
        1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864,
    ]  # fmt: skip


def test_decisions_departures_and_money_have_names_of_ours(metrics: Metrics) -> None:
    metrics.telemetry.observe(a_line(1))
    metrics.telemetry.observe(a_cloud_line(2))
    metrics.telemetry.observe(a_cloud_line(3, cost_usd=None))

    shown = lines(metrics)
    for expected in (
        'tandem_answers_total{outcome="answered",place="device",policy="local-first"} 1.0',
        'tandem_decisions_total{policy="local-first",rule="NearestFirst"} 3.0',
        'tandem_removals_total{policy="local-first",rule="PrivateStaysHere"} 3.0',
        'tandem_private_total{label="PESEL"} 3.0',
        'tandem_departures_total{provider="far"} 2.0',
        'tandem_fallbacks_total{place="cloud",policy="local-first"} 2.0',
        "tandem_redactions_total 3.0",
        "tandem_left_bytes_total 1800.0",
        'tandem_cost_usd_total{model="cloud-large",place="cloud"} 0.0012',
        'tandem_unpriced_total{model="cloud-large"} 1.0',
    ):
        assert expected in shown, expected
    (all_cloud,) = (line for line in shown if line.startswith("tandem_all_cloud_usd_total "))
    assert float(all_cloud.split()[1]) == pytest.approx(0.001221)


def test_an_error_is_a_label_and_a_name_that_led_nowhere_is_not(metrics: Metrics) -> None:
    for number in range(1000):
        line = a_line(number, asked=f"stranger-{number}", model="", place=None, outcome="refused", error="forbidden")
        metrics.telemetry.observe(line)

    shown = lines(metrics)
    assert not any("stranger" in line for line in shown)
    assert any('error_type="forbidden"' in line and line.endswith(" 1000.0") for line in shown)


def test_no_label_has_more_than_two_hundred_values(metrics: Metrics) -> None:
    for number in range(500):
        metrics.telemetry.observe(
            a_cloud_line(
                number, model=f"m{number}", policy=f"p{number}", because=(f"R{number}",), left_to=(f"x{number}",)
            )
        )

    departures = [line for line in lines(metrics) if line.startswith("tandem_departures_total")]
    assert len(departures) == 200, "the provider's own name is one of the two hundred"
    assert 'tandem_departures_total{provider="_OTHER"} 301.0' in departures


def test_odd_money_does_not_stop_the_counting(metrics: Metrics) -> None:
    for cost in (Decimal("NaN"), Decimal("Infinity"), Decimal(-1)):
        metrics.telemetry.observe(a_cloud_line(1, cost_usd=cost, cloud_cost_usd=cost))
    assert 'tandem_unpriced_total{model="cloud-large"} 3.0' in lines(metrics)


def test_what_is_true_now_is_asked_at_each_scrape(metrics: Metrics) -> None:
    ledger, spent = ALedger(), Decimal("1.25")
    states = {"cloud-large": Health(reachable=False, why="it timed out", queued=3)}
    metrics.watch(Gauges(health=lambda: states, ledger=ledger, month_usd=lambda: spent))

    shown = lines(metrics)
    for expected in (
        'tandem_backend_reachable{model="cloud-large"} 0.0',
        'tandem_backend_queue{model="cloud-large"} 3.0',
        "tandem_month_cost_usd 1.25",
        "tandem_ledger_trouble 1.0",
        "tandem_ledger_waiting_lines 7.0",
        "tandem_ledger_lost_lines 2.0",
    ):
        assert expected in shown
    ledger.trouble = ""
    states["cloud-large"] = Health()
    assert "tandem_ledger_trouble 0.0" in lines(metrics)
    assert 'tandem_backend_reachable{model="cloud-large"} 1.0' in lines(metrics)
