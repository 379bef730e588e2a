"""Ours: `inv deploy` and `inv rollback`, with and without a standby."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from typing import Any

from tests.benchmarks.peers.field import COMMAND
from tests.benchmarks.peers.peer import Peer
from tests.system.machine import Machine

SERVICE = {
    "requirements": "",  # the peers' releases don't ask for theirs either
    "run": f"{COMMAND} {{socket}}",
    "smoke": [],
    "limits": {},
    "thresholds": {},
}


class Ours(Peer):
    """As it is configured by default, but for the watch: nobody else watches."""

    name = "ours"
    pause = 1.5  # it drains
    more: dict[str, Any] = {}

    def aim(self, machines: Sequence[Machine]) -> None:
        super().aim(machines)
        said = {
            "hosts": [f"deploy@{machine.name}" for machine in machines],
            "path": f"/srv/{self.name}",
            "front": f"http://127.0.0.1:{self.field.ports[self.name]}",
            "ssh_config": str(self.field.ssh_config),
            "watch": "0s",
            "gates": [],
            **self.more,
        }
        self.project.others = {**self.project.others, self.name: said}
        self.project.configure(**SERVICE)
        shutil.copy(self.field.known_hosts, self.project.root / "known_hosts")

    def deploy(self, commit: str, version: str) -> list[str]:
        return self._inv("deploy", f"--version={commit}")

    def rollback(self, version: str) -> list[str]:
        return self._inv("rollback")

    def _inv(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "invoke", *words, f"--env={self.name}", "--yes", "--json"]

    def told(self, output: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(output)["detail"]["steps"]
        return found


class Standby(Ours):
    """The release before keeps running."""

    name = "ours-standby"
    more = {"standby": True}
