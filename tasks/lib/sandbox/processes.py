"""Finding and ending all that a host of the sandbox runs, wherever it has detached itself to."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import NotClosed
from . import state

if TYPE_CHECKING:
    import psutil

# How long what is ended may take for itself before it is killed, in seconds.
GRACE = 3.0
# How long killed processes may need to be gone, in seconds: they may be in an uninterruptible call.
GONE = 20.0


def marked(directory: Path) -> list[psutil.Process]:
    """
    Find the processes of a host, or of all hosts below a directory, by the mark in their
    environment.

    A process that has a session and a parent of its own still has the environment it was born with.
    """
    import psutil

    mine = os.getpid()
    return [each for each in psutil.process_iter() if each.pid != mine and belongs(each, directory)]


def belongs(process: psutil.Process, directory: Path) -> bool:
    """Tell whether a process is marked as a host's whose directory is this one, or lies in it."""
    import psutil

    try:
        mark = process.environ().get(state.MARKER, "")
    except (psutil.Error, OSError):
        return False  # gone, a zombie, or another user's: none of ours in any case
    return bool(mark) and (mark == str(directory) or mark.startswith(f"{directory}{os.sep}"))


def end(directory: Path, *, grace: float = GRACE) -> int:
    """
    End every process of a host, or of all hosts below a directory.

    grace: seconds between TERM and KILL; 0 kills at once, as a power failure does. Returns how many
    there were. Raises NotClosed when some can't be killed.
    """
    ended: set[int] = set()
    deadline = time.monotonic() + grace + GONE
    gentle = grace > 0
    # Again until none is found: one that is being ended may still have started another.
    while found := marked(directory):
        ended.update(each.pid for each in found)
        if time.monotonic() > deadline:
            left = ", ".join(str(each.pid) for each in found)
            raise NotClosed(f"Processes {left} of {directory} don't end; look at them with `ps`.")
        for each in found:
            _signal(each, gentle=gentle)
        _wait(found, directory, grace if gentle else 1.0)
        gentle = False
    return len(ended)


def _wait(found: list[psutil.Process], directory: Path, limit: float) -> None:
    """Wait until none of them runs: dead but not yet collected by init is gone, too."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline and any(belongs(each, directory) for each in found):
        time.sleep(0.01)


def _signal(process: psutil.Process, *, gentle: bool) -> None:
    import psutil

    try:
        if gentle:
            process.terminate()
        else:
            process.kill()
    except psutil.NoSuchProcess:
        pass  # it was quicker
