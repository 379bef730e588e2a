"""What a service on another host needs to send to an environment's own stack: a token, and the
certificate that the stack shows."""

from __future__ import annotations

import ipaddress
import re
import secrets
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cryptography import x509

DAYS = 825  # of a certificate that is made here
SOON = 30  # days before its end from which that is said

_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{16,}")  # what a header takes (RFC 6750, 2.1)


class Credentials(NamedTuple):
    """token: of the header `Authorization: Bearer …`. certificate, key: in PEM."""

    token: str
    certificate: str
    key: str


def made(name: str) -> Credentials:
    """Return new ones for a stack that is reached by `name`, a host's name or address.

    The certificate is signed by its own key: who sends is given it to trust, and trusts no other.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    now = datetime.now(timezone.utc)
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([_named(name)]), critical=False)
        .add_extension(own, critical=False)
        .sign(key, hashes.SHA256())
    )
    held = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    shown = certificate.public_bytes(serialization.Encoding.PEM)
    return Credentials(secrets.token_urlsafe(32), shown.decode(), held.decode())


def _named(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def faults(found: Credentials, now: datetime | None = None) -> str:
    """Return what is wrong with some, "" where nothing is; `now`: for which time, by default now.

    A key that isn't here ("") is not looked at.
    """
    from cryptography import x509

    if not _TOKEN.fullmatch(found.token):
        return "the token is not 16 or more of letters, digits and ._~+/=-"
    try:
        certificate = x509.load_pem_x509_certificate(found.certificate.encode())
    except ValueError:
        return "the certificate is not in PEM"
    left = certificate.not_valid_after_utc - (now or datetime.now(timezone.utc))
    if left < timedelta(days=SOON):
        return f"the certificate ends at {certificate.not_valid_after_utc:%Y-%m-%d}"
    return ""


def variables(endpoint: str, token: str, certificate: str) -> dict[str, str]:
    """Return what a service's environment needs, by the names that OpenTelemetry gives it.

    endpoint: as https://host:4319. certificate: the path of the certificate's file over there.
    """
    return {
        "ENABLE_TELEMETRY": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{token}",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": certificate,
    }
