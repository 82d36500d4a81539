"""The bench of the gateway's cost: its sums, its page, its mock and its driver."""

import asyncio
import json
import random

import pytest
from bench.decide import DecideRow, table
from bench.overhead_drive import Visit, WrongAnswer, drive, end_of_answer, requests_of
from bench.overhead_mock import FAST, SLOW, WORDS, Mock, streamed_answer, whole_answer
from bench.overhead_page import Cell, Overhead, Row, added_ms, ratios, render, spread
from bench.overhead_prompts import CHARACTERS, prompts, word_of

from tandem.routing.private import Detector

CELL = Cell(delay_ms=0, stream=False, clients=1)


def rows(peer: str, medians: list[float], rates: list[float], cell: Cell = CELL) -> list[Row]:
    return [
        Row(peer=peer, cell=cell, round=at, median_ms=one, per_second=rate, requests=10, processor_ms=0.5)
        for at, (one, rate) in enumerate(zip(medians, rates, strict=True))
    ]


def a_run(litellm: str = "1.109") -> Overhead:
    measured = [
        *rows("direct", [0.1, 0.2, 0.1], [9000, 9000, 9000]),
        *rows("bare", [0.6, 0.7, 0.6], [2000, 2000, 2000]),
        *rows("tandem", [1.1, 2.2, 1.1], [900, 450, 900]),
    ]
    if litellm:
        measured += rows("litellm", [30.1, 60.2, 20.1], [30, 30, 60])
    decided = DecideRow(language="pl", private=True, per_cpu_second=[1900.0, 2000.0, 2100.0], per_second=[1500.0] * 3)
    return Overhead(
        machine={"processor": "two cores"},
        command="python -m bench.overhead",
        rounds=3,
        seconds=0.6,
        litellm=litellm,
        rows=measured,
        resident_mib={"tandem": 100.0, **({"litellm": 350.0} if litellm else {})},
        decide=[decided],
    )


def test_added_time_is_taken_from_the_same_round() -> None:
    added = added_ms(a_run().rows, "tandem", CELL)

    assert added == {0: pytest.approx(1.0), 1: pytest.approx(2.0), 2: pytest.approx(1.0)}


def test_a_ratio_needs_both_in_a_round_and_something_to_divide_by() -> None:
    assert ratios({0: 30.0, 1: 20.0, 2: 10.0}, {0: 1.0, 1: 0.0}) == [30.0]


def test_a_spread_is_the_median_the_least_and_the_most() -> None:
    assert spread([3.0, 1.0, 2.0]) == "2.0 (1.0 to 3.0)"
    assert spread([]) == "—"


def test_the_page_judges_every_bar() -> None:
    page = render(a_run())

    assert "| added median, one client, worst of its cells (ms) | at most 1.5 | 1.00 | yes |" in page
    assert "| LiteLLM's added median over ours, one client, worst cell | at least 15 | 30.0 | yes |" in page
    assert "| our requests a second over LiteLLM's, 0 ms, worst cell | at least 15 | 15.0 | yes |" in page
    assert "| LiteLLM's memory over ours | at least 2 | 3.5 | yes |" in page
    assert "| decisions a second, worst kind of prompt | at least 1,000 | 2,000 | yes |" in page


def test_a_missed_bar_is_told_as_missed() -> None:
    run = a_run()
    run.rows = [row for row in run.rows if row.peer != "tandem"] + rows("tandem", [3.1, 3.2, 3.1], [300, 300, 300])

    page = render(run)

    assert "| at most 1.5 | 3.00 | NO |" in page
    assert "| at least 15 | 10.0 | NO |" in page


def test_without_litellm_the_page_says_so_and_compares_the_rest() -> None:
    page = render(a_run(litellm=""))

    assert "LiteLLM was not there in this run" in page
    assert "LiteLLM's memory over ours" not in page
    assert "0.45 (0.23 to 0.45)" in page


def test_decisions_are_told_by_kind_of_prompt() -> None:
    assert "| Polish, with private text | 2,000 (1,900 to 2,100) | 1,500 (1,500 to 1,500) | 0 |" in table(
        a_run().decide
    )


def test_a_visit_knows_its_median_and_its_rate() -> None:
    visit = Visit(latencies=[0.001, 0.003, 0.002], seconds=0.006)

    assert visit.median_ms == pytest.approx(2.0)
    assert visit.requests_per_second == pytest.approx(500.0)


@pytest.mark.parametrize("answer", [whole_answer(), streamed_answer()])
def test_an_answer_ends_with_its_last_byte_and_not_before(answer: bytes) -> None:
    cuts = random.Random(1).sample(range(len(answer)), 50)

    assert end_of_answer(answer)
    assert not any(end_of_answer(answer[:cut]) for cut in (*cuts, len(answer) - 1))


def test_an_answer_of_another_status_is_an_error() -> None:
    with pytest.raises(WrongAnswer, match="503"):
        end_of_answer(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")


def test_the_streamed_answer_says_every_word_and_its_counts() -> None:
    body = streamed_answer().split(b"\r\n\r\n", 1)[1]
    events = [json.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: {")]

    said = "".join(choice["delta"].get("content", "") for event in events for choice in event["choices"])

    assert said.split() == list(WORDS)
    assert events[-1]["usage"]["completion_tokens"] == len(WORDS)


@pytest.mark.parametrize(("model", "least_ms"), [(FAST, 0.0), (SLOW, 19.0)])
@pytest.mark.parametrize("stream", [False, True])
def test_clients_are_answered_one_request_after_the_other(model: str, least_ms: float, stream: bool) -> None:
    async def asked() -> Visit:
        server = await asyncio.get_running_loop().create_server(Mock, "127.0.0.1", 0)
        async with server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
            requests = requests_of(
                url, prompts("pl", private=False, count=3, seed=1), model=model, key="k", stream=stream
            )
            return await drive(url, requests, clients=3, seconds=0.1)

    visit = asyncio.run(asked())

    assert len(visit.latencies) >= 3
    assert min(visit.latencies) * 1e3 >= least_ms


def test_no_two_numbers_make_one_word() -> None:
    words = {word_of(number) for number in range(20_000)}

    assert len(words) == 20_000
    assert {len(word) for word in words} == {7}


@pytest.mark.parametrize("language", ["en", "pl"])
def test_prompts_are_private_exactly_where_they_are_said_to_be(language: str) -> None:
    detector = Detector()

    for private in (False, True):
        made = prompts(language, private=private, count=100, seed=7)

        assert {len(text) for text in made} == {CHARACTERS}
        assert len(set(made)) > 90
        assert {bool(detector.find(text)) for text in made} == {private}
