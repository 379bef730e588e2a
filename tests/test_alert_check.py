"""`inv alert.check`: what ships holds together, and the first thing that doesn't is named."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.lib.alert import checking
from tasks.lib.errors import NotClosed, Refused
from tasks.lib.settings import Settings
from tests.support import golang, observed


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with what ships for alerting, but for promtool's tests, which take their time."""
    observed.need("promtool", "amtool")
    ignored = shutil.ignore_patterns("tests", "secrets")
    shutil.copy(observed.ROOT / "prometheus.yml", tmp_path)
    for name in ("prometheus", "alertmanager", "docs/alerts"):
        shutil.copytree(observed.ROOT / name, tmp_path / name, ignore=ignored)
    return tmp_path


def settings(**thresholds: Any) -> Settings:
    every = {"sandbox": {"thresholds": thresholds}, "production": {"thresholds": thresholds}}
    return Settings(app="pi-forge", environments=every)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_what_ships_holds_together() -> None:
    observed.need("promtool", "amtool")
    words = [sys.executable, "-m", "invoke", "alert.check"]
    done = subprocess.run(words, cwd=observed.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "critical goes to critical: email, opsgenie, pagerduty, slack, webhook." in done.stdout
    assert "warning goes to warning: slack." in done.stdout
    assert "info goes to nobody: no way." in done.stdout


# What is changed, in which file, and what is said then.
CHANGES = {
    "a rule that is no expression": (
        "prometheus/rules/alerts.yml",
        'up{job="pi-forge"} == 0',
        "up{",
        "Prometheus would not start with it: `promtool check config` says why.",
    ),
    "a threshold that is changed in the rule alone": (
        "prometheus/rules/alerts.yml",
        "rate5m > 0.01",
        "rate5m > 0.05",
        "HighErrorRate fires above 0.05, but service.thresholds.error_ratio is 0.01: change one of"
        " the two.",
    ),
    "milliseconds for seconds": (
        "prometheus/rules/alerts.yml",
        "p95_5m > 1",
        "p95_5m > 1000",
        "HighLatency fires above 1000, but service.thresholds.p95 is 1: change one of the two.",
    ),
    "another wait": (
        "prometheus/rules/alerts.yml",
        "for: 1m",
        "for: 10m",
        "ServiceDown fires after 600s, and should after 60s (`for:`).",
    ),
    "an alert that is gone": (
        "prometheus/rules/alerts.yml",
        "alert: HighLatency",
        "alert: Slow",
        "There is no alert HighLatency: put it back into prometheus/rules.",
    ),
    "a severity that goes nowhere": (
        "prometheus/rules/alerts.yml",
        "severity: critical",
        "severity: urgent",
        "ServiceDown has no severity of critical, warning, info: nobody knows who is told.",
    ),
    "a link that leads elsewhere": (
        "prometheus/rules/alerts.yml",
        "docs/alerts/ServiceDown.md",
        "docs/ServiceDown.md",
        "The runbook_url of ServiceDown does not lead to docs/alerts/ServiceDown.md: correct it.",
    ),
    "a route that calls nobody": (
        "alertmanager/alertmanager.yml",
        "receiver: critical",
        "receiver: warning",
        "critical goes to ['warning'], which calls nobody: have PagerDuty or OpsGenie in it.",
    ),
    "a warning that wakes somebody": (
        "alertmanager/alertmanager.yml",
        "matchers: ['severity = \"warning\"']\n      receiver: warning",
        "matchers: ['severity = \"warning\"']\n      receiver: critical",
        "warning goes to ['critical']: it should tell a channel, and call nobody.",
    ),
    "an info that is told": (
        "alertmanager/alertmanager.yml",
        "matchers: ['severity = \"info\"']\n      receiver: nobody",
        "matchers: ['severity = \"info\"']\n      receiver: warning",
        "info goes to ['warning'], and should tell nobody: it is kept in the history.",
    ),
    "a configuration that is none": (
        "alertmanager/alertmanager.yml",
        "receiver: warning",
        "receiver: team",
        "Alertmanager would not start with it: `amtool check-config alertmanager/alertmanager.yml`"
        " says why.",
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_first_difference_is_named(root: Path, change: tuple[str, str, str, str]) -> None:
    file, old, new, said = change
    edit(root / file, old, new)
    with pytest.raises(NotClosed) as failed:
        checking.check(settings(), root)
    assert str(failed.value) == said


def test_a_rule_whose_tests_fail_is_shown(root: Path) -> None:
    shutil.copytree(observed.ROOT / "prometheus/tests/alerts", root / "prometheus/tests/alerts")
    for path in (root / "prometheus/tests/alerts").glob("*.yml"):
        if path.name != "HighErrorRate.yml":
            path.unlink()
    edit(root / "prometheus/rules/alerts.yml", "rate5m > 0.01", "rate5m > 0.05")
    with pytest.raises(NotClosed, match="A rule does not do what its test says") as failed:
        checking.check(settings(error_ratio=0.05), root)
    assert "HighErrorRate" in failed.value.evidence


def test_an_alert_without_a_page_is_named(root: Path) -> None:
    (root / "docs/alerts/Watchdog.md").unlink()
    with pytest.raises(NotClosed) as failed:
        checking.check(settings(), root)
    assert str(failed.value) == (
        "Watchdog has no page: write docs/alerts/Watchdog.md, what to do when it fires."
    )


def test_rules_about_another_service_are_told(root: Path) -> None:
    with pytest.raises(NotClosed, match="about the job pi-forge, and the app is shop: name that"):
        checking.check(Settings(app="shop"), root)


def test_a_threshold_that_is_changed_in_the_configuration_is_told(root: Path) -> None:
    with pytest.raises(NotClosed, match=r"HighLatency fires above 1, but .*p95 is 2: change"):
        checking.check(settings(p95="2s"), root)


def test_an_environment_with_a_threshold_of_its_own_is_pointed_out(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    every = {"sandbox": {}, "staging": {"thresholds": {"error_ratio": 0.1}}}
    checking.check(Settings(app="pi-forge", environments=every), root)
    assert "environments.staging says thresholds.error_ratio is 0.1" in capsys.readouterr().err


def test_what_is_not_installed_is_said(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(root))
    with pytest.raises(Refused, match="promtool is not installed: `apt install prometheus`, or"):
        checking.check(settings(), root)


def test_a_file_that_is_not_there_is_said(root: Path) -> None:
    (root / "alertmanager/alertmanager.yml").unlink()
    with pytest.raises(Refused, match=r"alertmanager.yml can't be read \(No such file"):
        checking.check(settings(), root)


def test_teams_needs_a_newer_amtool(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = golang.program("amtool")
    monkeypatch.setenv("ALERTMANAGER_CONFIG", "teams.yml")
    with pytest.raises(NotClosed, match=r"\(Microsoft Teams needs amtool 0.28 or newer\)"):
        checking.check(settings(), root)
    monkeypatch.setenv("PATH", f"{newer.parent}:{Path('/usr/bin')}")
    checking.check(settings(), root)
