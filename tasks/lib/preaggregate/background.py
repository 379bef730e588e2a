"""Processes that go on when `inv preaggregate` has ended: begun, looked at, and ended by a mark."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Mapping, Sequence

from .. import tools
from ..developer import serving
from .record import Started, directory

if TYPE_CHECKING:
    import psutil

LINES = 20  # of a log, told with a failure


def planned(root: Path, name: str, says: str, argv: Sequence[str]) -> Started:
    """Return a command as it is to be started. It is recorded first: were we interrupted between,
    what ran would be nobody's."""
    log = directory(root) / f"{name}.log"
    return Started(f"{os.getpid()}-{secrets.token_hex(8)}", says, str(log), list(argv))


def begin(root: Path, plan: Started, variables: Mapping[str, str | None]) -> None:
    """Start a command that goes on without us; its output goes to its log, anew."""
    log = Path(plan.log)
    env = tools.environment(root, {**variables, serving.MARK: plan.mark})
    with log.open("wb") as out:
        log.chmod(0o600)  # a service's log may say what only its developer is to read
        subprocess.Popen(
            list(plan.argv),
            cwd=root,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def runs(started: Started) -> bool:
    """Tell whether anything of it runs."""
    return bool(serving.marked(started.mark))


def end(started: Started) -> bool:
    """End all of it, and tell whether anything ran. Safe to repeat."""
    import psutil

    found = serving.marked(started.mark)
    _each(found, "terminate")
    psutil.wait_procs(found, timeout=serving.GRACE)
    while left := serving.marked(started.mark):
        _each(left, "kill")
        psutil.wait_procs(left, timeout=serving.MANNERS)
    return bool(found)


def tail(started: Started, lines: int = LINES) -> str:
    """Return the last lines of its log."""
    try:
        text = Path(started.log).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def _each(found: Sequence[psutil.Process], what: str) -> None:
    import psutil

    for process in found:
        with contextlib.suppress(psutil.Error):
            getattr(process, what)()
