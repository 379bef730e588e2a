"""Who listens on a port of this host."""

from __future__ import annotations

import contextlib
import os
import pwd
from typing import Dict, Set

LISTENING = "0A"  # in /proc/net/tcp; see proc(5)


def holder(port: int) -> str:
    """The name of the program that listens on a TCP port, "" where none does.

    A program may call itself anything: one that isn't root's is named with its user.
    """
    sockets = _sockets(port)
    others = [name for name, user in sockets.items() if user]
    asked = set(others[:1] or sockets)
    if not asked:
        return ""
    name = _program(asked) or "a process that can't be seen"
    return "%s of %s" % (name, _user(sockets[others[0]])) if others else name


def _program(sockets: Set[str]) -> str:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        files = "/proc/%s/fd/" % pid
        with contextlib.suppress(OSError):
            for name in os.listdir(files):
                with contextlib.suppress(OSError):
                    if os.readlink(files + name) in sockets:
                        return _named(pid)
    return ""


def _sockets(port: int) -> Dict[str, int]:
    """Those that listen there, as a descriptor's link shows them, each with its user's id."""
    found = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            with open(table, encoding="ascii") as source:
                rows = [line.split() for line in source][1:]
            for row in rows:
                if row[3] == LISTENING and int(row[1].rpartition(":")[2], 16) == port:
                    found["socket:[%s]" % row[9]] = int(row[7])
    return found


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return "user %d" % number


def _named(pid: str) -> str:
    with open("/proc/%s/comm" % pid, encoding="utf-8", errors="replace") as source:
        return source.read().strip()
