"""Measuring one command: until every host serves what it should, until it ends, what users lost."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scripts.load import Load
from tests.benchmarks.peers.peer import Peer
from tests.support.project import Project

RATE = 50.0  # requests a second, of all hosts together
PATIENCE = 120.0


@dataclass
class Timed:
    """Seconds until all hosts served it, until the command ended, and by its own account."""

    served: float
    ended: float
    steps: dict[str, Any]


@dataclass
class Live:
    """A peer, and the version that is live on the hosts that are meant."""

    peer: Peer
    current: str = ""

    def deploy(self, commit: str, version: str) -> Timed:
        """Deploy a commit; the time that it took."""
        self.current = version
        return timed(self.peer, self.peer.deploy(commit, version), version)

    def rollback(self, before: str) -> Timed:
        """Go back; `before`: what was live before the newest deploy."""
        self.current = before
        return timed(self.peer, self.peer.rollback(before), before)


class Versions:
    """Commits of one project, each with a version of its own."""

    def __init__(self, project: Project) -> None:
        self.project, self.count = project, 0

    def next(self) -> tuple[str, str]:
        """Commit another version; the commit and its name."""
        self.count += 1
        version = f"v{self.count}"
        return self.project.commit(version, VERSION=version), version


def timed(peer: Peer, command: Sequence[str], version: str) -> Timed:
    """Run a command until it has ended and every host's nginx serves `version`."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        began = time.monotonic()
        child = subprocess.Popen(
            command, cwd=peer.where, env=peer.environment(), stdout=output, stderr=errors
        )
        left, served, ended = list(peer.machines), 0.0, 0.0
        while left or not ended:
            left = [each for each in left if peer.field.version(each, peer.name) != version]
            served = served or (0.0 if left else time.monotonic() - began)
            if not ended and child.poll() is not None:
                ended = time.monotonic() - began
            if child.returncode or time.monotonic() - began > PATIENCE:
                child.kill()
                child.wait()
                break
            time.sleep(0.01) if left else ended or child.wait()
        output.seek(0)
        errors.seek(0)
        said = output.read()
        if left or child.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{said}\n{errors.read()}")
    peer.cool()
    time.sleep(peer.pause)
    return Timed(served, ended, peer.told(said))


def lost(live: Live, commit: str, version: str) -> int:
    """Deploy under load; how many requests of its users got no answer."""
    urls = [f"{live.peer.field.url(each, live.peer.name)}/" for each in live.peer.machines]
    with Load(urls, rate=RATE) as load:
        time.sleep(0.2)
        live.deploy(commit, version)
        return load.stop().lost
