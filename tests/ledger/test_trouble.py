"""Where the disk takes nothing, answers go on, the trouble is told, and what was lost is told too."""

import logging
import os
import sqlite3
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from support.ledger import a_line, stored, stored_lines
from tandem.core.errors import Unavailable
from tandem.ledger.keys import open_key
from tandem.ledger.reading import LedgerReader
from tandem.ledger.schema import MIGRATIONS
from tandem.ledger.store import LedgerOptions, SqliteLedger
from tandem.ledger.verify import verify_folder

QUICK = LedgerOptions(patience_seconds=0.05, retry_seconds=0.05, memory_lines=5)
NOW = 1_795_000_000.0


def test_a_damaged_file_is_told_once_and_written_again_when_it_was_moved_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "ledger.sqlite"
    file.write_bytes(b"this is no database, and long enough to be looked at" * 100)
    with caplog.at_level(logging.WARNING), SqliteLedger(tmp_path, options=QUICK) as ledger:
        ledger.record(a_line(1))
        assert not ledger.flush(0.4)
        assert "move a damaged file away" in ledger.trouble
        assert sum("cannot be written" in record.message for record in caplog.records) == 1
        file.rename(tmp_path / "damaged")
        assert ledger.flush()
        assert ledger.trouble == ""

    assert [line.request_id for line in stored_lines(tmp_path)] == ["req_1"]


def test_a_file_that_is_damaged_in_the_middle_keeps_nobody_from_answering(tmp_path: Path) -> None:
    with SqliteLedger(tmp_path, options=QUICK) as ledger:
        ledger.record(a_line(1))
    file = tmp_path / "ledger.sqlite"
    content = bytearray(file.read_bytes())
    content[100:] = b"\xff" * (len(content) - 100)
    file.write_bytes(bytes(content))

    with SqliteLedger(tmp_path, options=QUICK) as ledger:
        ledger.record(a_line(2))
        assert not ledger.flush(0.4)
        assert "malformed" in ledger.trouble
    with pytest.raises(Unavailable, match="cannot be read"):
        LedgerReader(tmp_path).summary()


def test_lines_beyond_the_bound_become_one_signed_gap_that_keeps_their_money(tmp_path: Path) -> None:
    with SqliteLedger(tmp_path, options=QUICK, clock=lambda: NOW) as ledger:
        ledger.record(a_line(0, at=NOW))
        assert ledger.flush()
        other = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for number in range(1, 31):
            ledger.record(a_line(number, at=NOW + number, cost_usd=Decimal("0.5"), left_bytes=10))
            ledger.flush(0.01)
        assert ledger.spent_usd() == 15
        assert (ledger.waiting_lines, ledger.lost_lines) == (30, 25)
        other.execute("ROLLBACK")
        other.close()
        assert ledger.flush()
        assert (ledger.spent_usd(), ledger.lost_lines, ledger.trouble) == (15, 0, "")
        ledger.record(a_line(31, at=NOW))

    kinds = [receipt.fields()["kind"] for receipt in stored(tmp_path)]
    assert kinds == ["answer"] * 6 + ["gap"] + ["answer"]
    gap = stored(tmp_path)[6].fields()
    told = {name: gap[name] for name in ("lost", "at_us", "until_us", "left_bytes", "cost_usd")}
    assert told == {
        "lost": 25,
        "at_us": int((NOW + 6) * 1e6),
        "until_us": int((NOW + 30) * 1e6),
        "left_bytes": 250,
        "cost_usd": "12.5",
    }
    assert (verify_folder(tmp_path).ok, verify_folder(tmp_path).lost_lines) == (True, 25)
    total = LedgerReader(tmp_path).summary().total
    assert (total.requests, total.left_bytes, total.cost_usd) == (32, 300, Decimal(15))


FILLING = """
import resource, sys
from pathlib import Path
from support.ledger import a_line
from tandem.ledger.store import LedgerOptions, SqliteLedger

room, most = 300_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]
with SqliteLedger(Path(sys.argv[1]), options=LedgerOptions(retry_seconds=0.05)) as ledger:
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, most))
    number = 0
    while not ledger.trouble and number < 5000:
        ledger.record(a_line(number))
        ledger.flush(0.02)
        number += 1
    told = ledger.trouble
    for more in range(10):
        ledger.record(a_line(number + more))
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    sys.stdout.write(f"{number + 10}|{ledger.flush()}|{told}")
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of a process's files")
def test_a_full_disk_is_told_and_nothing_is_lost_once_there_is_room(tmp_path: Path) -> None:
    # A process that may write no file beyond 300 kB meets the same failure as one on a full disk.
    roots = os.pathsep.join(str(Path(__file__).parents[2] / name) for name in ("src", "tests"))
    done = subprocess.run(
        [sys.executable, "-c", FILLING, tmp_path],
        env=os.environ | {"PYTHONPATH": roots},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    recorded, flushed, told = done.stdout.split("|")
    assert flushed == "True"
    assert "cannot be written" in told
    assert len(stored_lines(tmp_path)) == int(recorded)
    assert verify_folder(tmp_path).ok


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes into folders of mode 0500")
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with SqliteLedger(tmp_path, options=QUICK) as ledger:
        ledger.record(a_line(1))
        assert not ledger.flush(0.3)
        assert "cannot be written" in ledger.trouble
        tmp_path.chmod(0o700)
        assert ledger.flush()


def test_a_data_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    with SqliteLedger(taken, options=QUICK) as ledger:
        ledger.record(a_line(1))
        assert not ledger.flush(0.3)
        assert "cannot be written" in ledger.trouble
        taken.unlink()
        assert ledger.flush()


def test_a_key_file_that_is_no_key_is_told_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    key = tmp_path / "keys" / "receipts.pem"
    key.write_text("my shopping list")
    with SqliteLedger(tmp_path, options=QUICK) as ledger:
        ledger.record(a_line(1))
        assert not ledger.flush(0.3)
        assert "holds no Ed25519 key" in ledger.trouble
        assert key.read_text() == "my shopping list"
        key.unlink()
        assert ledger.flush()


def test_closing_with_a_disk_that_takes_nothing_does_not_hang_and_says_what_is_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "ledger.sqlite").mkdir()
    with caplog.at_level(logging.WARNING), SqliteLedger(tmp_path, options=QUICK) as ledger:
        ledger.record(a_line(1))
    assert any("1 lines unwritten" in record.message for record in caplog.records)


def test_a_file_of_the_first_schema_is_lifted_and_its_sums_are_made_of_its_lines(tmp_path: Path) -> None:
    key = open_key(tmp_path / "keys")
    with SqliteLedger(tmp_path) as ledger:
        for number in range(4):
            ledger.record(a_line(number, cost_usd=Decimal("0.25")))
    old = [(receipt.seq, receipt.body, receipt.signature) for receipt in stored(tmp_path)]
    (tmp_path / "ledger.sqlite").unlink()
    db = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
    MIGRATIONS[0](db)
    db.execute("PRAGMA user_version = 1")
    db.executemany("INSERT INTO line (seq, body, signature) VALUES (?, ?, ?)", old)
    db.close()
    with pytest.raises(Unavailable, match="older Tandem"):
        LedgerReader(tmp_path).summary()

    with SqliteLedger(tmp_path) as ledger:
        ledger.record(a_line(9, cost_usd=Decimal("0.25")))

    total = LedgerReader(tmp_path).summary().total
    assert (total.requests, total.cost_usd) == (5, Decimal("1.25"))
    verdict = verify_folder(tmp_path, keys=[key.public])
    assert (verdict.ok, verdict.lines) == (True, 5)
