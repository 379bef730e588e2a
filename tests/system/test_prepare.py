"""`inv host --env=…` on real Debian servers: from a fresh one to a release behind its nginx."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.project import Project
from tests.system.engine import Engine
from tests.system.machine import Machine
from tests.system.site import ENVIRONMENT, Site

pytestmark = pytest.mark.slow
HOST = ("host", f"--env={ENVIRONMENT}")
# Where preparing writes, and where it must not: everything but what the system itself keeps there.
TREE = (
    "find / /srv -xdev \\( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /var/log"
    " -o -path /var/lib/systemd/timesync -o -path /var/lib/sudo \\) -prune -o"
    " -printf '%p %y %m %u %g %l %T@ %s\\n' | sort"
)


def fresh(site: Site, root: Path, **environment: Any) -> Project:
    """A project whose servers nobody has prepared."""
    others = {ENVIRONMENT: site.environment(**environment)}
    project = Project(root, others=others, default=ENVIRONMENT)
    site.write(root)
    return project


def ask(machine: Machine, path: str = "/", **more: Any) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(f"http://{machine.address}{path}", timeout=20, **more)


@pytest.fixture(scope="module")
def pair(
    docker: Engine, debian: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Site, Project]]:
    """Two servers that are prepared, once."""
    base = tmp_path_factory.mktemp("prepared")
    site = Site(docker, debian, base / "site", count=2)
    try:
        yield site, fresh(site, base / "project")
    finally:
        site.close()


@pytest.fixture
def prepared(pair: tuple[Site, Project]) -> tuple[Site, Project]:
    done = pair[1].inv(*HOST)
    assert done.returncode == 0, done.stdout + done.stderr
    return pair


def test_a_fresh_server_is_planned_prepared_and_serves(pair: tuple[Site, Project]) -> None:
    site, project = pair
    before = [machine.run("sh", "-c", TREE) for machine in site.machines]
    planned = project.document(*HOST, "--plan")
    checked = project.inv(*HOST, "--check")
    assert [machine.run("sh", "-c", TREE) for machine in site.machines] == before
    assert checked.returncode == 1 and f"run `inv host --env={ENVIRONMENT}`" in checked.stdout
    done = project.document(*HOST)
    for name, host in done["detail"]["hosts"].items():
        would = [each for each in planned["detail"]["hosts"][name]["items"] if each["changes"]]
        assert {each["item"] for each in would} <= {
            each["item"] for each in host["items"] if each["state"] == "changed"
        }
    assert [ask(machine).status_code for machine in site.machines] == [503, 503]
    assert ask(site.machines[0]).headers["Retry-After"] == "30"
    assert project.inv("deploy", f"--env={ENVIRONMENT}").returncode == 0
    for machine in site.machines:
        assert ask(machine).json()["text"] == "hello"


def test_the_second_run_changes_nothing(prepared: tuple[Site, Project]) -> None:
    site, project = prepared
    before = [machine.run("sh", "-c", TREE) for machine in site.machines]
    workers = [machine.run("pgrep", "-x", "nginx") for machine in site.machines]
    done = project.document(*HOST)
    assert [host["changed"] for host in done["detail"]["hosts"].values()] == [0, 0]
    assert project.inv(*HOST, "--check").returncode == 0
    assert [machine.run("sh", "-c", TREE) for machine in site.machines] == before
    assert [machine.run("pgrep", "-x", "nginx") for machine in site.machines] == workers
