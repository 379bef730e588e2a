"""ansible-core: a playbook with pipelining and connections that stay open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.benchmarks.peers.peer import HERE, Peer
from tests.system.machine import Machine

CONFIG = """[defaults]
inventory = {place}/inventory
forks = 20
gathering = explicit
host_key_checking = true
[ssh_connection]
pipelining = true
ssh_args = -F {config} -o ControlMaster=auto -o ControlPersist=60s
control_path_dir = {controls}
"""
# The archive is made first; what is deployed is in arguments only.
ARCHIVE = 'git archive --format=tar.gz -o "$1" "$2"; shift 2; exec "$@"'


class Ansible(Peer):
    """Facts are not gathered: the playbook needs none."""

    name, from_pip = "ansible", True

    def aim(self, machines: Sequence[Machine]) -> None:
        super().aim(machines)
        said = {"place": self.directory, "config": self.field.ssh_config, "controls": self.controls}
        (self.directory / "ansible.cfg").write_text(CONFIG.format(**said))
        names = "".join(f"{machine.name}\n" for machine in machines)
        usual = "[all:vars]\nansible_user=root\nansible_python_interpreter=/usr/bin/python3\n"
        (self.directory / "inventory").write_text(names + usual)

    @property
    def variables(self) -> Mapping[str, str]:
        place = str(self.directory)
        return {"ANSIBLE_CONFIG": f"{place}/ansible.cfg", "ANSIBLE_HOME": place}

    def _play(self, book: str, **said: str) -> list[str]:
        words = [str(self.tools / "ansible-playbook"), str(HERE / book)]
        said["port"] = str(self.field.ports[self.name])
        return words + [word for pair in said.items() for word in ("-e", "=".join(pair))]

    def deploy(self, commit: str, version: str) -> list[str]:
        archive = str(self.directory / "release.tar.gz")
        play = self._play("ansible-deploy.yml", archive=archive, version=version)
        return ["sh", "-ec", ARCHIVE, "sh", archive, commit, *play]

    def rollback(self, version: str) -> list[str]:
        return self._play("ansible-rollback.yml", version=version)
