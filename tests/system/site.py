"""Real hosts together: a network of machines, and a scratch project that deploys to them."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.support.project import Project
from tests.system.engine import Engine
from tests.system.machine import Machine

USER = "deploy"
ENVIRONMENT = "staging"


class Site:
    """`count` machines, booted when this is made.

    They let `identity` in as root; `close` removes them.
    """

    def __init__(self, engine: Engine, image: str, count: int = 3) -> None:
        self.engine = engine
        # Not in pytest's own, which it clears away after some runs with whatever is mounted there.
        self.directory = directory = Path(tempfile.mkdtemp(prefix="circle-site-"))
        self.network = f"circle-{os.getpid()}-{secrets.token_hex(2)}"
        self.identity = directory / "key"
        words = ["-q", "-t", "ed25519", "-N", "", "-f", str(self.identity)]
        subprocess.run(["ssh-keygen", *words], check=True)
        key = self.identity.with_suffix(".pub").read_text()
        self.machines: list[Machine] = []
        try:
            subnet = self._network()
            for number in range(1, count + 1):
                address = f"{subnet}.{number + 10}"
                about = (f"host{number}", self.network, address, directory, key)
                self.machines.append(Machine(engine, image, *about))
            with ThreadPoolExecutor(count) as pool:
                list(pool.map(Machine.start, self.machines))
                list(pool.map(Machine.booted, self.machines))
        except BaseException:
            self.close()
            raise

    def _network(self) -> str:
        """Make the network; the first three numbers of its addresses."""
        for third in range(200, 250):  # one that nobody has
            subnet = f"172.31.{third}"
            try:
                words = ["--driver", "bridge", "--subnet", f"{subnet}.0/24", self.network]
                self.engine.run("network", "create", *self.engine.label(), *words)
                return subnet
            except AssertionError as error:
                if "overlap" not in str(error):
                    raise
        raise AssertionError("no network is free")

    def close(self) -> None:
        """Remove the machines and the network."""
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(Machine.remove, self.machines))
        self.engine.run("network", "rm", self.network)
        shutil.rmtree(self.directory)

    def environment(self, **said: Any) -> dict[str, Any]:
        """The environment of these machines, for invoke.yaml."""
        hosts = [f"{USER}@{machine.name}" for machine in self.machines]
        usual: dict[str, Any] = {"hosts": hosts, "watch": "0s", "gates": []}
        usual["url"] = f"http://{self.machines[0].address}"
        usual["ssh_config"] = str(self.directory / "ssh_config")
        return {**usual, **said}

    def write(self, root: Path) -> None:
        """Tell a project's operator how the machines are reached, and their keys."""
        config, known = "", ""
        for machine in self.machines:
            config += f"Host {machine.name}\n  HostName {machine.address}\n"
            known += f"{machine.name},{machine.address} {machine.host_key}\n"
        config += f'Host *\n  IdentityFile "{self.identity}"\n  IdentitiesOnly yes\n'
        (self.directory / "ssh_config").write_text(config)
        (root / "known_hosts").write_text(known)

    def project(self, root: Path, service: dict[str, Any], **environment: Any) -> Project:
        """A scratch project whose default environment these machines are, prepared for it."""
        others = {ENVIRONMENT: self.environment(**environment)}
        project = Project(root, service=service, others=others, default=ENVIRONMENT)
        self.write(root)
        self.prepare(project)
        return project

    def prepare(self, project: Project) -> None:
        """Have `inv host` make servers of them."""
        done = project.inv("host", f"--env={ENVIRONMENT}", timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
