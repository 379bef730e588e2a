"""What a fault test does to hosts and asks of them; what all have whose files are seen here."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import psutil

from tests.support.project import Project


class Hosts(Protocol):
    """Hosts, numbered from 1."""

    numbers: tuple[int, ...]
    fronts: tuple[str, ...]  # their addresses for users
    host: str  # the Host header of users' requests, "" for the address
    ways: tuple[
        int, ...
    ]  # ports on this machine that lead to their sshd, where it takes some to cut
    supervised: bool  # what is killed there is started again by somebody

    def close(self) -> None: ...

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

    def marked(self, number: int) -> Iterable[psutil.Process]:
        """Every process of a host."""

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
        """Let no file there become longer than `left` bytes; 0 takes it back."""


class Ground(Protocol):
    """Where a world stands: makes a project and its hosts."""

    environment: str

    def open(self, directory: Path, service: dict[str, Any]) -> tuple[Project, Hosts]: ...

    def close(self, project: Project) -> None: ...


class Files:
    """Hosts whose files and processes can be seen from here: at `path`, and `marked`."""

    numbers: tuple[int, ...]

    def __init__(self) -> None:
        self.stopped: list[psutil.Process] = []

    def path(self, number: int, *parts: str) -> Path:
        """A place in the application's directory."""
        raise NotImplementedError

    def marked(self, number: int) -> Iterable[psutil.Process]:
        """Every process of a host."""
        raise NotImplementedError

    def live(self, number: int) -> str:
        link = self.path(number, "current")
        return os.path.basename(os.readlink(link)) if link.is_symlink() else ""

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
        return [
            json.loads(line) for line in self.path(number, "journal.jsonl").read_text().splitlines()
        ]

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

    def _running(self, number: int, script: str) -> list[psutil.Process]:
        found = []
        for each in self.marked(number):
            try:
                if script in each.cmdline():
                    found.append(each)
            except psutil.Error:
                continue
        return found

    def _run(self, number: int) -> tuple[psutil.Process, psutil.Process]:
        """The worker, which holds the lock and has threads, and the guard, whose child it is."""
        lock = os.stat(self.path(number, "lock"))
        holders = []
        for each in self.marked(number):
            try:
                if each.num_threads() > 1 and _has_open(each.pid, lock):
                    holders.append(each)
            except psutil.Error:
                continue
        (worker,) = holders
        parent = worker.parent()
        assert parent is not None
        return worker, parent

    def kill_run(self, number: int, guard: bool) -> None:
        worker, guarding = self._run(number)
        for each in (guarding, worker) if guard else (worker,):
            with contextlib.suppress(psutil.NoSuchProcess):  # whoever supervises it was faster
                each.kill()

    def stop_run(self, number: int) -> None:
        self.stopped += self._run(number)
        for each in self.stopped:
            each.suspend()

    def wake_run(self) -> None:
        for each in self.stopped:
            if each.is_running():
                each.resume()
        self.stopped.clear()


def _has_open(pid: int, file: os.stat_result) -> bool:
    """Whether a process has this very file open, by whatever name it knows it."""
    place = f"/proc/{pid}/fd"
    try:
        return any(os.path.samestat(os.stat(f"{place}/{name}"), file) for name in os.listdir(place))
    except OSError:
        return False
