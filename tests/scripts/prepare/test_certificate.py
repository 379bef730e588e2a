"""Which names a certificate is for, and files that are none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def certificate(*names: str) -> bytes:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    nobody = x509.Name([])
    made = x509.CertificateBuilder(nobody, nobody, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    signed = made.add_extension(alternative, False).sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    ("names", "covered"),
    [
        (["a.example.com"], True),
        (["b.example.com", "a.example.com"], True),
        (["c.example.com"], False),
        (["example.com"], False),
        (["a.example.co"], False),
        (["issuer.example.com"], False),
    ],
)
def test_a_certificate_is_for_its_own_names(
    half: SimpleNamespace, tmp_path: Path, names: list[str], covered: bool
) -> None:
    chain = tmp_path / "fullchain.pem"
    chain.write_bytes(certificate("a.example.com", "b.example.com"))
    with open(chain, "ab") as more:
        more.write(certificate("issuer.example.com"))
    assert half.certificate.covers(str(chain), names) is covered


def test_what_is_no_certificate_is_for_nobody(half: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("hello")
    assert not half.certificate.covers(str(tmp_path / "x"), ["a"])
    assert not half.certificate.covers(str(tmp_path / "none"), ["a"])
    with pytest.raises(half.wire.Failure, match="is no PEM file"):
        half.certificate.Given({"certificate": "/etc/passwd", "key": ""}).drift()
    with pytest.raises(half.wire.Failure, match="can't be read: No such file"):
        half.certificate.Given({"certificate": "/etc/not-there", "key": ""}).drift()
    with pytest.raises(half.wire.Failure, match="is not only root's"):
        half.certificate.Given({"certificate": str(tmp_path / "x"), "key": ""}).drift()
