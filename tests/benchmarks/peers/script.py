"""A hand-written script: ssh, tar, a symlink and `systemctl restart`."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from tests.benchmarks.peers.peer import HERE, Peer
from tests.system.machine import Machine

SCRIPT = str(HERE / "by-hand.sh")


class Script(Peer):
    """One connection a host, kept open between the two steps; all hosts at once."""

    name = "script"

    def aim(self, machines: Sequence[Machine]) -> None:
        super().aim(machines)
        place = self.project.root / ".git" / "by-hand"
        (place / "control").mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copy(self.field.ssh_config, place)
        self.controls = place / "control"

    def _hosts(self) -> list[str]:
        return [f"{each.name}={self.field.url(each, self.name)}" for each in self.machines]

    def deploy(self, commit: str, version: str) -> list[str]:
        return [SCRIPT, "deploy", commit, version, *self._hosts()]

    def rollback(self, version: str) -> list[str]:
        return [SCRIPT, "rollback", version, *self._hosts()]
