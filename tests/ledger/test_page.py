"""The page about receipts is true: its example is made again, and its verifier runs."""

import json
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from support.ledger import a_line, stored
from tandem.core.ledger import LedgerLine
from tandem.ledger.keys import SigningKey
from tandem.ledger.receipts import Head, body_of, issue
from tandem.ledger.store import LedgerOptions, SqliteLedger
from tandem.ledger.verify import exported

PAGE = (Path(__file__).parents[2] / "docs" / "receipts.md").read_text(encoding="utf-8")
EXAMPLE = LedgerLine(
    request_id="req_0123456789abcdef01234567",
    at=1_795_392_000.0,
    route="chat",
    asked="auto",
    policy="local-first",
    policy_hash="3f" * 32,
    outcome="answered",
    model="smollm2-135m",
    place="device",
    evidence="7c" * 32,
    seal="namespace",
    because=("PrivateStaysHere", "NearestFirst"),
    removed=("PrivateStaysHere",),
    private=("PESEL",),
    prompt_tokens=31,
    completion_tokens=7,
    cost_usd=Decimal(0),
    cloud_cost_usd=Decimal("0.000021"),
    first_word_seconds=0.125,
    seconds=0.5,
)


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)\n```", PAGE, re.DOTALL)


def test_the_example_is_made_again_from_its_key_and_its_fields() -> None:
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))

    receipt = issue(body_of(EXAMPLE), Head(), key)

    assert blocks("json") == [receipt.body]
    assert blocks("text") == [receipt.signature.hex(), receipt.head.hash]
    assert key.public.pem().strip() in PAGE
    assert f"the id `{key.public.id}`" in PAGE


def test_every_key_that_a_body_can_hold_is_in_the_table() -> None:
    full = issue(body_of(a_line(1, error="x")), Head(), SigningKey(Ed25519PrivateKey.generate())).fields()
    table = PAGE[PAGE.index("| key | always") : PAGE.index("### An example")]

    named = set(re.findall(r"`([a-z_]+)`", table))

    assert set(full) - named == set()


def test_the_verifier_on_the_page_accepts_what_is_whole_and_refuses_what_is_not(tmp_path: Path) -> None:
    now = 1_795_000_000.0
    options = LedgerOptions(keep_days=2)
    with SqliteLedger(tmp_path, options=options, clock=lambda: now) as ledger:
        for number in range(6):
            ledger.record(a_line(number, at=now + 86_400 * number, asked='zażółć \N{GRINNING FACE} \\ " \x7f\u2028'))
    with SqliteLedger(tmp_path, options=options, clock=lambda: now + 4.5 * 86_400):
        pass
    receipts = stored(tmp_path)
    assert receipts[0].seq == 4
    (program,) = blocks("python")
    assert len(program.splitlines()) <= 25
    export = tmp_path / "export.jsonl"

    def run(lines: list[str]) -> "subprocess.CompletedProcess[str]":
        export.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        command = [sys.executable, "-c", program, tmp_path / "keys" / "receipts.pub", export]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    lines = [json.dumps(exported(receipt)) for receipt in receipts]
    whole = run(lines)
    assert whole.stdout == f"whole up to {receipts[-1].seq}:{receipts[-1].head.hash}\n", whole.stderr
    assert "does not follow" in run([lines[0], *lines[2:]]).stderr
    assert "does not follow" in run([lines[1], lines[0], *lines[2:]]).stderr
    assert "lines 1 to 3 are missing" in run(lines[:-1]).stderr
    assert "InvalidSignature" in run([lines[0].replace("device", "cloud"), *lines[1:]]).stderr
