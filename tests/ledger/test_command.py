"""`tandem receipts` in processes of its own: what is printed, in which language, with which status."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from support.ledger import a_cloud_line, a_line, stored
from tandem.ledger.store import SqliteLedger


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with SqliteLedger(tmp_path) as ledger:
        for number in range(3):
            ledger.record(a_cloud_line(number) if number == 1 else a_line(number))
    return tmp_path


def receipts(home: Path, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TANDEM_", "LC_", "LANG"))}
    environment |= {"TANDEM_HOME": str(home), "TZ": "UTC"} | more
    done = subprocess.run(
        [sys.executable, "-m", "tandem", "receipts", *arguments],
        env=environment,
        cwd=home,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_the_list_is_plain_in_a_pipe_newest_first(home: Path) -> None:
    done = receipts(home, "list")
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        [
            "No.\tTime\tOutcome\tModel\tPlace\tLeft\tRules",
            "3\t2026-11-18 11:06:40\tanswered\tsmollm2-135m\tdevice\t0 B\tNearestFirst",
            "2\t2026-11-18 11:06:40\tanswered\tcloud-large\tcloud\t900 B\tNearestFirst",
            "1\t2026-11-18 11:06:40\tanswered\tsmollm2-135m\tdevice\t0 B\tNearestFirst",
        ],
    )


def test_the_list_speaks_polish(home: Path) -> None:
    done = receipts(home, "list", "--limit", "1", TANDEM_LANG="pl", PYTHONIOENCODING="utf-8")
    assert done.stdout.splitlines() == [
        "Nr\tCzas\tSkutek\tModel\tMiejsce\tWyszło\tReguły",
        "3\t2026-11-18 11:06:40\todpowiedź\tsmollm2-135m\turządzenie\t0 B\tNearestFirst",
    ]


def test_the_list_as_json_gives_the_public_key_the_end_and_each_receipt(home: Path) -> None:
    listed = json.loads(receipts(home, "list", "--json", "--limit", "2").stdout)

    assert list(listed) == ["public_key", "end", "receipts"]
    assert listed["public_key"].startswith("-----BEGIN PUBLIC KEY-----")
    assert listed["public_key"] == (home / "keys" / "receipts.pub").read_text()
    assert listed["end"] == f"3:{stored(home)[-1].head.hash}"
    assert [one["receipt"]["seq"] for one in listed["receipts"]] == [3, 2]
    assert listed["receipts"][1]["receipt"]["left_bytes"] == 900
    assert listed["receipts"][0]["receipt"]["prev"] == listed["receipts"][1]["hash"]


def test_since_leaves_out_what_is_older(home: Path) -> None:
    assert len(receipts(home, "list", "--since", "2026-11-19").stdout.splitlines()) == 1
    assert len(receipts(home, "list", "--since", "2026-11-18T11:00").stdout.splitlines()) == 4
    assert receipts(home, "list", "--since", "yesterday").returncode == 2
    assert receipts(home, "list", "--limit", "-1").returncode == 2


def test_a_whole_chain_is_verified_with_status_0(home: Path) -> None:
    done = receipts(home, "verify")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "3 receipts: the chain is whole.")
    verdict = json.loads(receipts(home, "verify", "--json").stdout)
    assert verdict == {
        "ok": True,
        "lines": 3,
        "end": f"3:{stored(home)[-1].head.hash}",
        "lost_lines": 0,
        "pruned_through": 0,
        "unchecked_ends": [],
        "problem": None,
    }


def test_a_broken_chain_is_told_with_status_1(home: Path) -> None:
    with sqlite3.connect(home / "ledger.sqlite") as db:
        db.execute("UPDATE line SET body = replace(body, '900', '0') WHERE seq = 2")

    done = receipts(home, "verify")
    assert (done.returncode, done.stdout) == (1, "Line 2 is not what was signed.\n")
    assert done.stderr == "The chain of receipts is broken.\n"
    verdict = json.loads(receipts(home, "verify", "--json", TANDEM_LANG="pl").stdout)
    assert (verdict["ok"], verdict["problem"]) == (
        False,
        {"fault": "changed", "line": 2, "since": 2, "why": "Line 2 is not what was signed."},
    )
    assert receipts(home, "verify", TANDEM_LANG="pl", PYTHONIOENCODING="utf-8").stdout == (
        "Wiersz 2 nie jest tym, co podpisano.\n"
    )


def test_somebody_else_verifies_an_export_with_the_public_key_alone(home: Path, tmp_path: Path) -> None:
    export = home / "export.jsonl"
    export.write_text(receipts(home, "list", "--jsonl", "--limit", "0").stdout, encoding="utf-8")
    key = home / "their.pub"
    key.write_text((home / "keys" / "receipts.pub").read_text())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    asked = ("verify", "--lines", str(export), "--public-key", str(key))
    assert receipts(elsewhere, *asked).returncode == 0
    end = f"3:{stored(home)[-1].head.hash}"
    lines = export.read_text().splitlines(keepends=True)
    export.write_text("".join(lines[:2]))
    assert receipts(elsewhere, *asked).returncode == 0, "an export tells nothing of its own end"
    assert "The last line, 3, is missing." in receipts(elsewhere, *asked, "--end", end).stdout
    export.write_text("".join([lines[0], lines[2], lines[1]]))
    assert "Line 2 is missing." in receipts(elsewhere, *asked).stdout
    export.write_text("nonsense\n")
    assert "line 1 is no receipt" in receipts(elsewhere, *asked).stderr


@pytest.mark.parametrize("verb", ["list", "verify"])
def test_before_the_first_answer_there_is_nothing_and_the_command_says_so(tmp_path: Path, verb: str) -> None:
    done = receipts(tmp_path, verb)
    assert (done.returncode, done.stdout) == (1, "")
    assert "yet" in done.stderr
    assert not list(tmp_path.iterdir())
