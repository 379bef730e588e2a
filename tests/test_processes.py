"""Processes beside the web one on three hosts of the sandbox: deployed, rolled back, and broken."""

from __future__ import annotations

import re

import pytest

from tests.conftest import Make
from tests.support.around import processes, until
from tests.support.project import ROOT, Project

FILE = {"scheduler.py": (ROOT / "tests" / "support" / "scheduler.py").read_text()}
COMMAND = "python scheduler.py ../../shared/stamps"
HOSTS = (1, 2, 3)


def stamps(project: Project, number: int) -> list[str]:
    place = project.host(number) / "shared" / "stamps"
    said = place.read_text().splitlines() if place.exists() else []
    return [line.rpartition(" ")[0] for line in said]


@pytest.fixture(scope="module")
def project(lasting: Make) -> Project:
    return lasting(hosts=3, service={"processes": {"scheduler": COMMAND}})


@pytest.fixture
def deployed(project: Project) -> tuple[Project, list[str]]:
    """Two releases that closed, whose schedulers said so; what was said before is forgotten."""
    for number in HOSTS:
        (project.host(number) / "shared" / "stamps").unlink(missing_ok=True)
    made: list[str] = []
    for note in ("one", "two"):
        project.commit(note, **FILE)
        made.append(project.document("deploy")["detail"]["release"])
        newest = f"begin {made[-1]}"
        for number in HOSTS:
            until(lambda: newest in stamps(project, number), f"{newest} on host{number}")
    return project, made


def test_deployed_and_rolled_back_each_ends_before_the_next_begins(
    deployed: tuple[Project, list[str]],
) -> None:
    project, (one, two) = deployed
    assert project.document("rollback", "--env=sandbox")["detail"]["to"] == one
    for number in HOSTS:
        until(lambda: stamps(project, number)[-1] == f"begin {one}", "the one before begins again")
        told = stamps(project, number)[-5:]
        assert told == [f"begin {one}", f"end {one}", f"begin {two}", f"end {two}", f"begin {one}"]
    done = project.inv("deploy.status")
    assert done.returncode == 0 and done.stdout.count("(web, scheduler)") == 3


def test_one_that_does_not_start_is_a_broken_release(
    deployed: tuple[Project, list[str]],
) -> None:
    project, (_, two) = deployed
    project.commit("broken", **{"scheduler.py": "raise SystemExit('no queue: ' + 'amqp')"})
    told = project.document("deploy", code=1)
    assert told["error"]["kind"] == "verify"
    assert "its process scheduler ended right after its start" in told["error"]["message"]
    assert "no queue: amqp" in told["error"]["evidence"]
    assert told["detail"]["reverted"] and told["troubleshooting"]
    for number in HOSTS:
        assert project.current(number) == two
        until(lambda: stamps(project, number)[-1] == f"begin {two}", "the one before runs")
    assert "OVERLAP" not in "".join(" ".join(stamps(project, number)) for number in HOSTS)


def test_a_canary_whose_worker_does_not_start_is_all_that_saw_it(
    deployed: tuple[Project, list[str]],
) -> None:
    project, (_, two) = deployed
    project.commit("broken", **{"scheduler.py": "raise SystemExit('no queue')"})
    told = project.document("deploy", "--strategy=canary:1", code=1)
    assert "host1" in told["error"]["message"]
    assert {project.current(number) for number in HOSTS} == {two}
    for number in HOSTS:
        until(lambda: stamps(project, number)[-1] == f"begin {two}", "the one before runs")
    assert stamps(project, 2)[-2:] == stamps(project, 3)[-2:]  # they never stopped
    assert stamps(project, 2)[-1] == f"begin {two}" and f"end {two}" not in stamps(project, 2)


def test_a_target_whose_worker_does_not_start_is_gone_back_to_and_told(
    deployed: tuple[Project, list[str]],
) -> None:
    """Its web process serves, which is what a rollback is for."""
    project, (one, _) = deployed
    for number in HOSTS:  # what it needs is gone since
        place = project.host(number) / "shared" / "stamps"
        place.unlink()
        place.mkdir()
    told = project.document("rollback", "--env=sandbox", code=1)
    for number in HOSTS:
        (project.host(number) / "shared" / "stamps").rmdir()
    assert told["error"]["kind"] == "infrastructure"
    assert "its process scheduler ended right after its start" in told["error"]["message"]
    assert {project.current(number) for number in HOSTS} == {one}


def test_one_that_has_ended_is_told_by_the_status(deployed: tuple[Project, list[str]]) -> None:
    project, _ = deployed
    place = str(project.host(2).resolve())
    for process in processes("scheduler.py"):
        if process.cwd().startswith(place):
            process.kill()
    said = "scheduler of what is live on host2 does not run"
    until(lambda: said in project.inv("deploy.status").stderr, said)
    assert project.inv("deploy.status").returncode == 1
    assert project.document("deploy")["outcome"] == "closed"
    assert project.inv("deploy.status").returncode == 0


def test_what_it_prints_is_in_the_logs(project: Project) -> None:
    project.configure(processes={"worker": "sh -c 'echo at work; sleep 600'"})
    assert project.document("deploy")["outcome"] == "closed"
    done = project.inv("deploy.logs", "--process=worker", "--host=host2")
    assert re.search(r"at work$", done.stdout.strip())
    project.configure(processes={"scheduler": COMMAND})
