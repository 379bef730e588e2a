"""`inv` as an operator runs it: a process of its own, which says on stdout what came of it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Beyond any step's own limits: a step that takes longer hangs.
LIMIT = 300.0
GRACE = 20.0
SHOWN = 15
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Told:
    """What a command came to: its exit code, its document ({} without one), seconds, stderr."""

    code: int
    document: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    stderr: str = ""

    @property
    def detail(self) -> Mapping[str, Any]:
        """The document's own detail, {} without one."""
        found = self.document.get("detail")
        return found if isinstance(found, dict) else {}

    @property
    def last(self) -> str:
        """The last lines that it said on stderr."""
        return "\n".join(self.stderr.strip().splitlines()[-SHOWN:])


def inv(root: Path, *words: str, limit: float = LIMIT) -> Told:
    """Run `inv words…` in the project at `root` and return what came of it.

    It has a session of its own, so that Ctrl-C reaches it only through us and it is never left
    behind: whatever is raised here meanwhile, it is interrupted, then killed if it does not end.
    After `limit` seconds it is ended likewise.
    """
    began = time.monotonic()
    # The project's own configuration alone: no variable of the operator's shell changes the story.
    environment = {
        name: text for name, text in os.environ.items() if not name.startswith("INVOKE_")
    }
    process = None
    try:
        with held_back():
            process = subprocess.Popen(
                [sys.executable, "-m", "invoke", *words],
                cwd=root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        stdout, stderr = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        assert process is not None
        stdout, stderr = _end(process)
        stderr += f"\nnot done after {limit:g} seconds"
    except BaseException:
        if process is not None:
            _end(process)
        raise
    return Told(process.returncode, _document(stdout), time.monotonic() - began, stderr)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Hold the signals that end us back until what is inside is done, in the main thread.

    Else one could come when a process has been started and we don't know it yet. They are not
    blocked: a child would inherit that.
    """
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        if callable(before[number]):
            signal.signal(number, lambda it, _: came.append(it))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for each in came[:1]:
        signal.raise_signal(each)


def _end(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Interrupt the command as Ctrl-C does; kill it, and what it started, if that is not enough."""
    os.killpg(process.pid, signal.SIGINT)
    try:
        return process.communicate(timeout=GRACE)
    except subprocess.TimeoutExpired:
        pass
    finally:
        # Also when we are told a second time, while waiting, to come to an end.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return process.communicate()


def _document(stdout: str) -> Mapping[str, Any]:
    try:
        found = json.loads(stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return {}
    return found if isinstance(found, dict) else {}
