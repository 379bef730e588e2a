"""A standby on three hosts of the sandbox: a rollback that has nothing to start."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import pytest

from tests.conftest import Make
from tests.support.around import until
from tests.support.project import Project

HOSTS = (1, 2, 3)


def deploy(project: Project, note: str, behaviour: str = "") -> str:
    project.commit(note, behaviour, **{"note.txt": note})
    return str(project.document("deploy")["detail"]["release"])


def pid(project: Project, number: int, release: str) -> int:
    place = project.host(number) / "releases" / release / "run" / "web.json"
    return int(json.loads(place.read_text())["pid"]) if place.exists() else 0


def alone(project: Project, *releases: str) -> None:
    """Wait until these run on every host, and no other."""
    for number in HOSTS:
        until(
            lambda: {p.parts[-3] for p in project.host(number).glob("releases/*/run/web.json")}
            == set(releases),
            f"{releases} alone run on host{number}",
        )


def rollback(project: Project, *words: str) -> dict[str, Any]:
    detail: dict[str, Any] = project.document("rollback", "--env=sandbox", *words)["detail"]
    return detail


@pytest.fixture(scope="module")
def project(lasting: Make) -> Project:
    return lasting(hosts=3, environment={"standby": True})


@pytest.fixture
def deployed(project: Project) -> tuple[Project, list[str]]:
    """Three more releases that closed; each takes a second to start."""
    made = [deploy(project, note, f"start=1 {note}") for note in ("one", "two", "three")]
    alone(project, *made[1:])
    return project, made


def test_two_rollbacks_in_a_row_start_nothing(deployed: tuple[Project, list[str]]) -> None:
    project, (one, two, three) = deployed
    before = {number: pid(project, number, two) for number in HOSTS}
    assert rollback(project)["to"] == two
    assert {number: pid(project, number, two) for number in HOSTS} == before
    assert {project.current(number) for number in HOSTS} == {two}
    alone(project, one, two)
    standing = f"{one} as standby (web)"
    until(lambda: standing in project.inv("deploy.status").stdout, standing)
    before = {number: pid(project, number, one) for number in HOSTS}
    assert rollback(project)["to"] == one
    assert {number: pid(project, number, one) for number in HOSTS} == before
    assert {json.loads(project.front("/api/version", n)[1])["release"] for n in HOSTS} == {one}


def test_a_crashed_one_is_started_where_it_has_to_be(
    deployed: tuple[Project, list[str]],
) -> None:
    project, (_, two, _) = deployed
    before = {number: pid(project, number, two) for number in HOSTS}
    os.killpg(before[2], signal.SIGKILL)
    assert rollback(project)["to"] == two
    after = {number: pid(project, number, two) for number in HOSTS}
    assert {number for number in HOSTS if after[number] != before[number]} == {2}
    assert project.inv("deploy.status").returncode == 0


def test_a_rotated_key_reaches_it_before_it_serves(deployed: tuple[Project, list[str]]) -> None:
    project, (_, two, _) = deployed
    (project.root / "new.env").write_text("GREETING=rotated\n")
    project.document("deploy.env", "--push=new.env", "--rotated=GREETING")
    (project.root / "new.env").unlink()
    assert rollback(project)["to"] == two
    said = {json.loads(project.front("/", number)[1])["greeting"] for number in HOSTS}
    assert said == {"rotated"}


def test_switched_off_what_stood_by_stops(deployed: tuple[Project, list[str]]) -> None:
    project, _ = deployed
    project.environment = {"standby": False}
    project.configure()
    off = deploy(project, "off")
    alone(project, off)
    project.environment = {"standby": True}
    project.configure()
    alone(project, off, deploy(project, "on"))


def test_two_that_may_not_run_at_once_cannot_stand_by(project: Project) -> None:
    project.configure(overlap="drain")
    told = project.inv("deploy", "--plan")
    project.configure(overlap="watch")
    assert told.returncode == 2 and "overlap is drain" in told.stderr
