"""A far side whose certificate nobody vouches for is not asked, and hears no word of a request."""

import asyncio
import datetime
import ssl
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from support.far_sides import Ways, asking, error_of
from tandem.backends.door import NotSent


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server's context with a certificate of its own making."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def test_a_certificate_of_its_own_making_is_not_trusted(tmp_path: Path) -> None:
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(100))
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=self_signed(tmp_path))
        async with server:
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            ways = Ways()
            async with asking(url, ways) as backend:
                error = await error_of(backend)
                assert isinstance(error, NotSent)
                assert error.message == "elsewhere has no certificate that this machine trusts."
                assert not backend.health().reachable
            assert ways.bill.lines == []

    asyncio.run(main())
    assert heard == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "https://127.0.0.1:1"])
def test_nobody_there_is_nobody_with_or_without_tls(url: str) -> None:
    async def main() -> str:
        async with asking(url) as backend:
            return (await error_of(backend)).message

    assert asyncio.run(main()) == "Nobody answers at elsewhere."
