"""The sandbox as the ground of fault tests.

Its hosts are processes of ours, and its ways go through proxies.
"""

from __future__ import annotations

import contextlib
import resource
from pathlib import Path
from typing import Any

import psutil

from tasks.lib.sandbox import control, processes, state
from tasks.lib.settings import Sandbox, Settings
from tests.faults.hosts import Files, Hosts
from tests.faults.proxy import Proxy
from tests.support.project import Project


class SandboxGround:
    """Three hosts in the sandbox of a scratch project."""

    environment = "sandbox"

    def open(self, directory: Path, service: dict[str, Any]) -> tuple[Project, Hosts]:
        project = Project(directory, hosts=3, service=service)
        started = project.inv("host", "--env=sandbox")
        assert started.returncode == 0, started.stdout + started.stderr
        return project, SandboxHosts(project)

    def close(self, project: Project) -> None:
        stopped = project.inv("host.down", "--env=sandbox")
        assert stopped.returncode == 0, stopped.stdout + stopped.stderr


class SandboxHosts(Files):
    """The hosts of a scratch project's sandbox."""

    supervised = False
    host = ""

    def __init__(self, project: Project) -> None:
        super().__init__()
        self.project = project
        self.base = (project.root / ".sandbox").resolve()
        self.settings = Settings(sandbox=Sandbox(hosts=project.hosts))
        known = state.read(self.base).hosts
        self.numbers = tuple(range(1, len(known) + 1))
        self.fronts = tuple(host.front for host in known)
        self.proxies = [Proxy(host.ssh_port) for host in known]
        self.ways = tuple(proxy.port for proxy in self.proxies)

    def close(self) -> None:
        self.wake_run()
        for proxy in self.proxies:
            proxy.close()

    def path(self, number: int, *parts: str) -> Path:
        return self.project.host(number).joinpath(*parts)

    def marked(self, number: int) -> list[psutil.Process]:
        return processes.marked(self.base / f"host{number}")

    def cut(self, *numbers: int) -> None:
        for number in numbers:
            self.proxies[number - 1].cut()

    def deafen(self, *numbers: int) -> None:
        for number in numbers:
            self.proxies[number - 1].deafen()

    def strand(self, *numbers: int) -> None:
        for number in numbers:
            self.proxies[number - 1].strand()

    def mend(self) -> int:
        broken = 0
        for proxy in self.proxies:
            proxy.mend()
            broken, proxy.broken = broken + proxy.broken, 0
        return broken

    def power_off(self, number: int) -> None:
        control.kill_host(self.settings, self.project.root, f"host{number}")

    def power_on(self, number: int) -> None:
        control.restart_host(self.settings, self.project.root, f"host{number}")

    def fill_disk(self, number: int, left: int) -> None:
        """By a limit on what its processes may write: no file system of its own, no root."""
        host = next(h.pid for h in state.read(self.base).hosts if h.name == f"host{number}")
        for pid in {host, *(each.pid for each in self.marked(number))}:
            with contextlib.suppress(ProcessLookupError):
                most = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (left or most, most))
