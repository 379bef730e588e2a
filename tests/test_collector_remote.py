"""The way in from other hosts: the shipped overlay on the real collector, with TLS and a token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

import pytest
import requests

from tasks.lib.telemetry import credentials
from tests.support import collector, observed, otlp
from tests.support.observed import ROOT

METRICS = otlp.metrics({"service.name": "demo"}, otlp.count("demo_sent", 7))
OVERLAY = ROOT / "otel-collector-remote.yaml"


class Way(NamedTuple):
    """at: host and port of the way in. token, certificate: what it wants, what it shows."""

    at: str
    token: str
    certificate: Path
    collector: collector.Collector
    secrets: Path


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    """The collector as an environment's own host runs it."""
    home = tmp_path_factory.mktemp("remote")
    made = credentials.made("127.0.0.1")
    assert credentials.faults(made) == ""
    secrets = home / "secrets"
    secrets.mkdir()
    (secrets / "token").write_text(made.token)
    (secrets / "certificate.pem").write_text(made.certificate)
    (secrets / "key.pem").write_text(made.key)
    port = observed.port()
    said = {"COLLECTOR_SECRETS": str(secrets), "COLLECTOR_REMOTE_PORT": str(port)}
    with collector.collector(home, [OVERLAY], **said) as found:
        at = f"127.0.0.1:{port}"
        yield Way(at, made.token, secrets / "certificate.pem", found, secrets)


def send(way: Way, headers: Mapping[str, str]) -> requests.Response:
    """Send one metric there, trusting the certificate that it is to show and no other."""
    with requests.Session() as session:
        session.trust_env = False
        return session.post(
            f"https://{way.at}/v1/metrics",
            json=METRICS,
            headers=headers,
            verify=str(way.certificate),
            timeout=10,
        )


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Basic {token}"}, 401),
        ({"Authorization": "{token}"}, 401),
        ({"Authorization": "Bearer {token}x"}, 401),
        ({"Authorization": "Bearer {token}"}, 200),
    ],
    ids=["no token", "wrong token", "not as a bearer", "bare", "longer", "right token"],
)
def test_who_has_the_token_is_let_in(way: Way, said: Mapping[str, str], status: int) -> None:
    headers = {name: value.format(token=way.token) for name, value in said.items()}
    assert send(way, headers).status_code == status


def test_plain_http_is_not_spoken_there(way: Way) -> None:
    answer = requests.get(f"http://{way.at}/v1/metrics", timeout=10)
    assert answer.status_code == 400 and "HTTPS server" in answer.text


def test_the_certificate_is_checked_by_who_sends(way: Way, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_text(credentials.made("127.0.0.1").certificate)
    with pytest.raises(requests.exceptions.SSLError):
        send(way._replace(certificate=other), {"Authorization": f"Bearer {way.token}"})
    with pytest.raises(requests.exceptions.SSLError):  # it is not for that name
        at = way.at.replace("127.0.0.1", "localhost")
        send(way._replace(at=at), {"Authorization": f"Bearer {way.token}"})


def test_the_way_in_on_this_machine_is_as_it_was(way: Way) -> None:
    sent = requests.post(f"{way.collector.otlp}/v1/metrics", json=METRICS, timeout=10)
    assert sent.status_code == 200


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"token": "short"}, "the token is not"),
        ({"token": "with a blank in its middle"}, "the token is not"),
        ({"certificate": "-----BEGIN"}, "not in PEM"),
    ],
)
def test_what_is_wrong_with_credentials_is_said(changed: dict[str, str], said: str) -> None:
    assert said in credentials.faults(credentials.made("a.example")._replace(**changed))


def test_a_certificate_that_ends_soon_is_said_before_it_does() -> None:
    made = credentials.made("a.example")
    soon = datetime.now(timezone.utc) + timedelta(days=credentials.DAYS - 20)
    assert "the certificate ends at" in credentials.faults(made, soon)
