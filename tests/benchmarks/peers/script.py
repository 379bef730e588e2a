"""A hand-written script: ssh, tar, a symlink and `systemctl restart`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.benchmarks.peers.peer import HERE, Peer
from tests.system.machine import Machine


class Script(Peer):
    """One connection a host, kept open between the two steps; all hosts at once."""

    name = "script"

    def aim(self, machines: Sequence[Machine]) -> None:
        super().aim(machines)
        (self.directory / "control").mkdir(mode=0o700, exist_ok=True)

    def _hosts(self) -> list[str]:
        return [f"{each.name}={self.field.url(each, self.name)}" for each in self.machines]

    def deploy(self, commit: str, version: str) -> list[str]:
        return [str(HERE / "script" / "deploy.sh"), commit, version, *self._hosts()]

    def rollback(self, version: str) -> list[str]:
        return [str(HERE / "script" / "rollback.sh"), version, *self._hosts()]

    @property
    def variables(self) -> Mapping[str, str]:
        control = str(self.directory / "control")
        return {"SSH_CONFIG": str(self.field.ssh_config), "CONTROL": control}
