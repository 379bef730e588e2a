"""TAB completes tasks and options in the real shells, set up as the README says it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.terminal import Screen

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
CLEAR = "\x15"  # Ctrl-U
# What a shell has from a login: the terminal that it is on is also the one that controls it.
CONTROLLED = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_tab_completes_tasks_and_options(shell: str, tmp_path: Path) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    variables = {
        "HOME": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "TERM": "dumb",
    }
    (tmp_path / ".config/fish/completions").mkdir(parents=True)
    told = re.search(rf"^.*--print-completion-script={shell}.*$", README, re.MULTILINE)
    assert told, f"the README has no line for {shell}"
    subprocess.run([shell, "-c", told[0]], cwd=ROOT, env=variables, check=True)

    argv = [sys.executable, "-c", CONTROLLED, shell, "-i"]
    screen = Screen(argv, ROOT, variables, 80)
    try:
        screen.type("inv visualize.r\t")
        screen.until("visualize.report")
        screen.type(f"{CLEAR}inv rollback --keep\t")
        screen.until("--keep-schema")
        screen.type(f"{CLEAR}inv rollback --\t\t")
        screen.until("--approved-by")
    finally:
        screen.end(signal.SIGKILL)
