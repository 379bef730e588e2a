"""The container engine of the tests on real hosts.

It is the one that runs here, or one of our own that ends with them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess

from tests.system.daemon import Daemon, answers

NEEDED = {
    "docker": "docker.io",
    "dockerd": "docker.io",
    "debootstrap": "debootstrap",
    "iptables": "iptables",
    "nsenter": "util-linux",
    "mkfs.ext4": "e2fsprogs",
    "ssh-keygen": "openssh-client",
}  # command and the Debian package that has it


def missing() -> str:
    """Return "" where real hosts can be made here, else what is missing, in a sentence."""
    if os.geteuid() != 0:
        return "real hosts are made by root"
    packages = sorted({package for name, package in NEEDED.items() if not shutil.which(name)})
    return f"real hosts need: apt install {' '.join(packages)}" if packages else ""


LABEL = "circle-of-closure.test"


class Engine:
    """Docker's command line, and a daemon behind it."""

    def __init__(self) -> None:
        self.env = dict(os.environ)
        self._daemon = None if answers() else Daemon()
        if self._daemon:
            self.env["DOCKER_HOST"] = self._daemon.address
        self._sweep()

    def run(self, *words: str, data: bytes = b"") -> str:
        """Run `docker words…` and return what it printed. Raises AssertionError with its words."""
        done = subprocess.run(
            ["docker", *words], input=data, capture_output=True, env=self.env, timeout=300
        )
        said = done.stderr.decode(errors="replace")
        assert done.returncode == 0, f"docker {' '.join(words[:3])} …: {said}"
        return done.stdout.decode().strip()

    def close(self) -> None:
        """Leave the daemon, which ends where it was the tests' own and nobody else uses it."""
        if self._daemon is not None:
            self._daemon.close()

    def label(self, mount: str = "") -> list[str]:
        """The words that mark something as ours while this process lives; `mount`: its disk."""
        return ["--label", f"{LABEL}={os.getpid()} {mount}".rstrip()]

    def _sweep(self) -> None:
        """Take away what tests have left that were killed and could not."""
        for what, remove in (
            ("container", ("rm", "-f", "-v")),
            ("network", ("rm",)),
            ("volume", ("rm",)),
        ):
            name = "Name" if what == "volume" else "ID"
            asked = ["--filter", f"label={LABEL}"]
            asked += ["--format", f'{{{{.{name}}}}} {{{{.Label "{LABEL}"}}}}']
            listed = self.run(what, "ls", *(["-a"] if what == "container" else []), *asked)
            for line in listed.splitlines():
                name, pid, *mount = line.split(" ", 2)
                if not os.path.exists(f"/proc/{pid}"):
                    # Another may take it away just now, or Docker may not let go of it yet.
                    with contextlib.suppress(AssertionError, subprocess.CalledProcessError):
                        self.run(what, *remove, name)
                        for place in mount:
                            subprocess.run(["umount", place], check=True)
