"""`inv alert`: the state of every rule, and what has to hold, with the real programs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.lib.telemetry.alertmanager import Alertmanager
from tests.support import observed
from tests.support.alarm import ERRORS, Scene, scene, until
from tests.support.web import Answer, serve

AWAY = "http://127.0.0.1:9/"  # discard: nothing listens there


def receivers(url: str, secrets: Path) -> dict[str, Any]:
    """Return Alertmanager's configuration that tells all of it to `url`."""
    quick = {
        "group_wait": "100ms",
        "group_interval": "1s",
        "group_by": ["alertname", "environment"],
    }
    team = {
        "webhook_configs": [{"url": f"{url}/hook"}],
        "slack_configs": [{"channel": "#a", "api_url_file": str(secrets / "slack_url")}],
    }
    return {
        "route": {
            "receiver": "nobody",
            "routes": [{"matchers": ["severity=critical"], "receiver": "team"}],
            **quick,
        },
        "receivers": [{"name": "nobody"}, {"name": "team", **team}],
    }


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    home = tmp_path_factory.mktemp("alert")
    with (
        serve({"/hook": Answer(200, "ok")}) as hook,
        scene(home, receivers(hook.url, home)) as found,
    ):
        found.hook = hook
        (home / "slack_url").write_text(f"{hook.url}/hook")
        found.pages("HighErrorRate", "HighLatency", "ServiceDown")
        until(lambda: value(found) == 0, "the first scrape")
        yield found


def states(found: Scene, *words: str) -> dict[tuple[str, str], dict[str, Any]]:
    told = json.loads(found.project.inv("alert", "--json", *words).stdout)
    alerts = told.get("detail", {}).get("alerts", [])
    return {(each["alert"], each["environment"]): each for each in alerts}


def value(found: Scene) -> Any:
    return states(found).get(("HighErrorRate", "sandbox"), {}).get("value")


def test_every_rule_has_a_state_with_what_it_measures(seen: Scene) -> None:
    seen.tell(sandbox=0.004)
    until(lambda: value(seen) == 0.004, "the scrape")
    found = states(seen)
    quiet = found["HighErrorRate", "sandbox"]
    assert (quiet["state"], quiet["since"], quiet["threshold"]) == ("inactive", "", "> 0.01")
    assert (quiet["severity"], quiet["for"]) == ("critical", 1)
    assert quiet["page"] == "docs/alerts/HighErrorRate.md"
    assert (found["ServiceDown", "sandbox"]["value"], found["Watchdog", ""]["page"]) == (1, "")
    assert found["HighLatency", ""]["value"] is None, "nothing is there to measure"


def test_it_is_by_environment(seen: Scene) -> None:
    seen.tell(sandbox=0.004, staging=0.25)
    key = ("HighErrorRate", "staging")
    until(lambda: states(seen).get(key, {}).get("state") == "firing", "the alert")
    found = states(seen)
    assert (found[key]["value"], found["HighErrorRate", "sandbox"]["value"]) == (0.25, 0.004)
    assert found[key]["since"] and found[key]["labels"]["job"] == "demo"
    assert found["HighErrorRate", "sandbox"]["state"] == "inactive"
    assert key not in states(seen, "--env=sandbox")
    done = seen.project.inv("alert")
    assert "HighErrorRate in staging" in done.stdout
    assert "docs/alerts/HighErrorRate.md" in done.stdout
    assert "Next: inv alert.explain HighErrorRate" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    seen.values.pop(f'{ERRORS}{{job="demo",environment="staging"}}')
    seen.tell()


def test_what_is_advised_is_warned_of(seen: Scene) -> None:
    done = seen.project.inv("alert")
    assert "no test alert was sent from here for sandbox; run `inv alert.test`" in done.stderr
    assert "there is no page in docs/alerts for Watchdog" in done.stderr
    assert "visualization is active: Grafana at http://127.0.0.1:9 did not answer" in done.stderr


def test_a_service_that_nobody_scrapes_is_warned_of(seen: Scene) -> None:
    seen.configure(app="another")
    done = seen.project.inv("alert")
    seen.configure(app="demo")
    assert "Prometheus scrapes no another in sandbox" in done.stderr


def test_without_prometheus_or_alertmanager_it_refuses(seen: Scene) -> None:
    for key, wrong in (("prometheus", "monitoring is active"), ("alertmanager", "Alertmanager an")):
        stack = {"prometheus": seen.prometheus, "alertmanager": seen.alertmanager, key: AWAY}
        seen.configure(stack=stack)
        done = seen.project.inv("alert")
        checked = seen.project.inv("alert", "--check")
        assert (done.returncode, checked.returncode) == (2, 1)
        assert wrong in done.stderr and "did not answer" in checked.stderr
    seen.configure()


def test_a_way_without_its_secret_is_told(seen: Scene) -> None:
    folder = seen.project.root / "alertmanager" / "secrets"
    folder.mkdir(parents=True, exist_ok=True)
    done = seen.project.inv("alert")
    assert "team: webhook; without a secret: Slack (slack_url)" in done.stdout
    (folder / "slack_url").write_text("http://127.0.0.1:9/hook")
    assert "team: Slack, webhook" in seen.project.inv("alert").stdout.replace(
        "webhook, Slack", "Slack, webhook"
    )


def test_notifications_that_all_failed_do_not_hold(seen: Scene) -> None:
    """Another Alertmanager, whose receiver is away."""
    home = seen.home / "away"
    home.mkdir()
    with (
        observed.alerting(home, receivers(AWAY.rstrip("/"), home)) as url,
        Alertmanager(url) as told,
    ):
        labels = {"alertname": "X", "severity": "critical"}
        told.post(labels, {}, time.time(), time.time() + 60)
        key = ("notification_requests_failed", "webhook", "")
        until(lambda: told.counters()[key], "the failure")
        seen.configure(stack={"prometheus": seen.prometheus, "alertmanager": url})
        done = seen.project.inv("alert", "--check")
    seen.configure()
    assert done.returncode == 1 and "notifications by webhook failed" in done.stdout
    assert "Runbook: Notifications don't arrive" in done.stderr
