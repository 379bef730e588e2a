"""Serving on the developer's machine: one command in the foreground, of which nothing is left."""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Iterator

from .. import console, tools
from ..errors import NotClosed, Refused
from . import ports

if TYPE_CHECKING:
    import psutil

    from .settings import Host

MARK = "CIRCLE_SERVED_BY"  # in the environment of all that is started: its own of each run
MANNERS = 1.0  # seconds in which what Ctrl-C reached at the terminal begins to end by itself
GRACE = 10.0  # seconds to end after TERM


def command(host: Host, port: int, root: Path) -> list[str]:
    """Return the words to serve with; the program is the one that .venv has, where it has it."""
    words = [word.replace("{port}", str(port)) for word in shlex.split(host.serve)]
    found = tools.find(root, words[0])
    if found is None:
        raise Refused(
            f"There is no {words[0]} in .venv or on the path: run `inv host`, or correct "
            "`host: serve:` in invoke.yaml.",
            kind="venv",
        )
    return [str(found), *words[1:]]


def serve(host: Host, port: int, root: Path, directory: str) -> None:
    """Serve until Ctrl-C, TERM or HUP, or until the command ends, and leave no process.

    port: 0 is the configured one. directory: where to, below `root`. Raises Refused (the port is
    taken; no such program) before anything is started, NotClosed where the command fails.
    """
    port = port or host.port
    if not 0 < port < 65536:
        raise Refused(f"{port} is no port: `inv host.serve --port=8001`.", kind="port")
    argv = command(host, port, root)
    if "{port}" in host.serve:
        ports.need(port)
    console.say(f"Serving at http://{ports.HOST}:{port} (Ctrl-C ends it).")
    code = _until_ended(argv, root, root / directory)
    console.say("Ended; nothing of it runs any more.")
    if code:
        raise NotClosed(
            f"What `host: serve:` runs ended with exit code {code}: correct what it says above, "
            "then run `inv host.serve` again.",
            kind="serve",
        )


def _until_ended(argv: list[str], root: Path, cwd: Path) -> int:
    """Run the command, and return its exit code: 0 where we were asked to end it."""
    mark = f"{os.getpid()}-{secrets.token_hex(8)}"
    env = tools.environment(root, {MARK: mark})
    with _signals():
        process = subprocess.Popen(argv, cwd=cwd, env=env, stdout=console.stream())
        try:
            return process.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            _end(process, mark)


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """Take TERM and HUP (a closed terminal) as Ctrl-C is taken, while it lasts."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    kinds = [signal.SIGTERM] + ([signal.SIGHUP] if sys.platform != "win32" else [])
    before = [(kind, signal.signal(kind, interrupt)) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in before:
            signal.signal(kind, handler)


def _end(process: subprocess.Popen[bytes], mark: str) -> None:
    """End a process and all that it has started; a further Ctrl-C makes that no less complete."""
    import psutil

    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [(kind, signal.signal(kind, signal.SIG_IGN)) for kind in kinds]
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(MANNERS)  # at a terminal Ctrl-C has reached it, too
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
        # What is left after a moment wasn't going to end.
        _, left = psutil.wait_procs(marked(mark), timeout=MANNERS)
        while left:
            for each in left:
                with contextlib.suppress(psutil.Error):
                    each.kill()
            psutil.wait_procs(left, timeout=MANNERS)
            left = marked(mark)
        process.wait()
    finally:
        for kind, handler in before:
            signal.signal(kind, handler)


def marked(mark: str) -> list[psutil.Process]:
    """Return what runs of all that was started with a mark, whoever its parent is by now."""
    import psutil

    found = []
    for each in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):  # gone, or another user's
            if each.environ().get(MARK) == mark and each.status() != psutil.STATUS_ZOMBIE:
                found.append(each)
    return found
