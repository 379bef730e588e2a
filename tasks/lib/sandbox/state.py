"""What is known about the sandbox's hosts: one file, written by whoever starts or stops them."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "state.json"
USER = "sandbox"
USER_KEY = "user_key"
HOST_KEY = "host_key"
KNOWN_HOSTS = "known_hosts"
LOG = "daemon.log"
# In the environment of everything that a host runs, however far it has detached itself.
MARKER = "CIRCLE_SANDBOX"


@dataclass(frozen=True)
class Host:
    """
    A host: its name and directory, the TCP ports of its SSH server and of its front, its daemon.
    """

    name: str
    ssh_port: int
    front_port: int
    pid: int

    @property
    def front(self) -> str:
        """The URL of its front door."""
        return f"http://127.0.0.1:{self.front_port}"


@dataclass(frozen=True)
class State:
    """The hosts of a sandbox, in order; none when it isn't running."""

    hosts: tuple[Host, ...] = ()

    def host(self, name: str) -> Host | None:
        """Find a host by its name."""
        return next((each for each in self.hosts if each.name == name), None)

    def with_host(self, host: Host) -> State:
        """Return the state with this host in the place of the one of its name, or added."""
        if self.host(host.name) is None:
            return State((*self.hosts, host))
        return State(tuple(host if each.name == host.name else each for each in self.hosts))


def read(base: Path) -> State:
    """
    Return what is written in the sandbox's directory; nothing, where there is none or it is torn.
    """
    try:
        found = json.loads((base / FILE).read_text())
        return State(tuple(Host(**each) for each in found["hosts"]))
    except (OSError, ValueError, TypeError, KeyError):
        return State()


def write(base: Path, state: State) -> None:
    """Write the state; a reader sees the old one or the new one."""
    fresh = base / f"{FILE}.{os.getpid()}.new"
    fresh.write_text(json.dumps({"hosts": [asdict(each) for each in state.hosts]}, indent=1) + "\n")
    os.replace(fresh, base / FILE)


def running(base: Path, host: Host) -> bool:
    """Tell whether a host's daemon runs: a process of its id that bears its mark."""
    import psutil

    from . import processes

    try:
        return processes.belongs(psutil.Process(host.pid), base.resolve() / host.name)
    except (psutil.Error, OverflowError, ValueError):
        return False
