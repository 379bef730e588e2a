"""`inv deploy.history`: what was done, when, by whom, and why, from the hosts' own journals."""

from __future__ import annotations

import json
import re

import pytest

from tests.conftest import Make
from tests.support.around import kill_host
from tests.support.project import Project


@pytest.fixture(scope="module")
def project(lasting: Make) -> Project:
    """Two hosts on which a release closed, a bad one was given up, and one was rolled back."""
    made = lasting(hosts=2)
    made.document("deploy")
    made.commit("bad", "exit-at-start")
    made.document("deploy", code=1)
    made.commit("worse", "errors=0.9 good=20")
    made.document("deploy", "--watch=5s", code=1)
    made.commit("second")
    made.document("deploy", "--without=host2")
    made.document("deploy")
    made.document("rollback", "--env=sandbox", "--yes", "--reason=it is slow")
    return made


def test_it_is_told_newest_first(project: Project) -> None:
    told = project.document("deploy.history")["detail"]["runs"]
    assert [run["kind"] for run in told] == ["rollback", *["deploy"] * 5]
    ends = [set(run["outcome"].values()) for run in told]
    assert ends == [{"closed"}, {"closed"}, {"closed"}, {"reverted"}, {"aborted"}, {"closed"}]
    assert told[0]["reason"] == "it is slow" and told[0]["release"] == project.current()
    assert set(told[2]["outcome"]) == {"host1"} and told[2]["without"] == ["host2"]
    assert all(re.fullmatch(r".+@.+", run["who"]) and run["at"].endswith("Z") for run in told)


def test_people_read_it_in_a_table(project: Project) -> None:
    done = project.inv("deploy.history", "--count=4")
    assert done.returncode == 0 and done.stderr == ""
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["when", "what", "who", "outcome", "reason"]
    assert len(rows) == 4
    assert re.search(r"Z +rollback \S+ +\S+@\S+ +closed +it is slow$", rows[0])
    assert re.search(r"reverted +watch: FAIL", rows[3])


def test_a_long_journal_is_told_whole(make: Make) -> None:
    project = make()
    project.document("deploy")
    with (project.host() / "journal.jsonl").open("a") as journal:
        for number in range(700):
            line = {"event": "closed", "run": f"deploy-{number}", "kind": "deploy", "who": "x" * 80}
            journal.write(json.dumps({"v": 1, "at": "2026-01-01T00:00:00Z", **line}) + "\n")
        journal.write('{"v": 1, "event": "clo')
    told = project.document("deploy.history", "--count=600")["detail"]["runs"]
    assert [run["run"] for run in told] == [f"deploy-{number}" for number in range(699, 99, -1)]


def test_nothing_done_is_said(make: Make) -> None:
    project = make()
    assert project.inv("deploy.history").stdout == "Nothing has been done to sandbox yet.\n"
    assert project.document("deploy.history")["detail"]["runs"] == []


def test_the_hosts_that_answer_are_enough(make: Make) -> None:
    project = make(hosts=2)
    project.document("deploy")
    kill_host(project, 2)
    done = project.inv("deploy.history")
    assert done.returncode == 0 and "warning: host2 could not be asked" in done.stderr
    assert "deploy " in done.stdout
    kill_host(project, 1)
    assert project.inv("deploy.history").returncode == 2


def test_a_count_has_to_be_one(project: Project) -> None:
    done = project.inv("deploy.history", "--count=0")
    assert done.returncode == 2 and "--count" in done.stderr
