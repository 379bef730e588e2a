"""The line that activates .venv, as the user's own shell reads it."""

from __future__ import annotations

import os
import shlex
from pathlib import PurePath
from typing import Iterable

from . import venv

# The file in .venv's directory of commands, by shell, and the word before it.
_POSIX = ("activate", "source ")
_DOT = ("activate", ". ")
_LINES = {
    "bash": _POSIX,
    "zsh": _POSIX,
    "ksh": _DOT,
    "dash": _DOT,
    "sh": _DOT,
    "fish": ("activate.fish", "source "),
    "csh": ("activate.csh", "source "),
    "tcsh": ("activate.csh", "source "),
    "pwsh": ("Activate.ps1", ""),
    "powershell": ("Activate.ps1", ""),
    "cmd": ("activate.bat", ""),
}


def activation(shell: str, place: PurePath, windows: bool = os.name == "nt") -> str:
    """Return the command that activates the virtual environment at `place` in a shell.

    shell: its name, such as `fish`; one that isn't known is taken for what the system has.
    """
    known = shell if shell in _LINES else "powershell" if windows else "bash"
    file, before = _LINES[known]
    path = venv.commands(place, windows) / file
    if known == "cmd":
        return f'"{path}"'
    if file.endswith(".ps1"):
        return f"& '{str(path).replace(chr(39), chr(39) * 2)}'"
    return before + shlex.quote(path.as_posix())


def current(ancestors: Iterable[str], login: str) -> str:
    """Return the name of the shell that we were started from.

    ancestors: names of the processes above ours, the nearest first. login: the value of $SHELL.
    """
    for name in (*ancestors, login):
        name = PurePath(name.replace("\\", "/")).name.lower().removesuffix(".exe").lstrip("-")
        if name in _LINES:
            return name
    return ""


def above() -> list[str]:
    """Return the names of the processes above ours, the nearest first."""
    import psutil

    try:
        return [each.name() for each in psutil.Process().parents()]
    except psutil.Error:
        return []
