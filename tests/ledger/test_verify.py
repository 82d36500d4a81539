"""Verification names the first line that was changed, removed, moved or added, and why."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.ledger import a_cloud_line, a_line, stored
from tandem.ledger.heads import parse_fingerprint
from tandem.ledger.keys import open_key
from tandem.ledger.receipts import Head, Receipt, issue
from tandem.ledger.store import LedgerOptions, SqliteLedger
from tandem.ledger.verify import Problem, Verdict, verify, verify_folder

LINES = 12


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data folder with twelve lines."""
    with SqliteLedger(tmp_path) as ledger:
        for number in range(LINES):
            ledger.record(a_line(number) if number % 2 else a_cloud_line(number))
    return tmp_path


def edit(home: Path, *statements: str) -> None:
    with sqlite3.connect(home / "ledger.sqlite") as db:
        for statement in statements:
            db.execute(statement)


def found(home: Path) -> Problem | None:
    return verify_folder(home).problem


def test_a_ledger_that_nobody_touched_is_whole(home: Path) -> None:
    verdict = verify_folder(home, every_signature=True)

    assert (verdict.ok, verdict.lines, verdict.end.seq) == (True, LINES, LINES)
    assert verdict.end == stored(home)[-1].head


@pytest.mark.parametrize("seq", [1, 5, LINES])
@pytest.mark.parametrize(
    "change",
    [
        "body = replace(body, 'local-first', 'cloud-first')",
        "body = json_set(body, '$.left_bytes', 1)",
        "body = replace(body, '{', '{ ')",
        "body = 'nothing'",
        "body = '[[['",
        "body = '{}'",
        "body = x'00ff'",
        "signature = zeroblob(64)",
        "signature = 'text'",
        "signature = substr(signature, 1, 63)",
    ],
)
def test_a_changed_line_is_named(home: Path, seq: int, change: str) -> None:
    edit(home, f"UPDATE line SET {change} WHERE seq = {seq}")

    problem = found(home)

    assert problem is not None
    assert problem.seq == seq
    assert problem.fault in {"changed", "foreign"}, problem


def test_removed_lines_are_named(home: Path) -> None:
    edit(home, "DELETE FROM line WHERE seq IN (5, 6)")
    assert found(home) == Problem(fault="removed", since=5, seq=6)


def test_removed_first_lines_are_named(home: Path) -> None:
    edit(home, "DELETE FROM line WHERE seq < 4")
    assert found(home) == Problem(fault="removed", since=1, seq=3)


def test_lines_cut_off_at_the_end_are_named(home: Path) -> None:
    edit(home, "DELETE FROM line WHERE seq > 9")
    assert found(home) == Problem(fault="cut", since=10, seq=LINES)


def test_a_whole_ledger_taken_away_is_named(home: Path) -> None:
    edit(home, "DELETE FROM line")
    assert found(home) == Problem(fault="cut", since=1, seq=LINES)


def test_what_was_cut_off_stays_missing_when_the_server_writes_on(home: Path) -> None:
    edit(home, "DELETE FROM line WHERE seq > 9")
    with SqliteLedger(home) as ledger:
        ledger.record(a_line(99))
    assert found(home) == Problem(fault="removed", since=10, seq=LINES)


def test_a_file_moved_away_under_a_running_server_leaves_a_hole(home: Path) -> None:
    with SqliteLedger(home) as ledger:
        ledger.record(a_line(100))
        assert ledger.flush()
        for name in ("ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"):
            (home / name).rename(home / f"away-{name}")
        ledger.record(a_line(101))
        assert ledger.flush()
    assert len(stored(home)) == 1
    assert found(home) == Problem(fault="removed", since=1, seq=LINES + 1)


def test_swapped_lines_are_named(home: Path) -> None:
    edit(
        home,
        "UPDATE line SET seq = -1 WHERE seq = 3",
        "UPDATE line SET seq = 3 WHERE seq = 7",
        "UPDATE line SET seq = 7 WHERE seq = -1",
    )
    assert found(home) == Problem(fault="moved", since=3, seq=3)


def test_a_line_that_another_key_signed_is_foreign(home: Path, tmp_path: Path) -> None:
    end = stored(home)[-1].head
    forged = issue({"kind": "answer"}, end, open_key(tmp_path / "other"))
    with sqlite3.connect(home / "ledger.sqlite") as db:
        db.execute("INSERT INTO line (seq, body, signature) VALUES (?, ?, ?)", (13, forged.body, forged.signature))

    assert found(home) == Problem(fault="foreign", since=13, seq=13)


def test_a_chain_forged_from_a_line_on_is_named_at_that_line(home: Path) -> None:
    receipts = stored(home)
    other = open_key(home / "other")
    forged = _resigned(receipts, from_seq=6, key_id=open_key(home / "keys").public.id, signer_folder=other)
    with sqlite3.connect(home / "ledger.sqlite") as db:
        for receipt in forged:
            db.execute(
                "UPDATE line SET body = ?, signature = ? WHERE seq = ?", (receipt.body, receipt.signature, receipt.seq)
            )

    assert found(home) == Problem(fault="changed", since=6, seq=6)


def _resigned(receipts: list[Receipt], *, from_seq: int, key_id: str, signer_folder: object) -> list[Receipt]:
    """Lines that link as they should and name the right key, but that the right key never signed."""
    end, made = receipts[from_seq - 2].head, list[Receipt]()
    for receipt in receipts[from_seq - 1 :]:
        body = receipt.fields() | {"left_bytes": 0, "prev": end.hash, "key": key_id}
        text = json.dumps(body, sort_keys=True, separators=(",", ":"))
        made.append(Receipt(seq=receipt.seq, body=text, signature=b"\1" * 64))
        end = made[-1].head
    return made


def test_a_missing_or_forged_end_is_told(home: Path) -> None:
    head = home / "keys" / "receipts.head"
    told = head.read_text()
    head.write_text(told.replace('"seq":12', '"seq":11'))
    assert found(home) == Problem(fault="unknown end", since=LINES, seq=LINES)
    head.unlink()
    assert found(home) == Problem(fault="unknown end", since=LINES, seq=LINES)
    head.write_text(told)
    assert found(home) is None


def test_an_end_that_was_taken_away_with_the_last_lines_is_told_for_ever(home: Path) -> None:
    edit(home, "DELETE FROM line WHERE seq > 9")
    (home / "keys" / "receipts.head").unlink()
    for number in range(2):
        with SqliteLedger(home) as ledger:
            ledger.record(a_line(300 + number))
    assert found(home) == Problem(fault="unknown end", since=9, seq=9)
    assert verify_folder(home, every_signature=True).problem == found(home)
    assert [receipt.fields()["kind"] for receipt in stored(home)][9:] == ["unended", "answer", "answer"]


@pytest.mark.parametrize("take_the_end", [False, True])
@pytest.mark.parametrize("while_running", [False, True])
def test_a_last_line_that_was_changed_is_named_though_the_server_wrote_on(
    home: Path, *, while_running: bool, take_the_end: bool
) -> None:
    def change(seq: int) -> None:
        edit(home, f"UPDATE line SET body = json_set(body, '$.left_bytes', 5) WHERE seq = {seq}")
        if take_the_end:
            (home / "keys" / "receipts.head").unlink()

    if not while_running:
        change(LINES)
    with SqliteLedger(home) as ledger:
        ledger.record(a_line(300))
        assert ledger.flush()
        if while_running:
            change(LINES + 1)
        ledger.record(a_line(301))
    assert found(home) == Problem(fault="changed", since=LINES + while_running, seq=LINES + while_running)


def test_a_line_put_in_behind_the_servers_back_is_named_though_the_server_wrote_on(home: Path) -> None:
    with SqliteLedger(home) as ledger:
        ledger.record(a_line(300))
        assert ledger.flush()
        edit(
            home,
            "INSERT INTO line (seq, body, signature) "
            "SELECT 14, replace(body, 'device', 'cloud'), signature FROM line WHERE seq = 13",
        )
        ledger.record(a_line(301))
    assert found(home) == Problem(fault="changed", since=14, seq=14)


def test_an_end_that_was_kept_elsewhere_finds_a_cut_that_took_the_signed_end_back_too(home: Path) -> None:
    head = home / "keys" / "receipts.head"
    early = head.read_bytes()
    with SqliteLedger(home) as ledger:
        for number in range(5):
            ledger.record(a_line(50 + number))
    kept = verify_folder(home).end
    edit(home, "DELETE FROM line WHERE seq > 12")
    head.write_bytes(early)

    assert found(home) is None, "this is what a signed end beside the ledger cannot show"
    assert verify_folder(home, ends=[kept]).problem == Problem(fault="cut", since=13, seq=17)


def test_an_end_of_another_chain_is_told(home: Path) -> None:
    other = Head(seq=4, hash="ab" * 32)
    assert verify_folder(home, ends=[other]).problem == Problem(fault="other end", since=4, seq=4)


def test_only_what_is_new_is_verified_after_a_kept_end(home: Path) -> None:
    end = stored(home)[8].head
    verdict = verify_folder(home, after=end)
    assert (verdict.ok, verdict.lines) == (True, LINES - 9)
    assert verify_folder(home, after=Head(seq=9, hash="ab" * 32)).problem == Problem(fault="moved", since=10, seq=10)


def test_pruned_lines_are_accounted_for_by_a_receipt_and_their_sums_stay(tmp_path: Path) -> None:
    now = 1_795_000_000.0
    options = LedgerOptions(keep_days=10)
    with SqliteLedger(tmp_path, options=options, clock=lambda: now) as ledger:
        for number in range(20):
            ledger.record(a_line(number, at=now + number * 86_400))
        assert ledger.flush()
    before = stored(tmp_path)
    later = now + 25 * 86_400
    with SqliteLedger(tmp_path, options=options, clock=lambda: later) as ledger:
        assert ledger.trouble == ""

    verdict = verify_folder(tmp_path, every_signature=True)
    assert [receipt.seq for receipt in stored(tmp_path)] == [16, 17, 18, 19, 20, 21]
    assert (verdict.ok, verdict.pruned_through) == (True, 15)
    assert verify_folder(tmp_path, ends=[before[14].head]).ok
    assert verify_folder(tmp_path, ends=[before[3].head]).unchecked_ends == (before[3].head,)
    assert verify_folder(tmp_path, after=before[3].head).ok
    edit(tmp_path, "DELETE FROM line WHERE seq = 16")
    assert found(tmp_path) == Problem(fault="removed", since=1, seq=16)


def test_a_second_key_is_trusted_where_it_is_named(home: Path) -> None:
    old = open_key(home / "keys").public
    (home / "keys" / "receipts.pem").unlink()
    with SqliteLedger(home) as ledger:
        ledger.record(a_line(200))
    new = open_key(home / "keys").public

    assert found(home) == Problem(fault="foreign", since=1, seq=1)
    assert verify_folder(home, keys=[old, new]).ok
    edit(home, "UPDATE line SET signature = zeroblob(64) WHERE seq = 12")
    assert verify_folder(home, keys=[old, new]).problem == Problem(fault="changed", since=12, seq=12)


def opening(receipts: Iterable[Receipt]) -> AbstractContextManager[Iterable[Receipt]]:
    return nullcontext(iter(receipts))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_done_to_the_order_or_to_a_letter_is_found(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    key = open_key(tmp_path_factory.getbasetemp() / "one-key")
    chain, end = list[Receipt](), Head()
    for number in range(8):
        chain.append(issue({"kind": "answer", "request_id": f"r{number}"}, end, key))
        end = chain[-1].head
    touched = list(chain)
    at = data.draw(st.integers(0, 7))
    match data.draw(st.sampled_from(["remove", "swap", "double", "letter", "bit"])):
        case "remove":
            del touched[at]
        case "swap":
            other = data.draw(st.integers(0, 7).filter(lambda number: number != at))
            touched[at], touched[other] = touched[other], touched[at]
        case "double":
            touched.insert(at, touched[at])
        case "letter":
            body = touched[at].body
            place = data.draw(st.integers(0, len(body) - 1))
            letter = data.draw(st.sampled_from('0aZ{}",').filter(lambda sign: sign != body[place]))
            touched[at] = Receipt(
                seq=at + 1, body=body[:place] + letter + body[place + 1 :], signature=touched[at].signature
            )
        case _:
            bits = bytearray(touched[at].signature)
            bits[data.draw(st.integers(0, 63))] ^= 1 << data.draw(st.integers(0, 7))
            touched[at] = Receipt(seq=at + 1, body=touched[at].body, signature=bytes(bits))

    def verdict(receipts: list[Receipt]) -> Verdict:
        return verify(lambda: opening(receipts), [key.public], ends=[end])

    assert verdict(chain).ok
    assert not verdict(touched).ok


def test_an_end_is_written_as_number_and_hash() -> None:
    assert parse_fingerprint("12:" + "AB" * 32) == Head(seq=12, hash="ab" * 32)
    for wrong in ("", "12", "x:" + "ab" * 32, "12:ab", "12:" + "zz" * 32):
        with pytest.raises(ValueError, match=r"NUMBER:HASH|base 16"):
            parse_fingerprint(wrong)
