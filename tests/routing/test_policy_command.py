"""`tandem route` and `tandem policy check` in processes of their own: what they print, and their status."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.models import model_folder, models_home

pytestmark = pytest.mark.model

PESEL = "92040512344"
TOML = """
[[provider]]
name = "far"
kind = "openai"
base_url = "https://far.example/v1"

[[model]]
provider = "far"
id = "cloud-large"
usd_per_million_input_tokens = 1
usd_per_million_output_tokens = 2

[policy]
default = "cloud-first"
{more}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    model_folder("smollm2-135m")
    (tmp_path / "models").symlink_to(models_home(), target_is_directory=True)
    return tmp_path


def tandem(home: Path, *arguments: str, more: str = "", text: str = "", lang: str = "en") -> tuple[int, str, str]:
    """Run one command with the configuration of these tests."""
    config = home / "tandem.toml"
    config.write_text(TOML.format(more=more), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TANDEM_", "LC_", "LANG"))}
    done = subprocess.run(
        [sys.executable, "-m", "tandem", *arguments],
        env=kept | {"TANDEM_HOME": str(home), "TANDEM_CONFIG": str(config), "TANDEM_LANG": lang, "COLUMNS": "200"},
        input=text.encode(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert b"Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_route_tells_who_answers_and_why(home: Path) -> None:
    status, told, _ = tandem(home, "route", f"PESEL {PESEL}")

    assert status == 0
    assert "smollm2-135m answers, on this device." in told
    assert "PrivateStaysHere" in told
    assert "PESEL at 6-17" in told


def test_route_speaks_polish_and_reads_standard_input(home: Path) -> None:
    status, told, _ = tandem(home, "route", "-", text="Cześć, co słychać?", lang="pl")

    assert status == 0
    assert "Odpowiada cloud-large, w chmurze." in told
    assert "zadanie" in told


@pytest.mark.parametrize("before", ["", "😀 ", "𝒳𐍈 ", "e\u0301e\u0301 ", "👩‍👩‍👧 zażółć "])
def test_positions_count_code_points(home: Path, before: str) -> None:
    status, told, _ = tandem(home, "route", f"{before}PESEL {PESEL}", "--json")

    document = json.loads(told)
    span = document["facts"]["private"][0]
    assert status == 0
    assert (span["label"], span["start"], span["end"]) == ("PESEL", len(before) + 6, len(before) + 17)
    assert (document["model"], document["order"]) == ("smollm2-135m", ["smollm2-135m"])
    assert document["because"][0] == {
        "rule": "PrivateStaysHere",
        "removed": ["cloud-large"],
        "detail": f"PESEL at {len(before) + 6}-{len(before) + 17}",
    }


def test_many_lines_give_many_results_in_their_order_and_bad_ones_an_error(home: Path) -> None:
    lines = [
        '{"id": "a", "text": "Hello"}',
        "not JSON",
        '{"id": "c"}',
        f'{{"id": "d", "messages": [{{"role": "user", "content": "PESEL {PESEL}"}}]}}',
        '{"id": "e", "messages": [{"role": "nobody", "content": "x"}]}',
        '{"id": "f", "text": "Hello", "model": "absent", "messages": []}',
        '{"id": "g", "model": "absent", "messages": [{"role": "user", "content": "x"}]}',
        "[1]",
    ]
    status, told, _ = tandem(home, "route", "--jsonl", "-", text="\ufeff" + "\r\n".join(lines) + "\r\n\r\n")

    results = [json.loads(line) for line in told.splitlines()]
    assert status == 1
    assert [one["id"] for one in results] == ["a", None, "c", "d", "e", "f", "g", None]
    assert ["error" in one for one in results] == [False, True, True, False, True, False, True, True]
    assert [one.get("place") for one in results if "error" not in one] == ["cloud", "device", "cloud"]


def test_lines_of_a_file_and_a_named_policy(home: Path) -> None:
    (home / "asked.jsonl").write_text('{"id": 1, "text": "Hello"}\n', encoding="utf-8")

    status, told, _ = tandem(home, "route", "--jsonl", str(home / "asked.jsonl"), "--policy", "local-first")

    result = json.loads(told)
    assert (status, result["policy"], result["place"]) == (0, "local-first", "device")


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("route",), 2, "Give one of the two"),
        (("route", "x", "--jsonl", "-"), 2, "Give one of the two"),
        (("route", "x", "--policy", "cloud-frist"), 1, "Did you mean 'auto:cloud-first'"),
        (("policy",), 2, "VERB"),
    ],
)
def test_wrong_use_has_its_status_and_a_sentence(
    home: Path, arguments: tuple[str, ...], status: int, told: str
) -> None:
    ended, shown, complaint = tandem(home, *arguments)

    assert (ended, shown) == (status, "")
    assert told in complaint


def test_what_would_leave_is_shown_where_stand_ins_are_allowed(home: Path) -> None:
    more = '[privacy]\nmode = "redact"'

    _, told, _ = tandem(home, "route", f"PESEL {PESEL}", more=more)
    _, document, _ = tandem(home, "route", f"PESEL {PESEL}", "--json", more=more)

    assert "This is what would leave:" in told
    leaves = json.loads(document)["leaves"]
    assert PESEL not in json.dumps(leaves)
    assert [one["label"] for one in leaves["stand_ins"]] == ["PESEL"]


def test_the_check_proves_and_says_so_in_both_languages(home: Path) -> None:
    status, told, _ = tandem(home, "policy", "check")
    polish = tandem(home, "policy", "check", lang="pl")
    _, document, _ = tandem(home, "policy", "check", "--json")

    assert (status, polish[0]) == (0, 0)
    assert "none sent it away." in told
    assert "Udowodniono" in polish[1]
    checked = json.loads(document)
    assert checked["ok"] is True
    assert checked["proof"]["counter_examples"] == []
    assert checked["proof"]["locked"] > 10_000
    assert checked["default"] == "cloud-first"


def test_the_check_warns_of_what_is_allowed_and_will_not_do_what_was_meant(home: Path) -> None:
    more = '[policy.odd]\nmodels = ["absent"]\nrules = []'

    status, told, _ = tandem(home, "policy", "check", more=more)

    assert status == 0
    assert "! [policy.odd] lists the model 'absent', which is not here" in told
    assert "! [policy.odd] has no rules" in told


def test_every_mistake_of_a_policy_is_told_at_once(home: Path) -> None:
    more = '[policy.odd]\nrules = ["DeviceFrist", "PrivateStaysHere"]'

    status, shown, complaint = tandem(home, "policy", "check", more=more)

    assert (status, shown) == (2, "")
    assert "did you mean 'DeviceFirst'" in complaint
    assert "PrivateStaysHere is a guard" in complaint
