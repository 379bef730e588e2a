"""What a peer is to the benchmark: a name and the commands that its users would type."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.peers.field import Field
from tests.support.project import Project
from tests.system.machine import Machine

HERE = Path(__file__).parent


class Peer:
    """One way to deploy. `project`: the repository; `tools`: the bin/ of what was installed."""

    name = ""
    from_pip = False
    pause = 0.5  # seconds after a command: what it leaves to do is not measured with the next

    def __init__(self, field: Field, project: Project, directory: Path, tools: Path) -> None:
        self.field, self.project, self.tools = field, project, tools
        self.directory = directory / self.name
        self.directory.mkdir(parents=True)
        self.controls = self.directory / "control"  # where ssh keeps connections open
        self.machines: Sequence[Machine] = ()

    @staticmethod
    def missing() -> str:
        """Return "" where it can be run, else what is missing."""
        return ""

    def aim(self, machines: Sequence[Machine]) -> None:
        """Write down which machines are meant from now on."""
        self.machines = machines

    def deploy(self, commit: str, version: str) -> list[str]:
        """The command that deploys a commit."""
        raise NotImplementedError

    def rollback(self, version: str) -> list[str]:
        """The command that goes back to the release before, which has this version."""
        raise NotImplementedError

    @property
    def where(self) -> Path:
        """The directory that its commands are given in."""
        return self.project.root

    @property
    def variables(self) -> Mapping[str, str]:
        """What its commands find in the environment."""
        return {}

    def told(self, output: str) -> dict[str, Any]:
        """What its output says of the time that it took, by step."""
        return {}

    def close(self) -> None:
        """End what it started on this machine."""

    def cool(self) -> None:
        """Close what it keeps open for the next run: people don't deploy twice in a minute."""
        for control in self.controls.glob("*"):
            words = ["ssh", "-o", f"ControlPath={control}", "-O", "exit", "nobody"]
            subprocess.run(words, capture_output=True)

    def environment(self) -> dict[str, str]:
        """The whole environment of its commands."""
        kept = {key: text for key, text in os.environ.items() if not key.startswith("INVOKE_")}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)  # as users have it
        return {**kept, **self.variables}
