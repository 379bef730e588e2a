"""From the switch to the close: the watch's verdicts, the ways back, and what is kept."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.project import SERVICE, Project

Make = Callable[..., Project]
QUICK: dict[str, Any] = SERVICE["thresholds"]


@pytest.fixture(scope="module")
def shared(lasting: Make) -> Project:
    project = lasting(hosts=2)
    project.document("deploy")
    return project


@pytest.fixture
def project(shared: Project) -> Project:
    """The module's project as it was configured at first, its service well and live."""
    shared.service = {}
    shared.configure()
    shared.commit("well again")
    return shared


def test_a_good_release_passes_with_the_measured_values(project: Project) -> None:
    told = project.document("deploy", "--watch=600ms")["detail"]["watch"]
    assert told["verdict"] == "PASS" and told["error_ratio"] == 0
    assert told["samples"] >= 4 and 0 < told["p95_seconds"] < 1
    assert told["seconds"] >= 0.6


@pytest.mark.parametrize(
    ("behaviour", "thresholds", "why", "row"),
    [
        pytest.param("errors=1 good=4", {}, "error ratio", "The error ratio is high", id="errors"),
        pytest.param("slow=0.3", {"p95": "100ms"}, "p95 0.3", "It answers slowly", id="slow"),
        pytest.param(
            "",
            {"paths": []},
            "nothing could be measured",
            "Nothing could be measured, or Prometheus is away",
            id="no data",
        ),
    ],
)
def test_a_release_that_is_not_good_enough_is_taken_back(
    project: Project, behaviour: str, thresholds: dict[str, Any], why: str, row: str
) -> None:
    before = project.current()
    project.configure(thresholds={**QUICK, **thresholds})
    project.commit("bad", behaviour)
    told = project.document("deploy", "--watch=2s", code=1)
    assert told["error"]["kind"] == ("watch" if behaviour else "nodata")
    assert why in told["error"]["message"]
    assert f"Every host went back to {before}." in told["error"]["message"]
    assert told["detail"]["watch"]["verdict"] == ("FAIL" if behaviour else "NODATA")
    assert told["detail"]["reverted"] is True
    assert told["detail"]["hosts"]["host2"] == {"outcome": "reverted", "current": before}
    assert row in ["", *(each["issue"] for each in told["troubleshooting"])]
    assert project.current(1) == project.current(2) == before
    assert project.front()[0] == 200
    assert project.journal(2)[-1]["event"] == "reverted"


def test_no_data_can_be_let_pass(project: Project) -> None:
    project.configure(thresholds={**QUICK, "paths": [], "nodata": "pass"})
    told = project.document("deploy", "--watch=300ms")["detail"]
    assert told["watch"]["verdict"] == "NODATA" and told["watch"]["p95_seconds"] is None


@pytest.mark.parametrize(
    ("said", "words"),
    [
        pytest.param({"smoke": [{"path": "/", "text": "goodbye"}]}, "does not show", id="text"),
        pytest.param({"smoke": [{"path": "/", "status": 201}]}, "/ answered 200", id="status"),
    ],
)
def test_a_smoke_request_answered_otherwise_is_a_way_back(
    project: Project, said: dict[str, Any], words: str
) -> None:
    before = project.current()
    project.configure(**said)
    told = project.document("deploy", code=1)
    assert told["error"]["kind"] == "verify" and words in told["error"]["message"]
    assert "The health check fails" in [row["issue"] for row in told["troubleshooting"]]
    assert told["detail"]["reverted"] and project.current(1) == project.current(2) == before


def test_a_breaking_schema_says_so_and_is_not_switched_back(project: Project) -> None:
    before = project.current()
    project.configure(schema="breaking")
    project.commit("bad", "errors=1 good=4")
    done = project.inv("deploy", "--watch=5s", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 1 and told["detail"]["reverted"] is False
    assert "schema: breaking: once it is live this release is not switched back" in done.stderr
    assert f"Every host went on to {told['detail']['release']}." in told["error"]["message"]
    assert project.current(1) == project.current(2) == told["detail"]["release"] != before
    assert project.journal()[-1]["event"] == "kept"
    assert told["next"] == "inv rollback --env=sandbox"
    # It never closed: neither is it what a rollback from the next one goes to.
    assert project.document("rollback", "--env=sandbox", "--plan")["release"] == before
    project.configure(schema="compatible")
    project.commit("well again")
    project.document("deploy")
    assert project.document("rollback", "--env=sandbox", "--plan")["release"] == before


def serving(project: Project, number: int = 1) -> list[str]:
    """The releases whose web process a host keeps."""
    found = project.host(number).glob("releases/*/run/web.json")
    return sorted(path.parent.parent.name for path in found)


def test_where_two_at_once_are_wrong_the_old_one_stops_before_the_watch(project: Project) -> None:
    project.document("deploy")
    before = project.current()
    project.configure(overlap="drain")
    seen: list[list[str]] = []
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.05):
            seen.append(serving(project))

    watcher = threading.Thread(target=look)
    watcher.start()
    project.commit("bad", "errors=1 good=25")
    told = project.document("deploy", "--watch=20s", code=1)
    done.set()
    watcher.join()
    assert "drain" in told["detail"]["steps"]
    assert [told["detail"]["release"]] in seen, "the old one was not stopped"
    assert told["detail"]["reverted"] and project.current(1) == project.current(2) == before
    assert project.front("/api/version")[1].count(before) == 1
    project.quiet()
    assert serving(project, 1) == serving(project, 2) == [before]


def test_the_old_one_runs_until_the_close_and_then_stops(project: Project) -> None:
    before = project.current()
    child = project.popen("deploy", "--watch=3s")
    until = time.monotonic() + 60
    while project.current() == before and time.monotonic() < until:
        time.sleep(0.02)
    assert before in serving(project) and project.current() in serving(project)
    assert child.wait(60) == 0
    assert child.stdout is not None
    child.stdout.close()
    project.quiet()
    assert serving(project) == [project.current()]


def test_releases_are_kept_as_told_but_never_the_way_back(make: Make) -> None:
    project = make(service={"keep": 1})
    made = []
    for number in range(4):
        if number == 2:
            project.commit("never closes", "exit-at-start")
            project.document("deploy", code=1)
            project.commit("well")
        made.append(project.document("deploy")["detail"]["release"])
    project.quiet()
    assert project.releases() == {made[3], made[2], made[1]}
    project.document("rollback", "--env=sandbox")  # its target was not pruned
    project.quiet()
    assert project.current() == made[2]
    assert {made[2], made[1]} <= project.releases()
    last = project.document("deploy")["detail"]["release"]
    project.quiet()
    assert {last, made[2]} <= project.releases()
    assert project.document("rollback", "--env=sandbox")["detail"]["to"] == made[2]
