"""The signing key is made once, whole, by whoever comes first."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from tandem.core.errors import Unavailable
from tandem.ledger.keys import open_key, read_public_key


def key_id(folder: Path) -> str:
    return open_key(folder).public.id


def test_processes_that_start_together_have_one_key(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    with multiprocessing.get_context("spawn").Pool(6) as pool:
        found = set(pool.map(key_id, [folder] * 24, chunksize=1))

    assert found == {open_key(folder).public.id}
    assert sorted(file.name for file in folder.iterdir()) == ["receipts.pem", "receipts.pub"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_the_private_half_is_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        open_key(tmp_path / "keys")
    finally:
        os.umask(before)
    assert (tmp_path / "keys" / "receipts.pem").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


def test_the_public_half_verifies_what_the_private_half_signed(tmp_path: Path) -> None:
    key = open_key(tmp_path)
    for name in ("receipts.pub", "receipts.pem"):
        public = read_public_key(tmp_path / name)
        assert public.id == key.public.id
        assert public.signed(b"said", key.sign(b"said"))
        assert not public.signed(b"unsaid", key.sign(b"said"))
        assert not public.signed(b"said", b"short")


def test_the_cryptography_is_loaded_with_the_key_and_not_with_the_program() -> None:
    program = "import sys, tandem.ledger.store, tandem.cli; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0


def test_a_public_half_that_was_replaced_is_written_again(tmp_path: Path) -> None:
    pem = open_key(tmp_path).public.pem()
    (tmp_path / "receipts.pub").write_text("another")
    open_key(tmp_path)
    assert (tmp_path / "receipts.pub").read_text() == pem


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    other = generate_private_key(SECP256R1())
    pem = other.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "receipts.pem").write_bytes(pem)
    with pytest.raises(Unavailable, match="holds no Ed25519 key"):
        open_key(tmp_path)
    with pytest.raises(Unavailable, match="holds no Ed25519 key"):
        read_public_key(tmp_path / "receipts.pem")
    (tmp_path / "receipts.pub").write_text("no key at all")
    with pytest.raises(Unavailable, match="holds no Ed25519 key"):
        read_public_key(tmp_path / "receipts.pub")
