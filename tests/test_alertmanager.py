"""The Alertmanager configuration that ships: who is told of what, and what each is told.

It is read by a real Alertmanager as it is, but for the addresses that lead outwards.
"""

from __future__ import annotations

import copy
import re
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import yaml

from tasks.lib.telemetry.alertmanager import Alertmanager
from tests.support import golang, observed
from tests.support.receivers import SECRETS, Receivers, receivers

DOCS = "https://github.com/your-organisation/pi-forge/blob/main/docs/alerts"
FILES = observed.ROOT / "alertmanager"
WAYS = ("slack", "pagerduty", "opsgenie", "email", "webhook")


def wording(name: str) -> dict[str, str]:
    return {
        "summary": f"the summary of {name}",
        "description": f"the description of {name}",
        "runbook_url": f"{DOCS}/{name}.md",
    }


class Told:
    """An Alertmanager that several alerts were raised in, first without any secret."""

    def __init__(self, at: Receivers, url: str) -> None:
        self.at, self.url = at, url
        self.asked = Alertmanager(url)
        self.now = time.time()

    def raised(self, name: str, severity: str, environment: str, ends: float = 600.0) -> None:
        labels = {"alertname": name, "severity": severity, "environment": environment}
        labels |= {"service": "pi-forge", "job": "pi-forge"}
        now = time.time()
        self.asked.post(labels, wording(name), self.now, now + ends)

    def failed(self, integration: str) -> float:
        return self.counted("alertmanager_notifications_failed_total", integration)

    def delivered(self, integration: str) -> float:
        """Return what the recording rule NOTIFIED makes of it."""
        name = "alertmanager_notification_requests"
        return self.counted(f"{name}_total", integration) - self.counted(
            f"{name}_failed_total", integration
        )

    def counted(self, name: str, integration: str) -> float:
        text = requests.get(f"{self.url}/metrics", timeout=5).text
        found = re.findall(rf'{name}\{{[^}}]*integration="{integration}"[^}}]*\}} (\S+)', text)
        return sum(map(float, found))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    home = tmp_path_factory.mktemp("alertmanager")
    with receivers(home) as at, at.alertmanager(at.configuration()) as url:
        told = Told(at, url)
        told.raised("ServiceDown", "critical", "production")
        told.raised("HighLatency", "warning", "production")
        told.raised("HighLatency", "warning", "staging")
        told.raised("TrafficStopped", "info", "test")
        told.raised("Typo", "urgent", "test")
        at.until(lambda: told.failed("slack") and told.failed("pagerduty"), "the first attempt")
        assert (at.site.posted, at.mail.got) == ([], []), "without a secret nobody can be told"
        # Which NotificationsFailing has to know, also of those that are being tried again.
        assert [told.delivered(each) for each in WAYS] == [0.0] * len(WAYS)
        assert told.asked.answers() == ""
        at.give()
        at.until(lambda: len(at.to("/slack")) >= 3, "what is told to Slack")
        for path in ("/pagerduty", "/v2/alerts", "/webhook"):
            at.until(lambda: at.to(path), path)
        at.until(lambda: at.mail.got, "the mail")
        yield told


def slack(told: Told, environment: str, name: str) -> dict[str, Any]:
    """Return the one attachment of what Slack was told of an environment's alert."""
    (found,) = [
        said
        for said in told.at.to("/slack")
        if name in str(said) and f"'value': '{environment}'" in str(said)
    ][:1]
    (attachment,) = found["attachments"]
    assert found["channel"] == "#alerts"
    return dict(attachment)


def test_slack_is_told_what_is_critical(told: Told) -> None:
    said = slack(told, "production", "ServiceDown")
    assert said["title"] == "[CRITICAL] production: the summary of ServiceDown"
    assert said["title_link"] == f"{DOCS}/ServiceDown.md"
    assert said["color"] == "danger"
    assert said["fields"] == [
        {"title": "Severity", "value": "critical", "short": True},
        {"title": "Environment", "value": "production", "short": True},
    ]
    assert said["text"].splitlines() == [
        "ServiceDown (firing): the summary of ServiceDown",
        "the description of ServiceDown",
        f"What to do: {DOCS}/ServiceDown.md",
        "",
        "Acknowledge: inv alert.ack ServiceDown --env=production --reason=WHY",
    ]


def test_slack_is_told_a_warning_and_what_nobody_knows_the_severity_of(told: Told) -> None:
    said = slack(told, "staging", "HighLatency")
    assert said["title"] == "[WARNING] staging: the summary of HighLatency"
    assert said["color"] == "warning"
    assert slack(told, "test", "Typo")["title"] == "[URGENT] test: the summary of Typo"


def test_pagerduty_is_told_what_is_critical_and_nothing_else(told: Told) -> None:
    (said,) = told.at.to("/pagerduty")[:1]
    assert said["routing_key"] == SECRETS["pagerduty_key"]
    assert said["event_action"] == "trigger"
    assert re.fullmatch("[0-9a-f]{64}", said["dedup_key"])
    payload = said["payload"]
    assert payload["summary"] == "[CRITICAL] production: the summary of ServiceDown"
    assert payload["severity"] == "critical"
    assert (payload["class"], payload["component"], payload["group"]) == (
        "ServiceDown",
        "pi-forge",
        "production",
    )
    assert payload["custom_details"]["environment"] == "production"
    assert said["links"] == [{"href": f"{DOCS}/ServiceDown.md", "text": "What to do"}]
    assert "HighLatency" not in str(told.at.to("/pagerduty"))


def test_opsgenie_is_told_what_is_critical(told: Told) -> None:
    (said,) = told.at.to("/v2/alerts")[:1]
    assert said["message"] == "[CRITICAL] production: the summary of ServiceDown"
    assert said["priority"] == "P1"
    assert re.fullmatch("[0-9a-f]{64}", said["alias"])
    assert said["tags"] == ["critical", "production"]
    assert said["details"]["runbook_url"] == f"{DOCS}/ServiceDown.md"
    assert "the description of ServiceDown" in said["description"]
    keys = [each.get("Authorization") for each in told.at.site.headers]
    assert f"GenieKey {SECRETS['opsgenie_key']}" in keys


def test_mail_is_sent_through_tls_to_whoever_is_on_call(told: Told) -> None:
    said = told.at.mail.got[0]
    assert said["Subject"] == "[CRITICAL] production: the summary of ServiceDown"
    assert said["To"] == "on-call@your-domain.com"
    text = said.get_body(("plain",))
    assert text is not None
    assert "the description of ServiceDown" in text.get_content()
    assert f"What to do: {DOCS}/ServiceDown.md" in text.get_content()
    assert set(told.at.mail.logins) == {
        ("alertmanager@your-domain.com", SECRETS["smtp_password"]),
    }


def test_a_webhook_is_told_in_alertmanagers_own_words(told: Told) -> None:
    said = told.at.to("/webhook")[0]
    assert (said["version"], said["status"], said["receiver"]) == ("4", "firing", "critical")
    assert said["commonLabels"]["severity"] == "critical"
    assert said["groupLabels"] == {"service": "pi-forge", "environment": "production"}
    (alert,) = said["alerts"]
    assert alert["annotations"] == wording("ServiceDown")
    tokens = [each.get("Authorization") for each in told.at.site.headers]
    assert f"Bearer {SECRETS['webhook_token']}" in tokens


def test_who_is_down_is_not_told_to_be_slow_as_well_and_info_is_kept(told: Told) -> None:
    (slow,) = told.asked.alerts({"alertname": "HighLatency", "environment": "production"})
    assert slow.inhibited
    assert told.asked.alerts({"alertname": "TrafficStopped"})
    everything = f"{told.at.site.posted}"
    assert "TrafficStopped" not in everything
    assert not [
        each
        for each in told.at.to("/slack")
        if "HighLatency" in str(each) and "'production'" in str(each)
    ]


@pytest.mark.parametrize("way", WAYS)
def test_each_way_counts_as_one_that_delivers_once_it_has(told: Told, way: str) -> None:
    assert told.failed(way) > 0 or way in ("email", "webhook"), "that waits for a retry"
    assert told.delivered(way) > 0


def test_what_is_over_is_told_under_the_same_key(told: Told) -> None:
    """The last of them: it ends what the others look at."""
    told.raised("ServiceDown", "critical", "production", ends=0.0)
    at = told.at
    resolved = at.until(
        lambda: [each for each in at.to("/pagerduty") if each["event_action"] == "resolve"],
        "the end of it",
    )
    assert {each["dedup_key"] for each in at.to("/pagerduty")} == {resolved[0]["dedup_key"]}
    (said,) = at.until(
        lambda: [each for each in at.to("/slack") if "RESOLVED" in str(each)], "its end in Slack"
    )
    assert said["attachments"][0]["title"] == "[RESOLVED] production: the summary of ServiceDown"
    assert said["attachments"][0]["color"] == "good"


@pytest.mark.parametrize(
    ("severity", "receiver"),
    [("critical", "critical"), ("warning", "warning"), ("info", "nobody"), ("typo", "warning")],
)
@pytest.mark.parametrize("file", ["alertmanager.yml", "teams.yml"])
def test_a_severity_goes_where_it_should(file: str, severity: str, receiver: str) -> None:
    observed.need("amtool")
    amtool = "amtool" if file == "alertmanager.yml" else str(golang.program("amtool"))
    words = [amtool, "config", "routes", "test", f"--config.file={FILES / file}"]
    done = subprocess.run([*words, f"severity={severity}"], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, receiver), done.stderr


def test_both_files_are_valid_for_the_newest_alertmanager() -> None:
    amtool = golang.program("amtool")
    files = [FILES / "alertmanager.yml", FILES / "teams.yml"]
    done = subprocess.run([amtool, "check-config", *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_teams_is_all_that_its_file_has_more() -> None:
    own, more = (yaml.safe_load((FILES / n).read_text()) for n in ("alertmanager.yml", "teams.yml"))
    rest = copy.deepcopy(more)
    for receiver in rest["receivers"]:
        receiver.pop("msteamsv2_configs", None)
    assert rest == own
    teams = {each["name"]: each.get("msteamsv2_configs") for each in more["receivers"]}
    assert teams["nobody"] is None
    for receiver in ("critical", "warning"):
        (way,) = teams[receiver]
        assert way["webhook_url_file"] == "secrets/teams_url"


def test_repeats_and_groups_are_as_said() -> None:
    route = yaml.safe_load((FILES / "alertmanager.yml").read_text())["route"]
    critical, warning, info = route["routes"]
    assert (critical["repeat_interval"], warning["repeat_interval"]) == ("1h", "4h")
    assert route["group_by"] == ["service", "environment"]
    assert info["receiver"] == "nobody"


def test_secrets_are_files_that_git_does_not_take() -> None:
    text = (FILES / "alertmanager.yml").read_text() + (FILES / "teams.yml").read_text()
    named = set(re.findall(r"\w*_file: (\S+)", text))
    assert named == {f"secrets/{name}" for name in (*SECRETS, "slack_url", "teams_url")}
    for name in named:
        words = ["git", "check-ignore", "--quiet", f"alertmanager/{name}"]
        assert subprocess.run(words, cwd=observed.ROOT).returncode == 0, name
