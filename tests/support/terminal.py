"""A command on a terminal of its own, and what it draws there."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

from tests.support.project import Project

# By these a program knows its width and whether to colour, whatever the terminal is.
_SAID = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE")


class Screen:
    """A program on a terminal of its own."""

    def __init__(
        self, argv: list[str], root: Path, variables: dict[str, str], columns: int
    ) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
        self.process = subprocess.Popen(
            argv,
            cwd=root,
            env=variables,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.said = ""

    def type(self, text: str) -> None:
        """Type it, as keys are."""
        os.write(self._ours, text.encode())

    def until(self, text: str, times: int = 1) -> str:
        """Read on until `text` has come so many times, and return everything that was said."""
        end = time.monotonic() + 60
        while self.said.count(text) < times and self._read(end - time.monotonic()):
            pass
        assert self.said.count(text) >= times, self.said
        return self.said

    def end(self, sign: signal.Signals | None = None) -> int:
        """Read to the end, after a signal where one is named; returns the exit code."""
        if sign:
            os.kill(self.process.pid, sign)
        while self._read(30):
            pass
        os.close(self._ours)
        return self.process.wait(30)

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], max(0.0, seconds))
        try:
            text = os.read(self._ours, 65536).decode(errors="replace") if ready else ""
        except OSError:  # as Linux says that nobody has the other end any more
            text = ""
        self.said += text
        return bool(text)


class Terminal(Screen):
    """A command of a project's on a terminal of its own."""

    def __init__(self, project: Project, columns: int, *words: str, **variables: str) -> None:
        kept = {name: value for name, value in project.variables().items() if name not in _SAID}
        argv = [sys.executable, "-m", "invoke", *words]
        super().__init__(argv, project.root, {**kept, "TERM": "xterm", **variables}, columns)


def plain(text: str) -> list[str]:
    """The lines without what only the terminal reads."""
    return [
        line.rstrip() for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).splitlines() if line
    ]
