"""The pages for people and for those who watch."""

import asyncio
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any, cast

import httpx
import pytest

from support.clients import QUESTION, calling
from support.serving import a_service
from tandem.server.home_english import ENGLISH
from tandem.server.home_polish import POLISH
from tandem.server.home_words import language_of
from tandem.server.service import Access

VOID = {"meta", "link", "br", "path", "circle", "input", "rect", "line"}


class Page(HTMLParser):
    """Collects what a page refers to, its ids, and whether its elements are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src", "action"}]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


async def page(path: str, access: Access | None = None, headers: dict[str, str] | None = None) -> httpx.Response:
    async with calling(a_service(access=access)) as client:
        await client.post("/v1/chat/completions", json={"model": "scripted", "messages": QUESTION})
        return await client.get(path, headers=headers)


@pytest.mark.parametrize(
    ("path", "accepted", "words"),
    [
        ("/", "", ENGLISH),
        ("/", "pl-PL,pl;q=0.9,en;q=0.8", POLISH),
        ("/", "en;q=0.9,pl;q=0.5", ENGLISH),
        ("/", "de,fr;q=x", ENGLISH),
        ("/?lang=pl", "en", POLISH),
        ("/?lang=en", "pl", ENGLISH),
        ("/?lang=xx", "pl", POLISH),
    ],
)
def test_the_home_page_speaks_the_visitors_language(path: str, accepted: str, words: object) -> None:
    answer = asyncio.run(page(path, headers={"accept-language": accepted}))
    expected = POLISH if words is POLISH else ENGLISH
    assert expected.figures["first"] in answer.text
    assert f'<html lang="{answer.headers["content-language"]}">' in answer.text
    assert answer.headers["content-language"] == ("pl" if words is POLISH else "en")


def test_a_language_that_was_chosen_is_remembered() -> None:
    async def main() -> list[str]:
        async with calling(a_service()) as client:
            asked = [await client.get(path, headers={"accept-language": "en"}) for path in ("/", "/?lang=pl", "/")]
            return [answer.headers["content-language"] for answer in asked]

    assert asyncio.run(main()) == ["en", "pl", "pl"]


def test_a_fresh_page_teaches_the_first_step_and_loads_nothing_from_anywhere() -> None:
    answer = asyncio.run(page("/"))
    found = Page(answer.text)
    assert found.open == []
    assert found.handlers == []
    assert len(found.ids) == len(set(found.ids))
    assert (found.tags.count("script"), found.tags.count("h1"), found.tags.count("main")) == (1, 1, 1)
    assert all(link.startswith(("/", "#")) for link in found.links)
    assert "<code>scripted</code>" in answer.text
    assert "no network" in answer.text
    assert ENGLISH.state["no_ledger"] in answer.text
    assert f"curl {str(answer.url).rstrip('/')}/v1/chat/completions" in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_the_home_page_links_to_what_this_server_has() -> None:
    links = Page(asyncio.run(page("/")).text).links
    assert {"/v1/models", "/openapi.json", "/readyz", "/metrics"} <= set(links)
    assert not {"/chat", "/browser", "/compare"} & set(links)


def test_the_home_page_keeps_its_secrets_where_a_key_is_wanted() -> None:
    access = Access(api_keys=("k",))
    locked = asyncio.run(page("/", access))
    assert ENGLISH.key["locked"] in locked.text
    assert "<code>vectors</code>" not in locked.text
    assert "Authorization: Bearer $KEY" in locked.text
    assert asyncio.run(page("/home.json", access)).status_code == 401
    opened = asyncio.run(page("/", access, {"authorization": "Bearer k"}))
    assert "<code>vectors</code>" in opened.text


def test_what_a_visitor_sends_cannot_become_part_of_the_page() -> None:
    hostile = "%3Cscript%3Ealert(1)%3C/script%3E"
    answer = asyncio.run(page(f"/?lang={hostile}&period={hostile}", headers={"cookie": "tandem_lang=<script>"}))
    assert Page(answer.text).tags.count("script") == 1
    assert "alert(1)" not in answer.text


def test_both_languages_say_everything() -> None:
    for field in ENGLISH.__slots__:
        english: object = getattr(ENGLISH, field)
        polish: Any = getattr(POLISH, field)
        assert polish
        if isinstance(english, Mapping):
            assert [*cast("Mapping[str, str]", english)] == [*polish], field
    assert language_of(None, "pl;q=0.1") == "pl"


def test_probes_tell_alive_from_ready() -> None:
    async def main() -> None:
        async with calling(a_service()) as client:
            assert (await client.get("/healthz")).json()["status"] == "ok"
            ready = await client.get("/readyz")
            assert (ready.status_code, ready.json()["seal"], ready.json()["model"]) == (200, "namespace", "scripted")

    asyncio.run(main())


def test_metrics_count_requests_tokens_and_durations_without_strangers_names() -> None:
    async def main() -> str:
        async with calling(a_service()) as client:
            for _ in range(3):
                await client.post(
                    "/v1/chat/completions", json={"model": "scripted", "stream": True, "messages": QUESTION}
                )
            await client.post("/v1/chat/completions", json={"model": "made-up-name", "messages": QUESTION})
            await client.get("/made-up-path")
            await client.post("/v1/embeddings", json={"model": "vectors", "input": "abc"})
            return (await client.get("/metrics")).text

    text = asyncio.run(main())
    labels = 'model="scripted",place="device"'
    assert f'tandem_requests_total{{{labels},route="/v1/chat/completions",status="200"}} 3.0' in text
    assert f'tandem_tokens_total{{kind="in",{labels}}} 9.0' in text
    assert f'tandem_tokens_total{{kind="out",{labels}}} 6.0' in text
    assert f'tandem_tokens_total{{kind="cached",{labels}}} 3.0' in text
    assert f"tandem_time_to_first_token_seconds_count{{{labels}}} 3.0" in text
    assert re.search(r'tandem_request_duration_seconds_count\{model="vectors".*\} 1.0', text)
    assert "tandem_requests_in_flight 1.0" in text
    assert "made-up" not in text
