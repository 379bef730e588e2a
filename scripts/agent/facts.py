"""What an operator decides by. Reads only: asking makes nothing, not even a directory."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from typing import Any, Dict

from disk import parents
from service import Service
from standby import standby

MOST = 100  # runs that are named at the most; one without a name stands for those before


def resources(service: Service) -> Dict[str, Any]:
    """Load averages, and bytes of disk and memory that are free.

    None where the system doesn't say.
    """
    there = next(path for path in parents(service.host.root) if os.path.isdir(path))
    memory: Dict[str, int] = {}
    with contextlib.suppress(OSError):
        with open("/proc/meminfo", encoding="ascii") as source:
            memory = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in source}
    return {
        "load": list(os.getloadavg()),
        "disk_free": shutil.disk_usage(there).free,
        "memory_available": memory.get("MemAvailable"),
        "writable": os.access(there, os.W_OK),
    }


def facts(service: Service) -> Dict[str, Any]:
    """The host as it is: tools, room, releases, what is live, what runs, what closed, the lock."""
    host, running = service.host, service.running()
    current = host.current()
    closed, runs = host.closed()[-50:], host.runs()
    wanted = (host.manifest(current) or {"processes": ()})["processes"]
    return {
        **resources(service),
        "python": "%d.%d.%d" % sys.version_info[:3],
        "git": shutil.which("git") or "",
        "adapter": service.keeper.kind,
        "environment": sorted(service.read_env("shared", ".env")),
        "current": current,
        "service_memory": service.keeper.memory(current) if current in running else 0,
        "complete": [name for name in host.releases() if host.manifest(name)],
        "running": running,
        "down": [name for name in wanted if name not in running.get(current, ())],
        "standby": standby(host),
        "closed": closed,
        "runs": runs if len(runs) <= MOST else [["", ""]] + runs[-MOST:],
        "pending": host.pending(),
        "lock": host.holder(),
    }


def report(service: Service, release: str) -> Dict[str, Any]:
    """What helps to understand a failure: the release's last lines, the host's load and room.

    Secrets are hidden.
    """
    known = service.host.manifest(release) is not None
    return {"log": service.tail(release) if known else [], **resources(service)}
