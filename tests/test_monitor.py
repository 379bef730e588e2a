"""`inv monitor` on a real Prometheus and the reference service in the sandbox."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tasks.lib import target
from tasks.lib.monitor.hosts import Hosts
from tasks.lib.monitor.loglines import Found
from tasks.lib.settings import Sandbox, Settings
from tasks.lib.telemetry import names
from tests.conftest import Make
from tests.support import watched
from tests.support.project import Project

INV = (sys.executable, "-u", "-m", "invoke")


@pytest.fixture(scope="module")
def project(lasting: Make) -> Project:
    """The reference service, deployed to two hosts."""
    made = lasting(hosts=2)
    watched.reference(made)
    made.document("deploy")
    return made


@pytest.fixture(scope="module")
def fine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A Prometheus that knows of a service that does well: of 50 instances, for half an hour."""
    past = watched.recently()
    watched.well(past, instances=50)
    other = watched.recently(environment="production")
    watched.well(other, but={names.ERROR_RATIO: 0.5, names.UP: 1.0})
    with watched.known(tmp_path_factory.mktemp("fine"), past, other) as found:
        yield found


def seen(done: dict[str, Any]) -> dict[str, Any]:
    """The readings of a document."""
    found = done["detail"]["readings"]
    assert isinstance(found, dict)
    return found


def test_all_in_bounds(project: Project, fine: dict[str, str]) -> None:
    told = project.document("monitor", env=fine)
    assert told["outcome"] == "closed" and told["detail"]["verdict"] == "ok"
    readings = seen(told)
    for key, name in (("rate", names.RATE), ("p99", names.P99), ("memory", names.MEMORY)):
        assert readings[key]["value"] == pytest.approx(watched.WELL[name])
    assert readings["instances"]["text"] == "50 of 50"
    assert readings["error_ratio"]["limit"] == 0.01
    assert "started ok" in readings["health"]["note"]
    assert readings["metrics"]["state"] == readings["log"]["state"] == "ok"
    release = told["detail"]["release"]
    assert release["releases"] == [project.current()] and release["source"] == "the hosts"
    assert 0 < time.time() - release["since"] < 600
    assert told["next"] == "inv visualize"


def test_lines_where_there_is_no_terminal(project: Project, fine: dict[str, str]) -> None:
    done = project.inv("monitor", "--once", env=fine)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith("sandbox at ") and lines[0].endswith(": in bounds")
    assert any(line.split() == ["error", "ratio", "0.2", "%", "1", "%", "ok"] for line in lines)
    assert "\x1b" not in done.stdout and max(map(len, lines)) <= 80


def test_a_refresh_asks_few_questions(project: Project, fine: dict[str, str]) -> None:
    url = fine["INVOKE_STACK_PROMETHEUS"]
    before = watched.asked(url)
    project.document("monitor", "--no-logs", env=fine)
    # One is the prerequisite's, asked once however long the board is looked at.
    assert 1 < watched.asked(url) - before <= 10


def test_another_environments_trouble_is_not_ours(project: Project, fine: dict[str, str]) -> None:
    # It has a Prometheus of its own; that the one of this machine is away is nothing to it.
    own = {"observability": {"prometheus": fine["INVOKE_STACK_PROMETHEUS"]}}
    project.others = {"production": project.at(2, **own)}
    project.configure()
    away = watched.variables(watched.NOWHERE)
    try:
        assert seen(project.document("monitor", env=fine))["error_ratio"]["value"] == 0.002
        told = project.document("monitor", "--env=production", "--no-logs", env=away, code=1)
        assert told["error"]["kind"] == "errors" and "error ratio is 50 %" in str(told["error"])
        assert told["next"] == "inv rollback --env=production"
        assert told["troubleshooting"][0]["issue"] == "The error ratio is high"
        assert "log" not in seen(told)
    finally:
        project.others = {}
        project.configure()


def test_check_changes_nothing(project: Project, fine: dict[str, str]) -> None:
    journal = project.root / ".circle" / "journal.jsonl"
    before = journal.read_text()
    done = project.inv("monitor", "--check", env=fine)
    assert done.returncode == 0
    for name in ("/api/metrics answers", "Prometheus scrapes the service", "the log has no"):
        assert any(name in line and line.endswith("holds") for line in done.stdout.splitlines())
    assert journal.read_text() == before


def test_the_journal_has_changes_only(project: Project, fine: dict[str, str]) -> None:
    journal = project.root / ".circle" / "journal.jsonl"

    def lines() -> list[str]:
        told = [json.loads(line) for line in journal.read_text().splitlines()]
        return [each["detail"]["verdict"] for each in told if each["phase"] == "monitor"]

    project.inv("monitor", "--once", env=fine)
    before = lines()
    project.inv("monitor", "--once", env=fine)
    assert lines() == before
    project.inv("monitor", "--once", env=watched.variables(watched.NOWHERE))
    assert lines() == [*before, "unknown"]


def test_without_prometheus_nothing_is_known_and_the_rest_is_shown(project: Project) -> None:
    away = watched.variables(watched.NOWHERE)
    told = project.document("monitor", env=away, code=2)
    assert told["error"]["kind"] == "unknown" and "did not answer" in told["error"]["evidence"]
    assert seen(told)["health"]["state"] == seen(told)["log"]["state"] == "ok"
    assert told["next"] == "inv monitor.doctor --env=sandbox"
    done = project.inv("monitor", "--once", env=away)
    assert "warning: the telemetry stack is running: " in done.stderr
    assert "start it with `inv preaggregate`" in done.stderr
    assert "warning: there are dashboards: Grafana at" in done.stderr


def test_a_board_that_lives_without_a_terminal(project: Project, fine: dict[str, str]) -> None:
    env = {**project.variables(), **fine, "INVOKE_MONITOR_REFRESH": "1s"}
    child = subprocess.Popen(
        [*INV, "monitor"],
        cwd=project.root,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        first, second = child.stdout.readline(), child.stdout.readline()
        assert "sandbox in bounds: requests/s 20, error ratio 0.2 %" in first
        assert second.split(" ", 1)[1] == first.split(" ", 1)[1], "a line each time"
        os.kill(child.pid, signal.SIGINT)
        out, err = child.communicate(timeout=30)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 0, err
    assert "Traceback" not in err and out.endswith("Next: inv visualize\n")


def test_it_ends_when_nobody_reads_on(project: Project, fine: dict[str, str]) -> None:
    env = {**project.variables(), **fine, "INVOKE_MONITOR_REFRESH": "1s"}
    with subprocess.Popen(
        [*INV, "monitor", "--no-logs"],
        cwd=project.root,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.wait(30) == 0


@pytest.mark.parametrize(
    ("words", "variables", "said"),
    [
        (["--env=nowhere"], {}, "There is no environment 'nowhere'"),
        (["--once"], {"INVOKE_MONITOR_MEMORY": "lots"}, "a size such as 512M or 2G, not 'lots'"),
        (["--once"], {"INVOKE_MONITOR_REFRESH": "0s"}, "at least 1s"),
        (["--once"], {"INVOKE_MONITOR_LINES": "0"}, "1 to 10000"),
    ],
)
def test_what_is_wrong_is_said(
    project: Project, words: list[str], variables: dict[str, str], said: str
) -> None:
    done = project.inv("monitor", *words, env=variables)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1


def test_nothing_deployed_is_refused(make: Make, fine: dict[str, str]) -> None:
    project = make()
    done = project.inv("monitor", "--once", env=watched.variables(watched.NOWHERE))
    assert done.returncode == 2
    assert "the service is deployed and running: nothing is deployed to sandbox;" in done.stderr
    assert "run `inv deploy`" in done.stderr


def test_an_environment_that_cannot_be_reached_is_shown_as_that(
    project: Project, fine: dict[str, str]
) -> None:
    nowhere = project.at(1, hosts=["sandbox@127.0.0.1:9"], url=watched.NOWHERE)
    project.others = {"production": nowhere}
    project.configure()
    try:
        away = watched.variables(watched.NOWHERE)
        told = project.document("monitor", "--env=production", env=away, code=1)
    finally:
        project.others = {}
        project.configure()
    readings = seen(told)
    assert (readings["health"]["state"], readings["log"]["state"]) == ("out", "unknown")
    assert "sandbox@127.0.0.1:9 can't be read" in readings["log"]["why"]
    assert told["next"] == "inv deploy.status --env=production"


def test_hosts_are_asked_again_over_the_same_connections(project: Project) -> None:
    settings = Settings(app="demo", sandbox=Sandbox(hosts=2))
    environment = settings.environment("sandbox")
    hosts = Hosts(target.targets(settings, environment, project.root), environment, 20)
    log = project.host(2) / "current" / "run" / "web.log"
    before = log.read_bytes()
    try:
        first = hosts.read()
        assert hosts.fleet is not None
        links = [member.link for member in hosts.fleet.members]
        with log.open("a") as lines:
            lines.write("ERROR: since then\n")
        second = hosts.read()
        assert [member.link for member in hosts.fleet.members] == links and all(links)
    finally:
        hosts.close()
        log.write_bytes(before)
    assert set(first.facts) == set(second.facts) == {"host1", "host2"}
    assert not first.absent and not second.absent
    assert first.errors["host2"] == Found() and second.errors["host1"] == Found()
    assert second.errors["host2"] == Found(1, "ERROR: since then")
