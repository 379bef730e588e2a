"""Real hosts as the ground of fault tests.

Faults happen in their network, on their disks, and to their power.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import psutil

from tests.faults.hosts import Files, Hosts
from tests.faults.world import World, wait_for
from tests.support.project import Project
from tests.system.engine import Engine
from tests.system.machine import Machine
from tests.system.site import ENVIRONMENT, USER, Site


class DebianGround:
    """Three machines, made anew for each world."""

    environment = ENVIRONMENT

    def __init__(self, engine: Engine, image: str) -> None:
        self.engine, self.image = engine, image
        self.site: Site | None = None

    def open(self, directory: Path, service: dict[str, Any]) -> tuple[Project, Hosts]:
        self.site = Site(self.engine, self.image)
        try:
            return self.site.project(directory, service), DebianHosts(self.site.machines)
        except BaseException:
            self.site.close()
            raise

    def close(self, project: Project) -> None:
        assert self.site is not None
        self.site.close()


class DebianHosts(Files):
    """Machines that have been prepared for the application `demo`."""

    supervised = True  # by systemd
    ways: tuple[int, ...] = ()

    def __init__(self, machines: list[Machine]) -> None:
        super().__init__()
        self.machines = machines
        self.numbers = tuple(range(1, len(machines) + 1))
        self.fronts = tuple(f"http://{machine.address}" for machine in machines)
        self.host = machines[0].address  # as in the environment's url
        self.broken = 0

    def close(self) -> None:
        self.wake_run()

    def path(self, number: int, *parts: str) -> Path:
        return (self.machines[number - 1].srv / "demo").joinpath(*parts)

    def marked(self, number: int) -> list[psutil.Process]:
        found = []
        for pid in self.machines[number - 1].pids():
            with contextlib.suppress(psutil.Error):
                found.append(psutil.Process(pid))
        return found

    def cut(self, *numbers: int) -> None:
        """Reset what is said to sshd, and let nobody in; users notice nothing."""
        for machine in self._meet(numbers):
            machine.drop("INPUT", "--dport", "22", reset=True)
            machine.drop("OUTPUT", "--sport", "22", reset=True)

    def deafen(self, *numbers: int) -> None:
        for machine in self._meet(numbers):
            machine.drop("OUTPUT", "--sport", "22")

    def strand(self, *numbers: int) -> None:
        for machine in self._meet(numbers):
            for port in machine.operators():
                machine.drop("INPUT", "--dport", "22", "--sport", port)
                machine.drop("OUTPUT", "--sport", "22", "--dport", port)

    def _meet(self, numbers: tuple[int, ...]) -> list[Machine]:
        met = [self.machines[number - 1] for number in numbers]
        self.broken += sum(len(machine.operators()) for machine in met)
        return met

    def mend(self) -> int:
        for machine in self.machines:
            machine.let_through()
        broken, self.broken = self.broken, 0
        return broken

    def power_off(self, number: int) -> None:
        self.machines[number - 1].power_off()

    def power_on(self, number: int) -> None:
        machine = self.machines[number - 1]
        machine.power_on()
        # The system is up before the user's own manager has done what it does at boot.
        shown = ("show", "-P", "ActiveState", "demo-boot.service")
        wait_for(lambda: machine.systemctl(USER, *shown) == "active", f"{machine.name} has booted")

    def fill_disk(self, number: int, left: int) -> None:
        self.machines[number - 1].fill(left)


def machines(world: World) -> list[Machine]:
    """The machines of a world on real hosts."""
    assert isinstance(world.hosts, DebianHosts)
    return world.hosts.machines
