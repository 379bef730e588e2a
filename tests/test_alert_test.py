"""`inv alert.test`: real test alerts, followed through a real Alertmanager to local receivers."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.lib.telemetry.alertmanager import Alertmanager, Matcher
from tests.support.alarm import LIMIT, Scene, scene, until
from tests.support.web import Answer, Site, serve

TOLD = {"/slack": Answer(200, "ok"), "/hook": Answer(), "/page": Answer(202, "{}")}
TOLD |= {"/ops/v2/alerts": Answer(202, "{}"), "/gone": Answer(404)}


def configuration(url: str, home: Path) -> dict[str, Any]:
    """Return Alertmanager's configuration: critical is told four ways, warning one, info none."""
    critical = {
        "slack_configs": [{"channel": "#a", "api_url": f"{url}/slack"}],
        "webhook_configs": [{"url": f"{url}/hook"}],
        "pagerduty_configs": [{"url": f"{url}/page", "routing_key": "k" * 32}],
        "opsgenie_configs": [{"api_url": f"{url}/ops/", "api_key": "k"}],
    }
    unset = {"channel": "#b", "api_url_file": str(home / "secrets" / "slack_url")}
    routes = [
        {"matchers": [f"severity={name}"], "receiver": receiver}
        for name, receiver in (("critical", "pager"), ("warning", "channel"))
    ]
    slow = {"receiver": "slow", "group_wait": "1m"}
    routes.append({"matchers": ["severity=info", "environment=staging"], **slow})
    quick = {"group_wait": "100ms", "group_interval": "1s", "group_by": ["service", "environment"]}
    return {
        "route": {"receiver": "nobody", "routes": routes, **quick},
        "receivers": [
            {"name": "nobody"},
            {"name": "pager", **critical},
            {
                "name": "channel",
                "slack_configs": [{"channel": "#b", "api_url": f"{url}/slack"}],
            },
            {"name": "unset", "slack_configs": [unset]},
            {"name": "slow", "webhook_configs": [{"url": f"{url}/hook"}]},
            {"name": "elsewhere", "webhook_configs": [{"url": f"{url}/hook"}]},
        ],
    }


@pytest.fixture(scope="module")
def hook() -> Iterator[Site]:
    with serve(TOLD) as site:
        yield site


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory, hook: Site) -> Iterator[Scene]:
    home = tmp_path_factory.mktemp("tried")
    with scene(home, configuration(hook.url, home)) as found:
        (found.project.root / "alertmanager" / "secrets").mkdir(parents=True)
        found.configure(alert={"limit": "20s"})
        yield found


def outcomes(told: dict[str, Any]) -> dict[tuple[str, str], str]:
    return {(each["receiver"], each["way"]): each["outcome"] for each in told["arrivals"]}


def test_it_is_followed_to_every_receiver_and_resolved(tried: Scene, hook: Site) -> None:
    told = tried.project.document("alert.test")["detail"]
    assert outcomes(told) == {
        **{("pager", way): "delivered" for way in ("Slack", "webhook", "PagerDuty", "OpsGenie")},
        ("channel", "Slack"): "delivered",
        ("unset", "Slack"): "not configured",
        ("elsewhere", "webhook"): "no route",
        ("slow", "webhook"): "no route",
    }
    (sent,) = [said for path, said in hook.posted if path == "/hook" and said["status"] == "firing"]
    (alert,) = sent["alerts"]
    assert alert["labels"]["alertname"] == "TestAlert" and alert["labels"]["severity"] == "critical"
    assert alert["labels"]["service"] == "demo-test" and alert["labels"]["test"] == told["test"]
    assert "nothing is wrong" in alert["annotations"]["summary"]
    assert {path for path, _ in hook.posted} == {"/slack", "/hook", "/page", "/ops/v2/alerts"}
    with Alertmanager(tried.alertmanager) as asked:
        assert asked.alerts({"alertname": "TestAlert"}) == ()
    until(
        lambda: any(p == "/hook" and said["status"] == "resolved" for p, said in hook.posted),
        "that it is told to be over",
    )


def test_then_the_phase_knows_of_it(tried: Scene) -> None:
    assert tried.project.inv("alert.test", "--severity=warning").returncode == 0
    checked = tried.project.inv("alert", "--check")
    assert "a test alert has reached every receiver  holds" in checked.stdout


def test_a_receiver_that_fails_is_named_and_no_other(tried: Scene, hook: Site) -> None:
    hook.answers["/page"] = Answer(400, '{"errors": ["no such key"]}')
    done = tried.project.inv("alert.test", "--severity=critical")
    checked = tried.project.inv("alert", "--check")
    hook.answers["/page"] = TOLD["/page"]
    assert done.returncode == 1
    assert "A test alert did not reach pager by PagerDuty (failed);" in done.stderr
    assert "Runbook: Notifications don't arrive" in done.stderr
    assert "pager by Slack: delivered" in done.stdout
    assert "the last test alert did not reach every receiver" in checked.stdout
    with Alertmanager(tried.alertmanager) as asked:
        assert asked.alerts({"alertname": "TestAlert"}) == ()


def test_one_that_is_kept_back_by_a_silence_is_told(tried: Scene) -> None:
    with Alertmanager(tried.alertmanager) as asked:
        now = time.time()
        held = asked.silence([Matcher("alertname", "TestAlert")], now, now + 300, "ada", "quiet")
        done = tried.project.inv("alert.test", "--severity=warning")
        asked.expire(held)
    assert done.returncode == 1 and "channel by Slack (kept back)" in done.stderr
    assert held in done.stdout


def test_ctrl_c_resolves_it(tried: Scene, hook: Site) -> None:
    hook.answers["/slack"] = Answer(200, "ok", wait=8)
    process = tried.project.popen("alert.test", "--severity=warning")
    with Alertmanager(tried.alertmanager) as asked:
        until(lambda: asked.alerts({"alertname": "TestAlert"}), "the alert")
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=LIMIT)
        hook.answers["/slack"] = TOLD["/slack"]
        assert process.returncode == 130, said
        assert asked.alerts({"alertname": "TestAlert"}) == ()


def test_what_it_cannot_do_it_refuses(tried: Scene) -> None:
    done = tried.project.inv("alert.test", "--severity=fatal")
    assert done.returncode == 2 and "one of critical, warning, info, not 'fatal'" in done.stderr
    stack = {"prometheus": tried.prometheus, "alertmanager": "http://127.0.0.1:9"}
    tried.configure(stack=stack)
    done = tried.project.inv("alert.test")
    tried.configure(alert={"limit": "20s"})
    assert done.returncode == 2 and "missing: Alertmanager answers" in done.stderr


def test_an_environment_that_asks_is_asked(tried: Scene) -> None:
    tried.configure(environments={"sandbox": {"confirm": True}})
    done = tried.project.inv("alert.test")
    tried.configure(environments={"sandbox": {"watch": "0s"}})
    assert done.returncode == 2 and "add `--env=sandbox --yes`" in done.stderr


def test_what_is_not_told_in_time_says_what_to_look_at(tried: Scene) -> None:
    staging = {"hosts": ["a@b.invalid"]}
    tried.configure(alert={"limit": "1s"}, environments={"staging": staging})
    done = tried.project.inv("alert.test", "--severity=info", "--env=staging")
    tried.configure(alert={"limit": "20s"}, environments={"sandbox": {"watch": "0s"}})
    assert done.returncode == 1 and "did not reach slow by webhook (not sent)" in done.stderr
    assert "see group_wait and group_interval" in done.stdout
