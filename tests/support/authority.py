"""A certificate authority for one run of the tests: who trusts its file trusts `localhost`."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """file: the authority's own certificate, in PEM, for SSL_CERT_FILE and the like."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "authority.pem"
        own, self._key = _certificate("Tests", None, None)
        self._issuer = own.subject
        self.file.write_bytes(own.public_bytes(serialization.Encoding.PEM))
        self._served = directory / "localhost.pem"
        leaf, key = _certificate("localhost", self._issuer, self._key)
        held = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        self._served.write_bytes(leaf.public_bytes(serialization.Encoding.PEM) + held)

    def context(self) -> ssl.SSLContext:
        """Return what a server for `localhost` speaks TLS with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._served)
        return context


def _certificate(
    name: str, issuer: x509.Name | None, signer: ec.EllipticCurvePrivateKey | None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Return a certificate and its key; without an issuer it is an authority's own."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(timezone.utc)
    alike = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(alike), critical=False)
        .sign(signer or key, hashes.SHA256())
    )
    return made, key
