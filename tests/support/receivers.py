"""Whoever Alertmanager tells, on loopback: Slack, PagerDuty, OpsGenie, Teams, a webhook, and mail.

Alertmanager reads the file that ships; only where it leads outwards is it led here.
"""

from __future__ import annotations

import email
import email.policy
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import yaml
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support import observed
from tests.support.authority import Authority
from tests.support.web import Answer, Site, serve

# By the name of the file below alertmanager/secrets. Slack's and Teams's are addresses.
SECRETS = {
    "pagerduty_key": "pagerduty-key-of-32-characters-00",
    "opsgenie_key": "opsgenie-key",
    "smtp_password": "smtp-password",
    "webhook_token": "webhook-token",
}
ANSWERS = {
    "/slack": Answer(body="ok"),
    "/teams": Answer(202),
    "/pagerduty": Answer(202, '{"status": "success", "message": "", "dedup_key": "k"}'),
    "/v2/alerts": Answer(202, '{"result": "Request will be processed"}'),
    "/webhook": Answer(),
}


@dataclass
class Mail:
    """A mail server that speaks TLS and wants a password. got: what it was handed."""

    address: str
    got: list[EmailMessage] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        found = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(found, EmailMessage)
        self.got.append(found)
        return "250 OK"

    def __call__(self, *said: Any) -> AuthResult:
        given = said[-1]
        assert isinstance(given, LoginPassword)
        self.logins.append((given.login.decode(), given.password.decode()))
        return AuthResult(success=self.logins[-1][1] == SECRETS["smtp_password"])


@dataclass
class Receivers:
    """All of them. home: where Alertmanager's files are."""

    site: Site
    mail: Mail
    authority: Authority
    home: Path

    def to(self, path: str) -> list[Any]:
        """Return what was posted to a path, the oldest first."""
        return [said for at, said in list(self.site.posted) if at == path]

    def until(self, holds: Callable[[], Any], what: str, limit: float = 60.0) -> Any:
        """Wait until `holds()` is true and return what it returned."""
        end = time.monotonic() + limit
        while not (found := holds()):
            log = (self.home / "alertmanager.log").read_text()[-3000:]
            assert time.monotonic() < end, f"{what} did not arrive: {log}"
            time.sleep(0.1)
        return found

    def configuration(self, file: str = "alertmanager.yml") -> dict[str, Any]:
        """Return the shipped configuration, led here in all that leads outwards."""
        found: dict[str, Any] = yaml.safe_load((observed.ROOT / "alertmanager" / file).read_text())
        common = found["global"]
        for key in ("pagerduty_url", "opsgenie_api_url", "smtp_smarthost"):
            assert key in common, f"{key} would be the real one"
        common["pagerduty_url"] = f"{self.site.url}/pagerduty"
        common["opsgenie_api_url"] = f"{self.site.url}/"
        common["smtp_smarthost"] = self.mail.address
        for receiver in found["receivers"]:
            for webhook in receiver.get("webhook_configs", ()):
                webhook["url"] = f"{self.site.url}/webhook"
        return found

    def give(self, *names: str) -> None:
        """Hand Alertmanager its secrets, all of them or those that are named."""
        addresses = {"slack_url": f"{self.site.url}/slack", "teams_url": f"{self.site.url}/teams"}
        every = SECRETS | addresses
        for name in names or every:
            (self.home / "secrets" / name).write_text(every[name])

    @contextmanager
    def alertmanager(self, config: dict[str, Any], *flags: str) -> Iterator[str]:
        """Run Alertmanager on `config` and yield its URL; it trusts the mail server's authority."""
        env = {**os.environ, "SSL_CERT_FILE": str(self.authority.file)}
        with observed.alerting(self.home, config, *flags, env=env) as url:
            yield url


@contextmanager
def receivers(home: Path) -> Iterator[Receivers]:
    """Put them up until the block ends, with Alertmanager's directory as `home`; no secrets yet."""
    (home / "secrets").mkdir()
    (home / "templates").symlink_to(observed.ROOT / "alertmanager" / "templates")
    authority = Authority(home)
    number = observed.port()
    mail = Mail(f"127.0.0.1:{number}")
    controller = Controller(
        mail,
        hostname="127.0.0.1",
        port=number,
        tls_context=authority.context(),
        require_starttls=True,
        auth_required=True,
        auth_exclude_mechanism=["LOGIN"],  # its words are not those that Alertmanager knows
        authenticator=mail,
    )
    controller.start()
    try:
        with serve(ANSWERS) as site:
            yield Receivers(site, mail, authority, home)
    finally:
        controller.stop()
