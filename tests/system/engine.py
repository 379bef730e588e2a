"""The container engine of the tests on real hosts.

It is the one that runs here, or one of our own that ends with them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

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
    """Docker's command line, and a daemon behind it.

    A daemon of our own keeps its images where Docker always does, so that the next run has them,
    and leaves neither bridge nor packet filter rules behind.
    """

    def __init__(self) -> None:
        self.env = dict(os.environ)
        self._daemon: subprocess.Popen[bytes] | None = None
        self._rules = b""
        self._place = Path(tempfile.mkdtemp(prefix="circle-engine-"))
        if not self._answers():
            self._start()
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
        """End the daemon where it is ours. Its containers are gone by then."""
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait(60)
            subprocess.run(["iptables-restore"], input=self._rules, check=True)
        shutil.rmtree(self._place, ignore_errors=True)

    def label(self, mount: str = "") -> list[str]:
        """The words that mark something as ours while this process lives; `mount`: its disk."""
        return ["--label", f"{LABEL}={os.getpid()} {mount}".rstrip()]

    def _sweep(self) -> None:
        """Take away what tests have left that were killed and could not."""
        asked = ["--filter", f"label={LABEL}", "--format", f'{{{{.ID}}}} {{{{.Label "{LABEL}"}}}}']
        for what, remove in (("container", ("rm", "-f", "-v")), ("network", ("rm",))):
            listed = self.run(what, "ls", *(["-a"] if what == "container" else []), *asked)
            for line in listed.splitlines():
                name, pid, *mount = line.split(" ", 2)
                if not os.path.exists(f"/proc/{pid}"):
                    # Another may take it away just now, or Docker may not let go of it yet.
                    with contextlib.suppress(AssertionError, subprocess.CalledProcessError):
                        self.run(what, *remove, name)
                        for place in mount:
                            subprocess.run(["umount", place], check=True)

    def _answers(self) -> bool:
        asked = ["docker", "version", "--format", "{{.Server.Version}}"]
        return subprocess.run(asked, env=self.env, capture_output=True).returncode == 0

    def _start(self) -> None:
        self._rules = subprocess.run(["iptables-save"], check=True, capture_output=True).stdout
        self.env["DOCKER_HOST"] = f"unix://{self._place}/docker.sock"
        words = ["--host", self.env["DOCKER_HOST"], "--exec-root", f"{self._place}/exec"]
        words += ["--pidfile", f"{self._place}/pid", "--bridge", "none"]
        with open(self._place / "log", "wb") as log:
            self._daemon = subprocess.Popen(
                ["dockerd", *words], stdout=log, stderr=log, start_new_session=True
            )
        until = time.monotonic() + 60
        while not self._answers():
            said = (self._place / "log").read_text(errors="replace")[-2000:]
            assert self._daemon.poll() is None and time.monotonic() < until, said
            time.sleep(0.1)
