"""What the tests of `inv deploy.status` and its like share."""

from __future__ import annotations

import subprocess
import time
from typing import Callable

import psutil

from tasks.lib.sandbox import control
from tasks.lib.settings import Sandbox, Settings
from tests.support.project import Project


def kill_host(project: Project, number: int) -> None:
    """End a sandbox host as a power cut does."""
    settings = Settings(app="demo", sandbox=Sandbox(hosts=project.hosts))
    control.kill_host(settings, project.root, f"host{number}")


def told(done: subprocess.CompletedProcess[str]) -> str:
    """Everything that a command said."""
    return done.stdout + done.stderr


def until(holds: Callable[[], bool], what: str, limit: float = 60.0) -> None:
    """Wait for something to hold."""
    end = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < end, f"still not: {what}"
        time.sleep(0.05)


def processes(word: str) -> list[psutil.Process]:
    """The processes with `word` in their command line."""
    found = []
    for process in psutil.process_iter():
        try:
            if word in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found
