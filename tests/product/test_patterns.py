"""The three patterns do what their tables say: a real model here, a second Tandem as the cloud, sixty requests.

What each answer's headers say is held against what left on the wire to the cloud.
"""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import openai
import pytest

from support.models import model_folder
from support.served import served
from support.wiretap import Wire, wiretap
from tandem.routing.difficulty import difficulty

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]

PATTERNS = ("local-first", "cloud-first", "by-task")
HARD, HARDER = sorted(
    (
        "Find the number of integers n below 10000 such that n^2 + n + 41 is a multiple of 43 and n is no square.",
        "Find the number of integers m between 7 and 20000 such that m^3 - m is a multiple of 210 and m + 1 a square.",
        "If 3x + 7y = 41 and 5x - 2y = 12, what are x and y, and what is the remainder of 17x^3 + 9y^2 divided by 11?",
        "A train covers 342 km at 76 km/h, stops 14 minutes, then returns at 91 km/h. When is it back?",
        "Prove that every continuous function on a compact metric space is uniformly continuous.",
    ),
    key=difficulty,
)[-2:]
"""The two that are hardest by the estimate that ships."""
LONG = "Please sum up this text in one sentence: " + (
    "International understanding requires communication, responsibility and imagination. " * 105
)
CODE, MORE_CODE = sorted(
    (
        "Fix this code: def add(a, b) return a + b",
        "How do I print a list in Python?",
        "Fix the typo in this line of code: pritn('hi')",
        "Add a comment to this code: for i in range(3): print(i)",
    ),
    key=difficulty,
)[:2]
"""The two that are easiest."""
POLISH = "Jaka jest stolica Polski?"
MORE_POLISH = "Opowiedz krótko o pogodzie."
LONG_CODE = "Fix this code:\n" + "understanding = 1\n" * 520
PESEL = "92040512344"
TOML = """
[[provider]]
name = "elsewhere"
kind = "openai"
base_url = "{url}/v1"
place = "cloud"

[[model]]
id = "cloud-large"
provider = "elsewhere"
upstream_id = "smollm2-135m"
tasks = ["code"]
usd_per_million_input_tokens = 1
usd_per_million_output_tokens = 2
{more}
"""


@dataclass(frozen=True)
class Case:
    """One request. ``who`` holds the answer expected of each pattern: d(evice), c(loud), or an error (x).

    ``server`` is the one asked; ``wire`` what the way to the cloud does; ``left`` tells whether text left although
    the cloud did not answer.
    """

    name: str
    text: str
    who: str
    server: str = "main"
    wire: str = "passes"
    stream: bool = False
    headers: tuple[tuple[str, str], ...] = ()


PRIVATE = (("x-tandem-private", "true"),)
CASES = (
    Case("plain", "Say hello.", "dcd"),
    Case("plain, streamed", "Who are you?", "dcd", stream=True),
    Case("plain again", "Name a colour.", "dcd"),
    Case("long", LONG, "ccd"),
    Case("long, streamed", LONG + "!", "ccd", stream=True),
    Case("hard", HARD, "ccd"),
    Case("harder", HARDER, "ccd"),
    Case("code", CODE, "dcc"),
    Case("more code", MORE_CODE, "dcc", stream=True),
    Case("Polish", POLISH, "dcd"),
    Case("more Polish", MORE_POLISH, "dcd"),
    Case("private", f"Mój PESEL to {PESEL}.", "ddd", stream=True),
    Case("private code", f"{CODE} My PESEL is {PESEL}.", "ddd"),
    Case("private by a header", HARD + " Please.", "ddd", headers=PRIVATE),
    Case("offline", CODE, "ddd", server="offline"),
    Case("offline and hard", HARD, "ddd", server="offline"),
    Case("over budget", CODE, "ddd", server="broke"),
    Case("over budget and long", LONG, "ddd", server="broke"),
    Case("the cloud fails before its first word", LONG_CODE, "ddd", wire="refuses"),
    Case("the cloud fails in mid-stream", LONG_CODE, "xxx", wire="cuts", stream=True),
)


@dataclass
class Estate:
    """Servers by name, and the wire from them to the cloud."""

    urls: dict[str, str]
    wire: Wire


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    model_folder("smollm2-135m")
    with ExitStack() as stack:
        lazy = {"TANDEM_DEVICE_PRELOAD": "false"}
        cloud = stack.enter_context(served(tmp_path_factory.mktemp("cloud"), environment=lazy))
        wire = stack.enter_context(wiretap(cloud))
        urls: dict[str, str] = {}
        for name, more, environment in (
            ("main", "", {}),
            ("offline", "", {"TANDEM_OFFLINE": "1"}),
            ("broke", "[budget]\nusd_per_month = 0", {}),
            ("starved", "[device]\nmax_ram = 1000000", {}),
        ):
            home: Path = tmp_path_factory.mktemp(name)
            config = home / "tandem.toml"
            config.write_text(TOML.format(url=wire.url, more=more))
            urls[name] = stack.enter_context(
                served(
                    home,
                    environment={**lazy, **environment, "TANDEM_CONFIG": str(config)},
                    awaited="/healthz" if name == "starved" else "/readyz",
                )
            )
        yield Estate(urls, wire)


@dataclass
class Heard:
    """An answer as its client had it. ``place`` is ``x`` where it ended with an error."""

    place: str
    headers: Mapping[str, str]
    error: str = ""


def ask(url: str, model: str, case: Case) -> Heard:
    """One request by the real client."""
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0, timeout=120)
    raw = client.chat.completions.with_raw_response.create(
        model=model,
        messages=[{"role": "user", "content": case.text}],
        max_tokens=3,
        stream=case.stream,
        extra_headers=dict(case.headers),
    )
    place = raw.headers["x-tandem-place"][0]
    try:
        parsed = raw.parse()
        if isinstance(parsed, openai.Stream):
            assert [chunk.model for chunk in parsed]
    except (openai.APIError, httpx.HTTPError) as error:
        return Heard("x", raw.headers, str(error))
    return Heard(place, raw.headers)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_does_what_its_table_says(estate: Estate, pattern: str) -> None:
    told: list[tuple[str, str, bool]] = []
    wanted: list[tuple[str, str, bool]] = []
    for case in CASES:
        estate.wire.sent.clear()
        estate.wire.way = case.wire  # pyright: ignore[reportAttributeAccessIssue]

        heard = ask(estate.urls[case.server], f"auto:{pattern}", case)

        who = case.who[PATTERNS.index(pattern)]
        assert heard.headers["x-tandem-because"]
        assert heard.headers["x-tandem-fallbacks"] == str(int(case.wire == "refuses"))
        told.append((case.name, heard.place, bool(estate.wire.sent)))
        wanted.append((case.name, who, who == "c" or case.wire != "passes"))
        assert PESEL.encode() not in estate.wire.sent
    estate.wire.way = "passes"
    assert told == wanted


def test_the_rule_that_decided_is_named(estate: Estate) -> None:
    for text, pattern, rules in (
        (LONG, "local-first", "DeviceFirst,LargeGoesUp"),
        (HARD, "local-first", "DeviceFirst,HardGoesUp"),
        (CODE, "by-task", "DeviceFirst,ByTask"),
        (f"PESEL {PESEL}", "cloud-first", "PrivateStaysHere,CloudFirst"),
    ):
        assert ask(estate.urls["main"], f"auto:{pattern}", Case("", text, "")).headers["x-tandem-because"] == rules
    for server, rule in (("offline", "Offline,CloudFirst"), ("broke", "WithinBudget,CloudFirst")):
        heard = ask(estate.urls[server], "auto:cloud-first", Case("", "Say hello.", ""))
        assert heard.headers["x-tandem-because"] == rule


def test_a_device_that_cannot_begin_hands_over_but_never_what_is_private(estate: Estate) -> None:
    heard = ask(estate.urls["starved"], "auto", Case("", "Say hello.", ""))
    assert (heard.place, heard.headers["x-tandem-fallbacks"]) == ("c", "1")
    assert "smollm2-135m could not answer (not_enough_memory)" in heard.headers["x-tandem-note"]

    estate.wire.sent.clear()
    with pytest.raises(openai.APIStatusError):
        ask(estate.urls["starved"], "auto", Case("", f"Mój PESEL to {PESEL}.", ""))
    assert not estate.wire.sent


def test_a_device_that_is_killed_in_mid_stream_ends_with_an_error_and_nothing_leaves(estate: Estate) -> None:
    url = estate.urls["main"]
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0)
    estate.wire.sent.clear()
    stream = client.chat.completions.create(
        model="auto",
        messages=[{"role": "user", "content": f"Tell a very long story about PESEL {PESEL}."}],
        max_tokens=2000,
        stream=True,
        extra_body={"ignore_eos": True},
    )
    next(iter(stream))
    workers = httpx.get(f"{url}/readyz", trust_env=False).json()["workers"]
    os.kill(next(worker["pid"] for worker in workers if worker["model"] == "smollm2-135m"), signal.SIGKILL)

    with pytest.raises(openai.APIError):
        for _ in stream:
            pass

    assert not estate.wire.sent
