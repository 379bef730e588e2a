"""What runs beside the live release on real hosts, kept by systemd: a standby, and a scheduler."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.around import until
from tests.support.project import ROOT, SERVICE, Project
from tests.system.engine import Engine
from tests.system.machine import Machine
from tests.system.site import ENVIRONMENT, USER, Site

pytestmark = pytest.mark.system

SCHEDULER = (ROOT / "tests" / "support" / "scheduler.py").read_text()
COMMAND = "python scheduler.py ../../shared/stamps 0.5"  # seconds that its end takes
ROLLBACK = ("rollback", f"--env={ENVIRONMENT}", "--yes")
START = "start=3"  # seconds that the service takes to start
LIMITS = {"lease": "30s", "start": "60s", "drain": "10s", "step": "60s"}


@pytest.fixture(scope="module")
def site(docker: Engine, debian: str) -> Iterator[Site]:
    made = Site(docker, debian, count=2)
    yield made
    made.close()


@pytest.fixture(scope="module")
def project(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Project:
    service = {**SERVICE, "processes": {"scheduler": COMMAND}, "limits": LIMITS, "standby": True}
    return site.project(tmp_path_factory.mktemp("beside") / "project", service)


@pytest.fixture
def deployed(site: Site, project: Project) -> list[str]:
    """Three releases that closed, oldest first; on each host the second stands by."""
    for machine in site.machines:
        stamps(machine).unlink(missing_ok=True)
    made = [deploy(project, note) for note in ("one", "two", "three")]
    for machine in site.machines:
        settled(machine, made[2], made[1])
    return made


def deploy(project: Project, note: str, scheduler: str = SCHEDULER, code: int = 0) -> str:
    project.commit(note, f"{START} {note}", **{"scheduler.py": scheduler})
    return str(project.document("deploy", code=code, timeout=300)["detail"]["release"])


def rollback(project: Project) -> str:
    return str(project.document(*ROLLBACK, timeout=300)["detail"]["to"])


def stamps(machine: Machine) -> Path:
    return machine.srv / "demo" / "shared" / "stamps"


def said(machine: Machine) -> list[str]:
    """What the schedulers of a host said, without their pids; never that two ran."""
    lines = stamps(machine).read_text().splitlines() if stamps(machine).exists() else []
    assert not [line for line in lines if line.startswith("OVERLAP")], lines
    return [line.rpartition(" ")[0] for line in lines]


def current(machine: Machine) -> str:
    return os.path.basename(os.readlink(machine.srv / "demo" / "current"))


def units(machine: Machine) -> set[str]:
    """The units of releases that are up."""
    words = ("list-units", "--plain", "--no-legend", "--state=active", "demo@*", "demo:*")
    return {line.split()[0] for line in machine.systemctl(USER, *words).splitlines() if line}


def pid(machine: Machine, unit: str) -> int:
    return int(machine.systemctl(USER, "show", "-P", "MainPID", unit))


def settled(machine: Machine, live: str, standby: str = "") -> None:
    """A host comes to run the live release with its one scheduler, and the standby's web alone."""
    wanted = {f"demo@{live}.service", f"demo:scheduler@{live}.service"}
    wanted |= {f"demo@{standby}.service"} if standby else set()
    what = f"{machine.name} runs {wanted}"
    until(lambda: units(machine) == wanted, what, 120.0)
    until(lambda: ["", *said(machine)][-1] == f"begin {live}", f"{live}: {said(machine)}")
    assert current(machine) == live


def test_two_rollbacks_start_no_web_process_however_slow_it_is(
    site: Site, project: Project, deployed: list[str]
) -> None:
    one, two, three = deployed
    for target, live, next_one in ((two, three, one), (one, two, "")):
        before = [pid(machine, f"demo@{target}.service") for machine in site.machines]
        assert all(before)
        assert rollback(project) == target
        assert [pid(machine, f"demo@{target}.service") for machine in site.machines] == before
        for machine in site.machines:
            settled(machine, target, next_one)
            socket = machine.srv / "demo" / "releases" / next_one / "run" / "app.sock"
            until(lambda: not next_one or socket.exists(), f"{next_one} stands by")
            assert said(machine)[-2:] == [f"end {live}", f"begin {target}"]
    assert deploy(project, "four")


def test_a_scheduler_that_is_killed_comes_back_later_each_time(
    site: Site, project: Project, deployed: list[str]
) -> None:
    machine, unit = site.machines[0], f"demo:scheduler@{deployed[2]}.service"
    for times in (2, 3):
        machine.run("kill", "-9", str(pid(machine, unit)))
        until(lambda: said(machine).count(f"begin {deployed[2]}") == times, f"began {times} times")
    told = machine.run("cat", "/srv/demo/run/beside-scheduler")
    assert '"pause": 3' in told  # seconds; 0 at first, then 1
    assert project.inv("deploy.status").returncode == 0
    done = project.inv("deploy.logs", "--process=scheduler", "--host=deploy@host1")
    assert done.returncode == 0 and "demo: scheduler of release" in done.stdout


def test_after_a_reboot_all_of_it_is_there_again(site: Site, deployed: list[str]) -> None:
    _, two, three = deployed
    machine = site.machines[1]
    machine.power_off()
    machine.power_on()
    until(lambda: said(machine).count(f"begin {three}") == 2, "it begins again")
    settled(machine, three, two)


def test_a_scheduler_that_does_not_start_brings_every_host_back(
    site: Site, project: Project, deployed: list[str]
) -> None:
    _, two, three = deployed
    deploy(project, "broken", "raise SystemExit('no queue')", code=1)
    for machine in site.machines:
        settled(machine, three, two)
        assert said(machine)[-3:] == [f"begin {three}", f"end {three}", f"begin {three}"]


def test_a_user_manager_that_is_restarted_runs_one_of_each(site: Site, deployed: list[str]) -> None:
    _, two, three = deployed
    machine = site.machines[0]
    machine.run("systemctl", "restart", f"user@{machine.run('id', '-u', USER)}.service")
    until(lambda: said(machine).count(f"begin {three}") == 2, "it begins again")
    settled(machine, three, two)


def test_a_host_that_lost_its_disk_catches_up(
    site: Site, project: Project, deployed: list[str]
) -> None:
    _, two, three = deployed
    machine = site.machines[1]
    machine.systemctl(USER, "stop", "demo@*", "demo:*")
    words = "rm -rf /srv/demo/releases /srv/demo/current /srv/demo/journal.jsonl /srv/demo/repo.git"
    machine.run("sh", "-c", words)
    stamps(machine).unlink()
    assert rollback(project) == two
    settled(machine, two)
    journal = (machine.srv / "demo" / "journal.jsonl").read_text()
    assert "caught-up" in journal and three not in said(machine)
