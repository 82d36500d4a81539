"""A visitor's way through the home page in the real browser: asking, watching the numbers, languages, keys, a phone."""

import asyncio
import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

from support.fakes import ScriptedResponder, said
from support.homes import NOW, a_home, some_lines
from support.ledger import a_line
from support.serving import served_in_thread
from tandem.core.errors import Unavailable
from tandem.server.home_english import ENGLISH
from tandem.server.home_polish import POLISH
from tandem.server.service import Access, Service

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HOSTILE = "<img src=x onerror=document.title='caught'>"

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine (apt-get install chromium)"),
]


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@contextmanager
def visiting(browser: Browser, service: Service, **wishes: Any) -> Generator[tuple[Page, str]]:  # noqa: ANN401
    """A tab of a fresh profile at a served page; any request elsewhere and any error of the script is a failure."""
    with served_in_thread(service) as address:
        wished: dict[str, Any] = {"locale": "en-US", **wishes}
        context = browser.new_context(**wished)
        tab = context.new_page()
        elsewhere: list[str] = []
        faults: list[str] = []

        def watched(request: Request) -> None:
            if not request.url.startswith(address):
                elsewhere.append(request.url)

        tab.on("request", watched)
        tab.on("pageerror", lambda error: faults.append(str(error)))
        tab.on("console", lambda told: faults.append(told.text) if "Content Security Policy" in told.text else None)
        tab.goto(address)
        yield tab, address
        context.close()
        assert (elsewhere, faults) == ([], [])


def test_an_answer_streams_in_and_the_numbers_follow(tmp_path: Path, browser: Browser) -> None:
    plays = ScriptedResponder(said("Sunlight", " scatters."))
    with a_home(tmp_path, plays=plays) as service, visiting(browser, service) as (tab, _):
        assert tab.inner_text("h1") == ENGLISH.figures["first"]
        assert not tab.is_visible("#numbers")
        tab.fill("#question", "Why?")
        tab.press("#question", "Enter")
        tab.get_by_text("Sunlight scatters.").wait_for()
        tab.get_by_text(re.compile(r"^1.request today\.")).wait_for()
        assert "Answered by scripted, this device" in tab.inner_text("#told")
        assert "Requested" in tab.inner_text("#because")
        assert "tokens: 3 + 2" in tab.inner_text("#end")
        assert tab.is_visible("#numbers")
        tab.click(".rows summary")
        assert "req_10000001" in tab.inner_text(".rows dl")


def test_an_answer_can_be_stopped_and_a_failure_is_told(tmp_path: Path, browser: Browser) -> None:
    endless = ScriptedResponder([*said("On", " and")[:2], asyncio.Event()])
    with a_home(tmp_path / "a", plays=endless) as service, visiting(browser, service) as (tab, _):
        tab.click("#ask")
        tab.locator("#answer", has_text="On").wait_for()
        tab.click("#stop")
        tab.get_by_text(ENGLISH.try_it["stopped"]).wait_for()
        assert tab.is_visible("#ask")
    failing = ScriptedResponder([Unavailable("The model is resting.")])
    with a_home(tmp_path / "b", plays=failing) as service, visiting(browser, service) as (tab, _):
        tab.click("#ask")
        tab.get_by_text("The model is resting.").wait_for()


def test_what_a_visitor_opened_stays_open_while_numbers_change(tmp_path: Path, browser: Browser) -> None:
    with a_home(tmp_path, some_lines(60, days=0.3)) as service, visiting(browser, service) as (tab, _):
        third = tab.locator(".rows details").nth(2)
        name = third.get_attribute("id")
        third.locator("summary").click()
        tab.click("#ask")
        tab.get_by_text(re.compile(r"^61.requests today\.")).wait_for()
        assert tab.evaluate("name => document.getElementById(name).open", name)
        assert tab.evaluate("document.activeElement.id") in {"ask", ""}


def test_the_language_is_switched_and_remembered(tmp_path: Path, browser: Browser) -> None:
    with a_home(tmp_path, some_lines(200)) as service, visiting(browser, service) as (tab, address):
        tab.click("text=Polski")
        assert POLISH.headings["why"] in tab.inner_text("#numbers")
        tab.goto(address)
        assert tab.get_attribute("html", "lang") == "pl"
        tab.click(f"text={POLISH.periods['week']}")
        assert "200 zapytań w ostatnich 7 dniach." in tab.inner_text("h1").replace("\u00a0", " ")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_everything_without_scrolling_sideways_and_with_contrast(
    tmp_path: Path, browser: Browser, scheme: str
) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "color_scheme": scheme, "reduced_motion": "reduce"}
    with a_home(tmp_path, some_lines(200)) as service, visiting(browser, service, **phone) as (tab, address):
        for path in ("/?lang=en", "/?lang=pl&period=week"):
            tab.goto(address + path)
            assert tab.evaluate("document.documentElement.scrollWidth") == 360
        contrasts: list[tuple[str, float]] = tab.evaluate(CONTRASTS)
        assert len(contrasts) > 100
        assert [pair for pair in contrasts if pair[1] < 4.5] == []
        dark = tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 27)"
        assert dark == (scheme == "dark")


def test_numbers_are_behind_the_key(tmp_path: Path, browser: Browser) -> None:
    access = Access(api_keys=("secret",))
    with a_home(tmp_path, some_lines(50, days=0.3), access=access) as service, visiting(browser, service) as (tab, _):
        assert tab.inner_text("h1") == ENGLISH.headline
        assert "smollm2" not in tab.content()
        for key in ("wrong", "secret"):
            tab.fill("#secret", key)
            tab.click("#key button")
            expected = ENGLISH.key["wrong"] if key == "wrong" else re.compile(r"^50.requests today\.")
            tab.get_by_text(expected).wait_for()
        tab.click("#ask")
        tab.get_by_text("Hello there").wait_for()
        tab.reload()
        tab.get_by_text(re.compile(r"^51.requests today\.")).wait_for()
        tab.click("#forget")
        tab.get_by_text(ENGLISH.key["locked"]).wait_for()


def test_hostile_names_do_nothing(tmp_path: Path, browser: Browser) -> None:
    hostile: dict[str, Any] = dict.fromkeys(("asked", "model", "policy", "error"), HOSTILE)
    lines = [a_line(1, at=NOW - 9, **hostile, because=(HOSTILE,))]
    with a_home(tmp_path, lines) as service, visiting(browser, service) as (tab, _):
        tab.click("#ask")
        tab.get_by_text(re.compile(r"^2.requests today\.")).wait_for()
        assert tab.title() == "Tandem"
        assert tab.locator("img").count() == 0
        assert tab.locator("#numbers code", has_text="onerror").count() >= 2


def test_the_page_says_when_the_server_is_gone(tmp_path: Path, browser: Browser) -> None:
    with a_home(tmp_path, some_lines(20, days=0.2)) as service, visiting(browser, service) as (tab, _):
        tab.route("**/home.json*", lambda route: route.abort())
        tab.get_by_text(ENGLISH.state["away"]).wait_for()


def test_the_page_is_whole_without_javascript_and_works_with_the_keyboard(tmp_path: Path, browser: Browser) -> None:
    with a_home(tmp_path / "a", some_lines(30, days=0.3)) as service:
        with visiting(browser, service, java_script_enabled=False) as (tab, _):
            assert "30 requests today." in tab.inner_text("h1").replace("\u00a0", " ")
            assert not tab.is_visible("#try")
        with visiting(browser, service) as (tab, _):
            tab.keyboard.press("Tab")
            assert tab.evaluate("document.activeElement.className") == "skip"
            tab.keyboard.press("Enter")
            assert tab.evaluate("document.activeElement.id") == "numbers"


CONTRASTS = """() => {
  const light = (rgb) => {
    const linear = (one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = rgb.map((one) => linear(one / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const colour = (text) => text.match(/[\\d.]+/g).map(Number);
  const behind = (one) => {
    for (; one; one = one.parentElement) {
      const found = colour(getComputedStyle(one).backgroundColor);
      if (found.length === 3 || found[3] > 0) return found.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const speaks = (one) => [...one.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
  const written = [...document.querySelectorAll("body *")].filter((one) =>
    one.checkVisibility() && !one.closest("svg") && speaks(one));
  return written.map((one) => {
    const [a, b] = [light(colour(getComputedStyle(one).color).slice(0, 3)), light(behind(one))].sort((x, y) => y - x);
    return [one.tagName + "." + one.className, (a + 0.05) / (b + 0.05)];
  });
}"""
