"""pyinfra: an inventory and two files of operations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.peers.ansible import ARCHIVE
from tests.benchmarks.peers.peer import Peer
from tests.system.machine import Machine

DEPLOY = """from pyinfra import host
from pyinfra.operations import files, server, systemd

APP, VERSION = "/srv/pyinfra", host.data.version
RELEASE = f"{APP}/releases/{VERSION}"

files.put(name="Upload the release", src="release.tar.gz", dest=f"{APP}/shared/release.tar.gz")
server.shell(
    name="Unpack the release",
    commands=[f"mkdir -p {RELEASE} && tar -xzf {APP}/shared/release.tar.gz -C {RELEASE}"],
)
files.link(name="Point current at it", path=f"{APP}/current", target=RELEASE)
systemd.service(name="Restart the service", service="pyinfra.service", restarted=True)
server.shell(
    name="Remove old releases",
    commands=[f"ls -1dt {APP}/releases/* | tail -n +21 | xargs -r rm -rf"],
)
"""
ROLLBACK = """from pyinfra import host
from pyinfra.operations import files, systemd

APP = "/srv/pyinfra"

files.link(
    name="Point current at the release before",
    path=f"{APP}/current",
    target=f"{APP}/releases/{host.data.version}",
)
systemd.service(name="Restart the service", service="pyinfra.service", restarted=True)
"""


class Pyinfra(Peer):
    """It waits for nothing after the restart, as its users' files seldom do."""

    name, from_pip = "pyinfra", True

    def aim(self, machines: Sequence[Machine]) -> None:
        super().aim(machines)
        said = {
            "ssh_user": "root",
            "ssh_key": str(self.field.identity),
            "ssh_config_file": str(self.field.ssh_config),
            "ssh_known_hosts_file": str(self.field.known_hosts),
        }
        hosts = [(machine.name, said) for machine in machines]
        (self.directory / "inventory.py").write_text(f"hosts = {hosts!r}\n")
        (self.directory / "deploy.py").write_text(DEPLOY)
        (self.directory / "rollback.py").write_text(ROLLBACK)

    @property
    def where(self) -> Path:
        return self.directory

    def _run(self, file: str, version: str) -> list[str]:
        words = [str(self.tools / "pyinfra"), "-y", "inventory.py", file]
        return [*words, "--data", f"version={version}"]

    def deploy(self, commit: str, version: str) -> list[str]:
        archive = ARCHIVE.replace("git ", 'git -C "$0" ')
        words = ["sh", "-ec", archive, str(self.project.root)]
        return [
            *words,
            str(self.directory / "release.tar.gz"),
            commit,
            *self._run("deploy.py", version),
        ]

    def rollback(self, version: str) -> list[str]:
        return self._run("rollback.py", version)
