"""A socket that a unit of a real systemd is handed, {fd}: under load, and when the service dies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from scripts.load import Load
from tests.faults.world import wait_for
from tests.support.project import Project
from tests.support.rig import SUPPORT
from tests.system.engine import Engine
from tests.system.site import Site

One = tuple[Site, Project]
SERVICE = {"run": "python handed.py {fd}", "smoke": [], "health": "/", "version_path": "/"}


@pytest.fixture(scope="module")
def served(docker: Engine, debian: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[One]:
    """A server with one release of a service that is handed its socket."""
    site = Site(docker, debian, count=1)
    try:
        project = site.project(tmp_path_factory.mktemp("handed") / "project", SERVICE)
        project.commit("the service", **{"handed.py": (SUPPORT / "handed.py").read_text()})
        project.document("deploy")
        yield site, project
    finally:
        site.close()


def ask(site: Site) -> dict[str, Any]:
    """What the live release was told, by the host's own nginx; {} where it does not serve."""
    answer = requests.get(f"http://{site.machines[0].address}/", timeout=20)
    found: dict[str, Any] = answer.json() if answer.ok else {}
    return found


def unit(site: Site, release: str, what: str) -> str:
    shown = site.machines[0].systemctl("deploy", "show", "-p", what, f"demo@{release}.service")
    return shown.partition("=")[2]


def test_a_unit_is_told_of_its_socket_by_its_own_pid(served: One) -> None:
    site, _ = served
    told = ask(site)
    assert (told["LISTEN_FDS"], told["LISTEN_FDNAMES"], told["argv"]) == ("1", "web", ["4"])
    assert told["LISTEN_PID"] == str(told["pid"]) == unit(site, told["release"], "MainPID")


def test_deploys_and_a_rollback_lose_no_request(served: One) -> None:
    site, project = served
    with Load([f"http://{site.machines[0].address}/"], rate=100) as load:
        for number in range(2):
            project.commit(f"change {number}", f"changed {number}")
            project.document("deploy")
        project.document("rollback", "--env=staging")
        asked = load.snapshot().requests
        wait_for(lambda: load.snapshot().requests > asked + 300, "the old one has been drained")
        figures = load.stop()
    assert (figures.lost, figures.errors) == (0, 0), figures.first_lost


def test_one_that_dies_is_handed_another_socket(served: One) -> None:
    site, _ = served
    before = ask(site)
    site.machines[0].run("kill", "-9", str(before["pid"]))
    wait_for(lambda: ask(site).get("pid", before["pid"]) != before["pid"], "it is up")
    after = ask(site)
    assert after["release"] == before["release"]
    assert after["LISTEN_PID"] == str(after["pid"]) == unit(site, after["release"], "MainPID")
