"""The home page in the real browser: what a visitor sees, and that the page asks nobody else for anything."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.serving import a_service, served_in_thread
from tandem.server.home_english import ENGLISH
from tandem.server.home_polish import POLISH
from tandem.server.home_words import Words

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine (apt-get install chromium)"),
]


def looked_at(address: str, folder: Path, *flags: str) -> str:
    """Open a page in a fresh profile; gives what the browser wrote to its standard output."""
    done = subprocess.run(
        [CHROMIUM or "", *FLAGS, f"--user-data-dir={folder / 'profile'}", *flags, address],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize(("language", "words"), [("en", ENGLISH), ("pl", POLISH)])
def test_a_visitor_sees_the_model_in_the_language_of_the_browser(tmp_path: Path, language: str, words: Words) -> None:
    with served_in_thread(a_service()) as address:
        page = looked_at(address, tmp_path, "--dump-dom", f"--accept-lang={language}")

    text = re.sub(r"<[^>]+>", "", page)
    assert f'<html lang="{language}">' in page
    for shown in (
        words.figures["first"],
        words.state["ready"],
        words.headings["models"],
        "scripted",
        "English",
        "Polski",
    ):
        assert shown in text


def test_the_page_asks_nobody_else_for_anything(tmp_path: Path) -> None:
    with served_in_thread(a_service()) as address:
        looked_at(f"{address}/", tmp_path, "--dump-dom", f"--log-net-log={tmp_path / 'net.json'}")

    asked = requests_in(tmp_path / "net.json")
    assert (f"{address}/", "") in asked
    assert {url for url, initiator in asked if initiator == address and not url.startswith(f"{address}/")} == set()


def requests_in(log: Path) -> set[tuple[str, str]]:
    """Every request of a net log: its address, and the origin of the page behind it (empty: the browser)."""
    found: set[tuple[str, str]] = set()
    for event in json.loads(log.read_text(encoding="utf-8"))["events"]:
        told = event.get("params", {})
        if "url" in told and "initiator" in told:
            initiator = told["initiator"]
            found.add((told["url"], "" if initiator == "not an origin" else initiator))
    return found
