"""`inv alert.test --drill`: a rule made true in the sandbox, followed to a receiver, put back."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tasks.lib.telemetry.prometheus import Prometheus
from tests.support import collector as collectors
from tests.support import observed
from tests.support.alarm import Scene, scene, until
from tests.support.project import ROOT
from tests.support.web import Answer, Site, serve

COUNT = "http_server_request_duration_seconds_count"
ALL = f"sum by (job, environment) (rate({COUNT}[10s]))"
WRONG = f'sum by (job, environment) (rate({COUNT}{{http_response_status_code=~"5.."}}[10s]))'
BUCKETS = "sum by (job, environment, le) (rate(http_server_request_duration_seconds_bucket[10s]))"
# As those that ship, but quick.
RULES: dict[str, Any] = {
    "ServiceDown": {"expr": 'up{job="demo"} == 0', "for": "2s", "severity": "critical"},
    "HighErrorRate": {"expr": f"{WRONG} / {ALL} > 0.01", "for": "2s", "severity": "critical"},
    "HighLatency": {
        "expr": f"histogram_quantile(0.95, {BUCKETS}) > 1",
        "for": "2s",
        "severity": "critical",
    },
}
QUICK = {"group_wait": "100ms", "group_interval": "1s", "group_by": ["alertname", "environment"]}


@pytest.fixture(scope="module")
def hook() -> Iterator[Site]:
    with serve({"/hook": Answer()}) as site:
        yield site


@pytest.fixture(scope="module")
def drilled(tmp_path_factory: pytest.TempPathFactory, hook: Site) -> Iterator[Scene]:
    home = tmp_path_factory.mktemp("drilled")
    team = {"name": "team", "webhook_configs": [{"url": f"{hook.url}/hook"}]}
    config = {"route": {"receiver": "team", **QUICK}, "receivers": [team]}
    with scene(home, config, RULES) as found:
        (found.project.root / "prometheus").symlink_to(home / "prometheus")
        (home / "prometheus/targets/service/sandbox.yml").unlink()
        yield found
        found.project.inv("host.down", "--env=sandbox")


def environments(found: Scene) -> set[str]:
    with Prometheus(found.prometheus) as asked:
        return {v.labels["environment"] for v in asked.query("up == 1")}


def fired(hook: Site, name: str) -> list[dict[str, Any]]:
    """Return what the receiver was told of an alert that fires."""
    return [
        alert
        for _, said in hook.posted
        for alert in said["alerts"]
        if alert["labels"]["alertname"] == name and alert["status"] == "firing"
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--drill=Watchdog",), "no drill of 'Watchdog'; there are: ServiceDown, HighErrorRate"),
        (("--drill=HighLatency", "--env=production"), "add `--env=production --yes`"),
        (("--drill=ServiceDown", "--env=production", "--yes"), "Only the sandbox can be taken"),
        (("--drill=HighErrorRate",), "The collector at http://127.0.0.1:9 did not answer"),
    ],
    ids=["unknown", "unasked", "production", "no collector"],
)
def test_what_it_will_not_do_it_refuses(
    drilled: Scene, words: tuple[str, ...], sentence: str
) -> None:
    nobody = {"prometheus": drilled.prometheus, "alertmanager": drilled.alertmanager}
    drilled.configure(
        environments={"production": {"hosts": ["a@b.invalid"]}},
        stack={**nobody, "otlp": "http://127.0.0.1:9"},
    )
    done = drilled.project.inv("alert.test", *words)
    assert done.returncode == 2 and sentence in done.stderr


def test_where_nobody_scrapes_the_sandbox_one_is_scraped_that_is_not_there(
    drilled: Scene, hook: Site
) -> None:
    drilled.configure()
    told = drilled.project.document("alert.test", "--drill=ServiceDown", "--env=sandbox")
    (arrival,) = told["detail"]["arrivals"]
    assert (arrival["receiver"], arrival["outcome"]) == ("team", "delivered")
    (alert,) = fired(hook, "ServiceDown")
    assert alert["labels"]["instance"] == "127.0.0.1:9"
    assert not (drilled.home / "prometheus/targets/service/drill.yml").exists()


def test_the_sandbox_is_taken_down_and_comes_back(drilled: Scene, hook: Site) -> None:
    project = drilled.project
    served = (ROOT / "tests/support/app.py").read_text()
    said = "said = json.dumps(body).encode()"
    page = 'said = b"demo_up 1\\n" if self.path == "/metrics" else json.dumps(body).encode()'
    project.commit("metrics", **{"app.py": served.replace(said, page)})
    for words in (("host", "--env=sandbox"), ("deploy",)):
        done = project.inv(*words)
        assert done.returncode == 0, done.stdout + done.stderr
    state = json.loads((project.root / ".sandbox" / "state.json").read_text())
    front = f"127.0.0.1:{state['hosts'][0]['front_port']}"
    observed.targets(drilled.home, "service", front, environment="sandbox")
    until(lambda: "sandbox" in environments(drilled), "the first scrape")
    hook.posted.clear()
    done = project.inv("alert.test", "--drill=ServiceDown", "--env=sandbox")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "taken down" in done.stdout and "is up again" in done.stdout
    assert "firing in Prometheus after" in done.stdout and "in Alertmanager after" in done.stdout
    assert {alert["labels"]["instance"] for alert in fired(hook, "ServiceDown")} == {front}
    assert project.front()[0] == 200
    until(lambda: "sandbox" in environments(drilled), "that it is scraped again")


def test_ctrl_c_puts_it_back(drilled: Scene) -> None:
    until(
        lambda: drilled.project.document("alert", "--env=sandbox")["detail"]["firing"] == [],
        "that the last drill is over",
    )
    process = drilled.project.popen("alert.test", "--drill=ServiceDown")
    until(lambda: "sandbox" not in environments(drilled), "that it is down")
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "is up again" in said and drilled.project.front()[0] == 200


def test_what_does_not_fire_is_told_with_the_row_that_helps(drilled: Scene) -> None:
    """Somebody takes what is told, and Prometheus never asks them."""
    with serve({"/v1/metrics": Answer()}) as taken:
        stack = {"prometheus": drilled.prometheus, "alertmanager": drilled.alertmanager}
        drilled.configure(
            service={"observability": {"export": "1s", "scrape": "1s"}},
            stack={**stack, "otlp": taken.url},
        )
        done = drilled.project.inv("alert.test", "--drill=HighErrorRate")
    assert done.returncode == 1 and len(taken.posted) > 5
    assert "HighErrorRate did not fire in sandbox within 14s" in done.stderr
    assert "Runbook: Alerts don't fire" in done.stderr


@pytest.mark.parametrize("name", ["HighErrorRate", "HighLatency"])
def test_requests_that_never_were_make_it_fire(
    drilled: Scene, hook: Site, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with collectors.collector(tmp_path_factory.mktemp("collector")) as kept:
        observed.targets(drilled.home, "service", kept.metrics, environment="collector")
        drilled.configure(
            service={"observability": {"export": "1s", "scrape": "1s"}},
            stack={
                "prometheus": drilled.prometheus,
                "alertmanager": drilled.alertmanager,
                "otlp": kept.otlp,
            },
        )
        told = drilled.project.document("alert.test", f"--drill={name}", "--env=sandbox")
    (drilled.home / "prometheus/targets/service/collector.yml").unlink()
    assert [each["outcome"] for each in told["detail"]["arrivals"]] == ["delivered"]
    alert, *_ = fired(hook, name)
    assert (alert["labels"]["environment"], alert["labels"]["job"]) == ("sandbox", "demo")
