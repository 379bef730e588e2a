"""Who listens on a port of this host."""

from __future__ import annotations

import contextlib
import os
from typing import Set

LISTENING = "0A"  # in /proc/net/tcp; see proc(5)


def holder(port: int) -> str:
    """The name of the program that listens on a TCP port, "" where none does."""
    sockets = _sockets(port)
    if not sockets:
        return ""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        files = "/proc/%s/fd/" % pid
        with contextlib.suppress(OSError):
            for name in os.listdir(files):
                with contextlib.suppress(OSError):
                    if os.readlink(files + name) in sockets:
                        return _named(pid)
    return "a process that can't be seen"


def _sockets(port: int) -> Set[str]:
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            with open(table, encoding="ascii") as source:
                rows = [line.split() for line in source][1:]
            for row in rows:
                if row[3] == LISTENING and int(row[1].rpartition(":")[2], 16) == port:
                    found.add("socket:[%s]" % row[9])
    return found


def _named(pid: str) -> str:
    with open("/proc/%s/comm" % pid, encoding="utf-8", errors="replace") as source:
        return source.read().strip()
