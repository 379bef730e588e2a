"""What a fault test does to hosts and asks of them; the sandbox's way of doing it."""

from __future__ import annotations

import fcntl
import json
import os
import resource
from pathlib import Path
from typing import Any, Protocol

import psutil

from tasks.lib.sandbox import control, processes, state
from tasks.lib.settings import Sandbox, Settings
from tests.faults.proxy import Proxy
from tests.support.project import Project


class Hosts(Protocol):
    """Hosts, numbered from 1. Whoever has others than the sandbox's writes this for them."""

    numbers: tuple[int, ...]
    fronts: tuple[str, ...]  # their addresses for users
    ways: tuple[int, ...]  # ports on this machine that lead to their sshd and can be cut

    # Questions, answered without the code under test.

    def live(self, number: int) -> str:
        """The release that `current` points at, "" for none."""

    def manifest(self, number: int, release: str) -> dict[str, Any] | None:
        """The manifest of a release that is complete there, else None."""

    def releases(self, number: int) -> list[str]:
        """What lies there, complete or not."""

    def kept(self, number: int, name: str) -> bool:
        """Tell whether the shared directory has such a file."""

    def locked(self, number: int) -> bool: ...

    def pending(self, number: int) -> bool: ...

    def way(self, number: int) -> str:
        """Which way a host settles what is pending: "back", "forward", "" for nothing."""

    def journal(self, number: int) -> list[dict[str, Any]]: ...

    def instances(self, number: int) -> list[str]:
        """The releases whose service runs, one entry a process."""

    def commands(self, number: int, word: str = "hook.py") -> int:
        """How many commands are running that have this word."""

    # Faults.

    def cut(self, *numbers: int) -> None: ...

    def deafen(self, *numbers: int) -> None: ...

    def strand(self, *numbers: int) -> None: ...

    def mend(self) -> int:
        """Make every way whole; returns how many connections had been broken."""

    def kill_run(self, number: int, guard: bool) -> None:
        """End the run's worker, and its guard too, with SIGKILL."""

    def stop_run(self, number: int) -> None:
        """Have the run and its guard hang, until `wake_run`."""

    def wake_run(self) -> None: ...

    def power_off(self, number: int) -> None: ...

    def power_on(self, number: int) -> None:
        """Turn it on again; it has booted when this returns."""

    def fill_disk(self, number: int, left: int) -> None:
        """Let no file there be longer than `left` bytes; 0 takes it back."""


class SandboxHosts:
    """The hosts of a scratch project's sandbox."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.base = (project.root / ".sandbox").resolve()
        self.settings = Settings(sandbox=Sandbox(hosts=project.hosts))
        known = state.read(self.base).hosts
        self.numbers = tuple(range(1, len(known) + 1))
        self.fronts = tuple(host.front for host in known)
        self.proxies = [Proxy(host.ssh_port) for host in known]
        self.ways = tuple(proxy.port for proxy in self.proxies)
        self.stopped: list[psutil.Process] = []

    def close(self) -> None:
        self.wake_run()
        for proxy in self.proxies:
            proxy.close()

    def path(self, number: int, *parts: str) -> Path:
        return self.project.host(number).joinpath(*parts)

    def live(self, number: int) -> str:
        return self.project.current(number)

    def manifest(self, number: int, release: str) -> dict[str, Any] | None:
        try:
            found = json.loads(self.path(number, "releases", release, ".release.json").read_text())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) and found["release"] == release else None

    def releases(self, number: int) -> list[str]:
        return os.listdir(self.path(number, "releases"))

    def kept(self, number: int, name: str) -> bool:
        return self.path(number, "shared", name).exists()

    def locked(self, number: int) -> bool:
        try:
            handle = os.open(self.path(number, "lock"), os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
        except BlockingIOError:
            return True
        finally:
            os.close(handle)

    def pending(self, number: int) -> bool:
        return self.path(number, "run", "pending.json").exists()

    def way(self, number: int) -> str:
        try:
            said = json.loads(self.path(number, "run", "pending.json").read_text())
        except FileNotFoundError:
            return ""
        return str(said["way"])

    def journal(self, number: int) -> list[dict[str, Any]]:
        return self.project.journal(number)

    def instances(self, number: int) -> list[str]:
        found = []
        for each in self._running(number, "app.py"):
            try:
                found.append(each.environ().get("RELEASE_ID", ""))
            except psutil.Error:
                continue
        return found

    def commands(self, number: int, word: str = "hook.py") -> int:
        return len(self._running(number, word))

    def _marked(self, number: int) -> list[psutil.Process]:
        return processes.marked(self.base / f"host{number}")

    def _running(self, number: int, script: str) -> list[psutil.Process]:
        found = []
        for each in self._marked(number):
            try:
                if script in each.cmdline():
                    found.append(each)
            except psutil.Error:
                continue
        return found

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

    def _run(self, number: int) -> tuple[psutil.Process, psutil.Process]:
        """The worker, which holds the lock and has threads, and the guard, whose child it is."""
        lock = str(self.path(number, "lock").resolve())
        holders = []
        for each in self._marked(number):
            try:
                holds = any(file.path == lock for file in each.open_files())
                if holds and each.num_threads() > 1:
                    holders.append(each)
            except psutil.Error:
                continue
        (worker,) = holders
        return worker, psutil.Process(worker.ppid())

    def kill_run(self, number: int, guard: bool) -> None:
        worker, guarding = self._run(number)
        if guard:
            guarding.kill()
        worker.kill()

    def stop_run(self, number: int) -> None:
        self.stopped += self._run(number)
        for each in self.stopped:
            each.suspend()

    def wake_run(self) -> None:
        for each in self.stopped:
            if each.is_running():
                each.resume()
        self.stopped.clear()

    def power_off(self, number: int) -> None:
        control.kill_host(self.settings, self.project.root, f"host{number}")

    def power_on(self, number: int) -> None:
        control.restart_host(self.settings, self.project.root, f"host{number}")

    def fill_disk(self, number: int, left: int) -> None:
        """By a limit on what its processes may write: no file system of its own, no root."""
        pid = next(h.pid for h in state.read(self.base).hosts if h.name == f"host{number}")
        most = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (left or most, most))
