"""The operator's own journal: what was done from this clone, one JSON object a line."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import socket
import time
from pathlib import Path
from typing import Any, Mapping

from .moment import iso
from .plain import dumps
from .project import PROJECT


def where(root: Path | None = None) -> Path:
    """Return the path of the journal of the project at `root` (default: the recipes' own)."""
    return (root or PROJECT) / ".circle" / "journal.jsonl"


def append(entry: Mapping[str, Any], path: Path | None = None) -> None:
    """Add `entry` to the journal at `path` (default: `where()`), durably.

    `v`, `at` (UTC) and `who` are filled in where the entry has none. A line that a killed run left
    half written is closed first, so that this one stands on its own. Raises OSError.
    """
    path = path or where()
    prepare(path.parent)
    line = dumps({"v": 1, "at": iso(time.time()), "who": who(), **entry}).encode() + b"\n"
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # two phases may end at once
        end = os.fstat(descriptor).st_size
        torn = end > 0 and os.pread(descriptor, 1, end - 1) != b"\n"
        os.write(descriptor, b"\n" + line if torn else line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def prepare(directory: Path) -> None:
    """Make the journal's directory, and have git ignore it also in a project whose .gitignore
    doesn't know it: writing a line must not make a clean tree differ."""
    directory.mkdir(parents=True, exist_ok=True)
    ignore = directory / ".gitignore"
    if directory.name == ".circle" and not ignore.exists():
        ignore.write_text("*\n")


def read(path: Path | None = None) -> list[dict[str, Any]]:
    """Return the journal's entries, the oldest first, without lines that are torn or garbled."""
    try:
        content = (path or where()).read_bytes()
    except FileNotFoundError:
        return []
    entries = []
    for line in content.split(b"\n"):
        try:
            entry = json.loads(line)
        except ValueError:  # also what isn't UTF-8
            continue
        if isinstance(entry, dict):
            entries.append(entry)
    return entries


def who() -> str:
    """Return who is at work here, as user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user often has no name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
