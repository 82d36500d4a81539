"""The page of results, as it is written."""

import json

from bench.bars import Bar, bars
from bench.figures import Metric, Samples, Spread
from bench.page import Run, bars_table, behind_list, figures_table, ratios_table, render, table
from bench.record import as_json

from bench import metrics


def a_samples() -> Samples:
    samples = Samples()

    def put(metric: Metric, **values: list[float]) -> None:
        for contender, rounds in values.items():
            for number, value in enumerate(rounds):
                samples.add(metric, contender, number, value)

    put(metrics.START, tandem=[1.0, 1.2, 1.1], genai=[0.5, 0.6, 0.55])
    put(metrics.cold(800), tandem=[4.0, 4.2, 4.1], genai=[4.0, 4.2, 4.1])
    put(metrics.warm(800), tandem=[0.1, 0.1, 0.1], genai=[0.1, 0.1, 0.1])
    put(metrics.decode(1), tandem=[90.0, 45.0, 90.0], genai=[100.0, 50.0, 100.0])
    put(metrics.ALONE, tandem=[90.0, 45.0, 90.0])
    put(metrics.decode(4), tandem=[81.0, 40.5, 81.0])
    put(metrics.INTRUDER, tandem=[0.6, 0.7, 0.8], foundry=[3.0, 7.0, 5.0])
    put(metrics.CANCEL, tandem=[12.0, 15.0, 11.0])
    return samples


def a_run(samples: Samples, others_cores: float = 0.0) -> Run:
    return Run(
        machine={"processor": "two cores"},
        command="python -m bench",
        seconds=300,
        rounds=3,
        contenders={"tandem": "Tandem (HTTP)", "genai": "bare GenAI"},
        versions={"onnxruntime": "1.31.0"},
        absent={"llama.cpp": "llama-cpp-python is not installed here"},
        lengths=(800,),
        streams=(4,),
        samples=samples,
        bars=bars(samples),
        checks=["idle contenders took at most 0.5% of a core"],
        others_cores=others_cores,
    )


def test_a_table_is_markdown_with_numbers_to_the_right() -> None:
    assert table(["", "a"], [["speed", "1.0"]]) == "|  | a |\n| --- | ---: |\n| speed | 1.0 |"


def test_a_bar_tells_its_target_what_was_measured_and_whether_it_holds() -> None:
    spread = Spread(median=0.87, low=0.8, high=0.95, count=3)
    promises = [
        Bar(promise="fast", sense="at least", target=0.9, unit="x", measured=spread),
        Bar(promise="soon", sense="at most", target=1.5, unit="s", measured=spread, beside="others: 7 s"),
        Bar(promise="later", sense="at least", target=2, unit="x", measured=None),
    ]
    assert bars_table(promises).splitlines()[2:] == [
        "| fast | at least 0.9 x | 0.87 (0.80 to 0.95) x | **no** |",
        "| soon (others: 7 s) | at most 1.5 s | 0.87 (0.80 to 0.95) s | yes |",
        "| later | at least 2 x | not measured in this run | — |",
    ]


def test_each_contender_has_a_column_and_each_metric_a_row() -> None:
    rows = figures_table(a_run(a_samples())).splitlines()
    assert rows[0] == "|  | Tandem (HTTP) | bare GenAI |"
    assert "| decode, 1 stream (tok/s) | 90.0 (45.0 to 90.0) | 100.0 (50.0 to 100.0) |" in rows
    assert "| decode, 4 streams, total (tok/s) | 81.0 (40.5 to 81.0) | — |" in rows


def test_ratios_say_how_many_times_better_tandem_is() -> None:
    rows = ratios_table(a_run(a_samples())).splitlines()
    assert rows[0] == "|  | bare GenAI |"
    assert "| decode, 1 stream | 0.90 (0.90 to 0.90) |" in rows
    assert "| start until ready | 0.50 (0.50 to 0.50) |" in rows


def test_the_bars_of_the_issue_are_judged_by_medians_within_rounds() -> None:
    judged = {bar.promise.split(",")[0]: bar for bar in bars(a_samples())}
    assert judged["Decode over HTTP"].holds is True
    assert judged["Four streams together"].holds is False
    assert judged["Follow-up on an 800-token context"].holds is True
    short = judged["First token of a short prompt that arrives during a 1"]
    assert short.holds is True
    assert short.beside == "Foundry Local's sessions: 5.00 s"
    assert judged["Speculation on open prose"].holds is None


def test_the_page_has_every_part_in_order_and_names_who_was_absent() -> None:
    text = render(a_run(a_samples()))
    parts = [line for line in text.splitlines() if line.startswith("#")]
    assert parts == [
        "# Benchmarks",
        "## The bars",
        "## Side by side",
        "## How many times better Tandem is",
        "## Where Tandem is behind",
        "## Tandem by itself",
        "## The run",
        "## What the numbers mean",
    ]
    assert "- llama.cpp did not take part: llama-cpp-python is not installed here" in text
    assert "| client gone until the worker rests (ms) | tandem | 12 (11 to 15) |" in text


def test_what_tandem_loses_is_told_by_itself() -> None:
    lines = behind_list(a_run(a_samples())).splitlines()
    assert [line.split(".")[0] for line in lines] == ["- start until ready: 0", "- decode, 1 stream: 0"]
    assert lines[0].startswith("- start until ready: 0.50 of bare GenAI. Two processes")


def test_where_nothing_is_lost_the_page_says_so() -> None:
    samples = Samples()
    samples.add(metrics.START, "tandem", 0, 1.0)
    samples.add(metrics.START, "genai", 0, 1.0)
    assert behind_list(a_run(samples)) == "In nothing that was measured, by more than 5%."


def test_the_page_warns_where_other_programs_were_busy() -> None:
    warning = "Other programs kept 0.9 cores busy"
    assert warning in render(a_run(a_samples(), others_cores=0.9))
    assert warning not in render(a_run(a_samples(), others_cores=0.1))


def test_the_record_holds_bars_ratios_and_medians() -> None:
    document = json.loads(as_json(a_run(a_samples())))
    assert document["times_better"]["decode_1"] == {"genai": 0.9}
    assert document["medians"]["decode_1"] == {"tandem": 90.0, "genai": 100.0}
    assert [bar["holds"] for bar in document["bars"]][:1] == [True]
