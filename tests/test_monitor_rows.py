"""Each row of the runbook's Monitor phase, provoked: prerequisites, procedure, validation, and what
to do about what goes wrong."""

from __future__ import annotations

import contextlib
import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.lib.telemetry import names
from tasks.lib.telemetry.prometheus import Prometheus
from tests.conftest import Make
from tests.support import around
from tests.support import flow as flows
from tests.support import grafana as grafanas
from tests.support import watched
from tests.support.past import Past
from tests.support.project import Project

# The reference service with a check of its own: a file says what is wrong.
SHOP = """
from pathlib import Path

from server.main import app

print("ready", flush=True)

async def database() -> str:
    said = Path(__file__).parent / "run" / "wrong"
    return said.read_text() if said.exists() else ""

app.health.checks["database"] = database
"""
FIRING = """
groups:
  - name: test
    interval: 1s
    rules:
      - alert: HighErrorRate
        expr: job:http_requests:rate5m > 1
        labels: {severity: critical}
        annotations: {summary: it fails}
"""


@pytest.fixture(scope="module")
def project(lasting: Make) -> Project:
    """The reference service on one host."""
    made = lasting(hosts=1)
    watched.reference(made)
    made.configure(run=watched.SERVER.replace("server.main", "shop"))
    made.commit("a check of its own", **{"shop.py": SHOP})
    made.document("deploy")
    return made


@pytest.fixture(scope="module")
def fine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A Prometheus that knows of a service that does well."""
    past = watched.recently()
    watched.well(past)
    with watched.known(tmp_path_factory.mktemp("fine"), past) as found:
        yield found


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A Prometheus that knows of nothing."""
    with watched.known(tmp_path_factory.mktemp("empty"), Past(0, 0, labels="")) as found:
        yield found


def run_directory(project: Project) -> Path:
    return project.host() / "current" / "run"


@contextlib.contextmanager
def logged(project: Project, *lines: str) -> Iterator[None]:
    """Have the live release's log end with these lines."""
    log = run_directory(project) / "web.log"
    before = log.read_bytes()
    with log.open("a") as out:
        out.writelines(f"{line}\n" for line in lines)
    yield
    with log.open("r+b") as out:
        out.truncate(len(before))


def rows(told: dict[str, Any]) -> list[str]:
    return [each["issue"] for each in told["troubleshooting"]]


# Prerequisites; the first two are in test_monitor.py.


def test_there_are_dashboards(project: Project, fine: dict[str, str]) -> None:
    with grafanas.serve(fine["INVOKE_STACK_PROMETHEUS"]) as grafana:
        login = {"GRAFANA_ADMIN_PASSWORD": grafanas.PASSWORD, "GRAFANA_TOKEN": ""}
        env = {**fine, **login, "INVOKE_STACK_GRAFANA": grafana.url}
        done = project.inv("monitor", "--once", env=env)
        assert done.returncode == 0 and done.stderr == ""
        done = project.inv("monitor", "--once", env={**env, "GRAFANA_ADMIN_PASSWORD": "wrong"})
        assert done.returncode == 0 and "doesn't take what .env has" in done.stderr
        grafana.boards.clear()
        done = project.inv("monitor", "--once", env=env)
        assert done.returncode == 0, "it is advised, not required"
        assert "there are dashboards: Grafana at" in done.stderr
        assert "has no dashboards; run `inv visualize`" in done.stderr


# Procedure.


@pytest.fixture
def browser(tmp_path: Path) -> tuple[dict[str, str], Path]:
    """The variable that has a program opened in place of a browser, and the file that it writes."""
    program, opened = tmp_path / "browser", tmp_path / "opened"
    program.write_text(f'#!/bin/sh\necho "$1" >> {shlex.quote(str(opened))}\n')
    program.chmod(0o755)
    return {"BROWSER": str(program)}, opened


def test_open_prometheus_and_grafana(
    project: Project, fine: dict[str, str], browser: tuple[dict[str, str], Path]
) -> None:
    variable, opened = browser
    with grafanas.serve(fine["INVOKE_STACK_PROMETHEUS"]) as grafana:
        env = {**fine, **variable, "INVOKE_STACK_GRAFANA": grafana.url}
        env["GRAFANA_ADMIN_PASSWORD"] = grafanas.PASSWORD
        done = project.inv("monitor", "--open", "--once", env=env)
        places = [fine["INVOKE_STACK_PROMETHEUS"], grafana.url]
        assert done.returncode == 0, done.stderr
        assert opened.read_text().split() == places
        assert [f"Prometheus: {places[0]}", f"Grafana: {places[1]}"] == done.stdout.splitlines()[:2]


def test_without_a_browser_the_links_do(project: Project, fine: dict[str, str]) -> None:
    env = {**fine, "BROWSER": "/nowhere/browser", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    done = project.inv("monitor", "--open", "--once", env={**env, "PATH": "/nowhere"})
    assert done.returncode == 0, done.stderr
    assert "no browser could be opened for Prometheus" in done.stderr
    assert f"Prometheus: {fine['INVOKE_STACK_PROMETHEUS']}" in done.stdout


def test_read_the_recent_log(project: Project, fine: dict[str, str]) -> None:
    said = ["ERROR: no connection", 'INFO: "GET /error" 200', '{"level":"error","message":"again"}']
    with logged(project, *said):
        told = project.document("monitor", env=fine, code=1)
        reading = told["detail"]["readings"]["log"]
        assert (reading["value"], told["detail"]["last_error"]) == (2.0, "again")
        assert "the log of host1 tells of 2 errors, the last: again" in told["error"]["evidence"]
        assert told["next"] == "inv deploy.logs --env=sandbox"
        assert project.inv("deploy.logs", "--lines=1").stdout.strip() == said[-1]
        lax = project.inv("monitor", "--once", env={**fine, "INVOKE_MONITOR_ERRORS": "2"})
        assert lax.returncode == 0, lax.stderr
        assert "2 in 100 lines" in lax.stdout


def test_ask_the_service_itself(project: Project, fine: dict[str, str]) -> None:
    wrong = run_directory(project) / "wrong"
    wrong.write_text("no connection")
    try:
        told = project.document("monitor", env=fine, code=1)
    finally:
        wrong.unlink()
    health = told["detail"]["readings"]["health"]
    assert health["state"] == "out" and "database no connection" in health["note"]
    assert "/api/health answered 503 (database: no connection)" in told["error"]["evidence"]
    assert told["next"] == "inv deploy.status --env=sandbox"


def test_see_that_somebody_is_told(project: Project, tmp_path: Path) -> None:
    past = watched.recently()
    watched.well(past)
    with watched.known(tmp_path / "firing", past, rules=FIRING) as env:
        prometheus = Prometheus(env["INVOKE_STACK_PROMETHEUS"])
        around.until(lambda: bool(prometheus.get("alerts")["alerts"]), "an alert that fires")
        told = project.document("monitor", env=env, code=1)
        assert told["detail"]["readings"]["alerts"]["why"] == "firing: HighErrorRate"
        (alert,) = told["detail"]["alerts"]
        assert alert["summary"] == "it fails" and 0 <= time.time() - alert["since"] < 60
        assert told["next"] == "inv alert"
    with watched.known(tmp_path / "none", past, rules="groups: []\n") as env:
        told = project.document("monitor", env=env, code=2)
        assert "no alert rule is loaded: nobody is told" in told["error"]["evidence"]


def test_the_service_on_this_machine(project: Project, tmp_path: Path) -> None:
    past = watched.recently(environment="local")
    watched.well(past, job="demo")
    with watched.known(tmp_path / "local", past) as env, flows.service(tmp_path) as served:
        env = {**env, "INVOKE_HOST_PORT": served.url.rpartition(":")[2]}
        told = project.document("monitor", "--env=local", env=env)
        assert told["detail"]["verdict"] == "ok"
        assert "started ok" in told["detail"]["readings"]["health"]["note"]
    told = project.document("monitor", "--env=local", env=env, code=1)
    assert told["next"] == "inv host.serve" and "did not answer" in told["error"]["evidence"]


# Validation.


def test_each_validation_fails_by_itself(
    project: Project, fine: dict[str, str], empty: dict[str, str]
) -> None:
    cases = (
        ({**fine, "INVOKE_MONITOR_METRICS": "/api/none"}, "/api/metrics answers", "answered 404"),
        (empty, "Prometheus scrapes the service", "scrapes no instance of it"),
    )
    for env, name, why in cases:
        done = project.inv("monitor", "--check", env=env)
        assert done.returncode == 1
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("- ")]
        assert line.startswith(f"- {name}: ") and why in line and "; run `" in line
    with logged(project, "CRITICAL: the disk is full"):
        done = project.inv("monitor", "--check", env=fine)
        assert done.returncode == 1
        assert "- the log has no critical errors: the log of host1 tells of an error" in done.stderr


def test_one_of_two_instances_that_is_down_is_named(project: Project, tmp_path: Path) -> None:
    past = watched.recently()
    watched.well(past, instances=1, but={names.UP: None})
    past.add("up", 0.0, job="pi-forge", instance="web7:8000")
    past.add(names.UP, 1.0, job="pi-forge")
    past.add(names.INSTANCES, 2.0, job="pi-forge")
    with watched.known(tmp_path, past) as env:
        done = project.inv("monitor", "--check", env=env)
    assert done.returncode == 1
    assert "Prometheus scrapes the service: 1 of 2 are down: web7:8000" in done.stderr


# Troubleshooting; "The error ratio is high" is in test_monitor.py.


def test_metrics_do_not_appear(project: Project, empty: dict[str, str]) -> None:
    told = project.document("monitor", env=empty, code=2)
    assert rows(told) == ["Metrics don't appear"]
    assert told["next"] == "inv monitor.doctor --env=sandbox"


def test_the_dashboards_are_empty(
    project: Project, fine: dict[str, str], browser: tuple[dict[str, str], Path]
) -> None:
    with grafanas.serve(watched.NOWHERE) as grafana:
        env = {**fine, **browser[0], "INVOKE_STACK_GRAFANA": grafana.url}
        env["GRAFANA_ADMIN_PASSWORD"] = grafanas.PASSWORD
        told = project.document("monitor", "--open", env=env, code=1)
        assert rows(told) == ["The dashboards are empty"] and told["next"] == "inv visualize"
        assert "does not work" in told["error"]["message"]
        grafana.sources.clear()
        told = project.document("monitor", "--open", env=env, code=1)
        assert rows(told) == ["The dashboards are empty"]
        assert "has no data source of the type prometheus" in told["error"]["message"]


def test_data_points_are_missing(project: Project, tmp_path: Path) -> None:
    ended = time.time() - 120
    past = Past(ended - 1800, ended, 15.0, environment="sandbox")
    watched.well(past)
    with watched.known(tmp_path, past) as env:
        told = project.document("monitor", env=env, code=2)
    assert rows(told) == ["Data points are missing"]
    assert re.search(r"it is stale: the newest sample is \dm", told["error"]["evidence"])


# Next step.


def test_a_note_marks_the_boards(project: Project, fine: dict[str, str]) -> None:
    with grafanas.serve(fine["INVOKE_STACK_PROMETHEUS"]) as grafana:
        env = {**fine, "INVOKE_STACK_GRAFANA": grafana.url}
        env["GRAFANA_ADMIN_PASSWORD"] = grafanas.PASSWORD
        done = project.inv("monitor.note", "a <b>queue</b> grew", env=env)
        assert done.returncode == 0 and done.stderr == ""
        (mark,) = grafana.annotations
    assert mark["text"] == "a &lt;b&gt;queue&lt;/b&gt; grew"
    assert mark["tags"] == ["note", "sandbox", "demo"]
    assert abs(mark["time"] / 1000 - time.time()) < 60
