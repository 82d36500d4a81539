"""The home page's numbers: what it shows of the ledger and the state, and how cheaply."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx
import pytest

from server.test_home import Page
from support.clients import QUESTION, calling
from support.homes import NOW, STATE, a_home, some_lines
from support.ledger import a_line
from tandem.core.accounts import Accounts, Span, Step, Summary
from tandem.core.errors import Unavailable
from tandem.core.ledger import LedgerLine
from tandem.ledger.reading import LedgerReader
from tandem.server.home_english import ENGLISH
from tandem.server.service import Readiness, Service
from tandem.server.state import State

HOSTILE = "<script>alert(1)</script>'\"><img src=x onerror=alert(2)>"


def asked(service: Service, *paths: str) -> list[httpx.Response]:
    """What a visitor gets, one after the other."""

    async def main() -> list[httpx.Response]:
        async with calling(service) as client:
            return [await client.get(path, headers={"accept-language": "en"}) for path in paths]

    return asyncio.run(main())


def test_the_page_shows_the_ledger_and_the_state(tmp_path: Path) -> None:
    with a_home(tmp_path, some_lines(300)) as service:
        week, json = asked(service, "/?period=week", "/home.json?period=week")
    text = week.text.replace("\u00a0", " ")
    assert "300 requests in the last 7 days." in text
    for told in ("PrivateStaysHere", ENGLISH.rules["PrivateStaysHere"], "PESEL", "$7.41 of $20.00", "312 MB in memory"):
        assert told in text
    assert "deepseek did not answer 3 times" in text
    assert "auto:local-first" in text
    assert text.count("<li><details id=") == 20
    assert Page(week.text).open == []
    assert len(week.content) < 60_000
    assert all(part in week.text for part in json.json()["parts"].values())


@pytest.mark.parametrize("path", ["/?lang=pl", "/?lang=en", "/?lang=pl&period=week", "/?lang=pl&period=month"])
def test_a_busy_day_still_makes_a_small_page(tmp_path: Path, path: str) -> None:
    with a_home(tmp_path, some_lines(2_000, days=0.55)) as service:
        (page,) = asked(service, path)
    assert 30_000 < len(page.content) < 60_000


def test_numbers_that_did_not_change_are_not_sent_again(tmp_path: Path) -> None:
    async def main() -> list[int]:
        async with calling(service) as client:
            first = await client.get("/home.json")
            same = await client.get("/home.json", headers={"if-none-match": first.headers["etag"]})
            await client.post("/v1/chat/completions", json={"model": "auto", "messages": QUESTION})
            await asyncio.sleep(1.1)
            other = await client.get("/home.json", headers={"if-none-match": first.headers["etag"]})
            assert "1 request today" in other.json()["parts"]["hero"].replace("\u00a0", " ")
            assert (first.json()["fresh"], other.json()["fresh"]) == (True, False)
            return [first.status_code, same.status_code, other.status_code]

    with a_home(tmp_path) as service:
        assert asyncio.run(main()) == [200, 304, 200]


def test_hostile_names_in_the_ledger_stay_text(tmp_path: Path) -> None:
    hostile: dict[str, Any] = dict.fromkeys(
        ("asked", "model", "policy", "task", "error", "evidence", "seal", "purpose"), HOSTILE
    )
    line = a_line(
        1, at=NOW - 5, **hostile, because=(HOSTILE,), removed=(HOSTILE,), private=(HOSTILE,), left_to=(HOSTILE,)
    )
    with a_home(tmp_path, [replace(line, request_id=HOSTILE)]) as service:
        (page,) = asked(service, "/")
    found = Page(page.text)
    assert "&lt;script&gt;alert(1)" in page.text
    assert (found.tags.count("script"), found.tags.count("img"), found.handlers, found.open) == (1, 0, [], [])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("PrivateStaysHere", ENGLISH.rules["PrivateStaysHere"]),
        ("SomethingOfTheOwners", "<code>SomethingOfTheOwners</code>"),
    ],
)
def test_rules_have_sentences_and_unknown_ones_their_names(tmp_path: Path, name: str, told: str) -> None:
    with a_home(tmp_path, [a_line(1, at=NOW - 5, because=(name,), removed=())]) as service:
        (page,) = asked(service, "/home.json")
    assert told in page.json()["parts"]["why"]


def test_what_was_saved_is_unknown_where_no_cloud_has_a_price(tmp_path: Path) -> None:
    async def alone() -> State:
        return replace(STATE, far=())

    with a_home(tmp_path, [a_line(1, at=NOW - 5, cloud_cost_usd=None)]) as service:
        (page,) = asked(replace(service, state=alone), "/home.json")
    assert ENGLISH.money["why_unknown"] in page.json()["parts"]["money"]


@dataclass
class Watched:
    """A ledger that counts how often it is read, and is damaged where that is wished."""

    accounts: Accounts
    damaged: bool = False
    readings: int = 0

    def summary(self, since: float = 0.0) -> Summary:
        self.readings += 1
        if self.damaged:
            raise Unavailable("The ledger's file is damaged.")
        return self.accounts.summary(since)

    def series(self, since: float, step: Step = "hour") -> Sequence[Span]:
        return self.accounts.series(since, step)

    def recent(self, limit: int = 50) -> Sequence[LedgerLine]:
        return self.accounts.recent(limit)


def test_trouble_is_told_and_does_not_break_the_page(tmp_path: Path) -> None:
    async def troubled() -> State:
        return replace(STATE, offline=True, ledger_lost=3)

    with a_home(tmp_path) as service:
        (page,) = asked(replace(service, accounts=Watched(LedgerReader(tmp_path), damaged=True), state=troubled), "/")
    for told in ("The ledger&#39;s file is damaged.", "are lost: 3.", "nothing is sent to any cloud"):
        assert told in page.text


def test_a_busy_worker_keeps_no_visitor_waiting(tmp_path: Path) -> None:
    async def busy() -> State:
        await asyncio.sleep(30)
        return STATE

    async def busy_too() -> Readiness:
        await asyncio.sleep(30)
        return Readiness(ready=True, model="", seal="")

    with a_home(tmp_path) as service:
        begun = perf_counter()
        (page,) = asked(replace(service, state=busy, readiness=busy_too), "/")
    assert page.status_code == 200
    assert perf_counter() - begun < 10


def test_many_visitors_cost_one_reading_a_second(tmp_path: Path) -> None:
    async def main(service: Service) -> float:
        async with calling(service) as client:
            begun = perf_counter()
            await asyncio.gather(*(client.get("/home.json") for _ in range(30)))
            return perf_counter() - begun

    with a_home(tmp_path, some_lines(50)) as service:
        counting = Watched(LedgerReader(tmp_path))
        seconds = asyncio.run(main(replace(service, accounts=counting)))
    assert 1 <= counting.readings <= seconds + 1
