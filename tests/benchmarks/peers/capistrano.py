"""Capistrano, from Debian: its usual deploy with git, and a restart of the unit."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.peers.peer import Peer
from tests.support.project import free_port
from tests.system.machine import Machine

PACKAGES = ("capistrano", "ruby-ed25519", "ruby-bcrypt-pbkdf")
CAPFILE = """require "capistrano/setup"
require "capistrano/deploy"
require "capistrano/scm/git"
install_plugin Capistrano::SCM::Git
"""
DEPLOY = """lock "~> 3"
set :application, "capistrano"
set :repo_url, "{repository}"
set :branch, ENV.fetch("BRANCH", "main")
set :deploy_to, "/srv/capistrano"
set :keep_releases, 20

namespace :deploy do
  task :restart do
    on roles(:app) do
      execute :systemctl, "restart", "capistrano"
    end
  end
  after :publishing, :restart
end
"""
STAGE = """server "{name}", user: "root", roles: %w[app]
"""
OPTIONS = """set :ssh_options, config: "{config}", keys: ["{key}"], auth_methods: %w[publickey]
"""


class Capistrano(Peer):
    """Hosts fetch from a git server on this machine, without the operator's round trip."""

    name = "capistrano"
    daemon: subprocess.Popen[bytes] | None = None

    @staticmethod
    def missing() -> str:
        return "" if shutil.which("cap") else f"Capistrano needs: apt install {' '.join(PACKAGES)}"

    def aim(self, machines: Sequence[Machine]) -> None:
        super().aim(machines)
        stages = self.directory / "config" / "deploy"
        stages.mkdir(parents=True, exist_ok=True)
        (self.directory / "Capfile").write_text(CAPFILE)
        repository = self._repository(machines[0].address.rpartition(".")[0] + ".1")
        (stages.parent / "deploy.rb").write_text(DEPLOY.format(repository=repository))
        servers = "".join(STAGE.format(name=machine.name) for machine in machines)
        options = OPTIONS.format(config=self.field.ssh_config, key=self.field.identity)
        (stages / "production.rb").write_text(servers + options)

    def _repository(self, address: str) -> str:
        """Serve the project from this machine's address on the hosts' network."""
        root = self.project.root
        if self.daemon is None:
            self.port = free_port()
            words = ["git", "daemon", "--export-all", f"--base-path={root.parent}", "--reuseaddr"]
            words += [f"--listen={address}", f"--port={self.port}"]
            self.daemon = subprocess.Popen(words, start_new_session=True)
        return f"git://{address}:{self.port}/{root.name}/.git"

    def close(self) -> None:
        if self.daemon is not None:
            os.killpg(self.daemon.pid, signal.SIGTERM)
            self.daemon.wait()

    @property
    def where(self) -> Path:
        return self.directory

    def deploy(self, commit: str, version: str) -> list[str]:
        return ["cap", "production", "deploy", f"BRANCH={commit}"]

    def rollback(self, version: str) -> list[str]:
        return ["cap", "production", "deploy:rollback"]
