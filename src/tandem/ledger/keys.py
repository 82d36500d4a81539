"""The key that signs receipts: made at first start, kept in a file of its owner alone.

Ed25519 (RFC 8032). The public half lies beside it and may be given to anybody; the private half never leaves the file.
"""

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tandem.core.errors import Unavailable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_FOLDER = "keys"
KEY_FILE = "receipts.pem"
PUBLIC_FILE = "receipts.pub"


class PublicKey:
    """Checks signatures. ``id`` is the start of the sha256 of its 32 bytes: 16 hexadecimal digits."""

    def __init__(self, key: "Ed25519PublicKey") -> None:
        self._key = key
        self.id = hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]

    def signed(self, message: bytes, signature: bytes) -> bool:
        """Whether the holder of the private half signed ``message``."""
        from cryptography.exceptions import InvalidSignature

        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def pem(self) -> str:
        """The key as PEM text (SubjectPublicKeyInfo), which every cryptographic library reads."""
        from cryptography.hazmat.primitives import serialization

        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._key.public_bytes(serialization.Encoding.PEM, form).decode()


class SigningKey:
    """Signs, and knows its public half."""

    def __init__(self, key: "Ed25519PrivateKey") -> None:
        self._key = key
        self.public = PublicKey(key.public_key())

    def sign(self, message: bytes) -> bytes:
        """64 bytes; the same message gives the same bytes."""
        return self._key.sign(message)


def open_key(folder: Path) -> SigningKey:
    """The signing key of a folder, made where there is none: safe among processes that start together.

    Raises `Unavailable` where the file is no such key, and `OSError` where the folder cannot be used.
    """
    file = folder / KEY_FILE
    if not file.exists():
        _make(file)
    signing = SigningKey(_private(file, file.read_bytes()))
    _publish(folder / PUBLIC_FILE, signing.public.pem())
    return signing


def read_public_key(file: Path) -> PublicKey:
    """The public key in a PEM file, or the public half of a private one. Raises `Unavailable` and `OSError`."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    pem = file.read_bytes()
    if b"PRIVATE KEY" in pem:
        return PublicKey(_private(file, pem).public_key())
    try:
        key = load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unusable(file) from error
    if not isinstance(key, Ed25519PublicKey):
        raise _unusable(file)
    return PublicKey(key)


def _private(file: Path, pem: bytes) -> "Ed25519PrivateKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unusable(file) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _unusable(file)
    return key


def _make(file: Path) -> None:
    """Write a new key whole, then give it its name, unless somebody else was faster."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    draft = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as written:
            written.write(pem)
            written.flush()
            os.fsync(written.fileno())
        with suppress(FileExistsError):
            # A link, or a renaming on Windows, never replaces a file that is there.
            (os.rename if os.name == "nt" else os.link)(draft, file)
    finally:
        draft.unlink(missing_ok=True)


def _publish(file: Path, pem: str) -> None:
    with suppress(OSError):
        if not file.exists() or file.read_text("ascii", "replace") != pem:
            draft = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
            draft.write_text(pem, encoding="ascii")
            draft.replace(file)


def _unusable(file: Path) -> Unavailable:
    return Unavailable(
        f"{file} holds no Ed25519 key. Put the right file there, or move it away: a new key is then made."
    )
