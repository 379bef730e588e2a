"""One real host: a Debian container with systemd, sshd and nginx.

It has a disk of its own, and a network that can be cut.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from pathlib import Path

from tests.system.engine import Engine

# What systemd needs in order to boot there; not --privileged.
BOOTS = (
    "--cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined"
    " --security-opt apparmor=unconfined --cgroupns=host -v /sys/fs/cgroup:/sys/fs/cgroup:rw"
    " --tmpfs /run --tmpfs /run/lock -e container=docker"
).split()
INIT = "ssh-keygen -A >/dev/null; exec /sbin/init"
DISK = 1 << 30  # bytes of /srv, sparse
PATIENCE = 60.0  # seconds; only ever ends a test that has failed


class Machine:
    """A host called `name` at `address` of a network; `directory` takes its disk while it is there.

    key: the public key that root lets in.
    """

    def __init__(
        self,
        engine: Engine,
        image: str,
        name: str,
        network: str,
        address: str,
        directory: Path,
        key: str,
    ) -> None:
        self.engine, self.image, self.name = engine, image, name
        self.network, self.address, self.key = network, address, key
        self.container = f"{network}-{name}"
        self.image_file, self.srv = directory / f"{name}.img", directory / name
        self.pid = 0

    def start(self) -> None:
        """Make the host; it boots when this returns, see `booted`."""
        self.srv.mkdir(parents=True)
        with open(self.image_file, "wb") as disk:
            disk.truncate(DISK)
        _run("mkfs.ext4", "-q", "-m", "0", "-E", "root_owner=0:0", str(self.image_file))
        _run("mount", "-o", "loop", str(self.image_file), str(self.srv))
        (self.srv / "lost+found").rmdir()
        words = ["--name", self.container, "--hostname", self.name, "--network", self.network]
        words += self.engine.label(str(self.srv))
        words += ["--ip", self.address, *BOOTS, "-v", f"{self.srv}:/srv"]
        self.engine.run("run", "-d", *words, self.image, "/bin/sh", "-c", INIT)

    def booted(self) -> None:
        """Wait until it is up, and let root's key in."""
        until = time.monotonic() + PATIENCE
        self.pid = int(self.engine.run("inspect", "-f", "{{.State.Pid}}", self.container))
        while not self._up():
            assert time.monotonic() < until, f"{self.name} did not boot"
            time.sleep(0.05)
        self.run(
            "sh",
            "-c",
            "umask 077; mkdir -p /root/.ssh; cat >/root/.ssh/authorized_keys",
            data=self.key,
        )

    def _up(self) -> bool:
        with contextlib.suppress(AssertionError):
            state = "systemctl is-active -q ssh && systemctl is-system-running --wait || true"
            return self.run("sh", "-c", state) in ("running", "degraded")
        return False

    def remove(self) -> None:
        """Take everything of it away."""
        with contextlib.suppress(AssertionError):
            self.engine.run("rm", "-f", "-v", self.container)
        while os.path.ismount(self.srv):
            _run("umount", str(self.srv))
        self.image_file.unlink(missing_ok=True)
        if self.srv.exists():
            self.srv.rmdir()

    def run(self, *argv: str, data: str = "", user: str = "root") -> str:
        """Run a command on it and return what it printed. Raises AssertionError with its words."""
        return self.engine.run("exec", "-i", "-u", user, self.container, *argv, data=data.encode())

    def systemctl(self, user: str, *words: str) -> str:
        """Ask a user's own systemd."""
        place = f"XDG_RUNTIME_DIR=/run/user/{self.run('id', '-u', user)}"
        return self.run("env", place, "systemctl", "--user", *words, user=user)

    @property
    def host_key(self) -> str:
        """Its public key, as known_hosts has it."""
        return " ".join(self.run("cat", "/etc/ssh/ssh_host_ed25519_key.pub").split()[:2])

    # Faults.

    def power_off(self) -> None:
        """Everything that runs there is gone at once; what is on the disk stays."""
        self.engine.run("kill", self.container)

    def power_on(self) -> None:
        self.engine.run("start", self.container)
        self.booted()

    def inside(self, *argv: str) -> str:
        """Run one of this machine's commands in its network."""
        return _run("nsenter", "-t", str(self.pid), "-n", *argv)

    def operators(self) -> list[str]:
        """The ports from which sshd's open connections come."""
        shown = self.inside("ss", "-Htn", "state", "established", "sport", "=", ":22")
        return [line.split()[-1].rpartition(":")[2] for line in shown.splitlines()]

    def drop(self, chain: str, *match: str, reset: bool = False) -> None:
        """Have packets lost, or answered with a reset, which `INPUT` or `OUTPUT` has matched."""
        how = ["REJECT", "--reject-with", "tcp-reset"] if reset else ["DROP"]
        self.inside("iptables", "-w", "-I", chain, "-p", "tcp", *match, "-j", *how)

    def let_through(self) -> None:
        self.inside("iptables", "-w", "-F")

    def fill(self, left: int) -> None:
        """Have no more than `left` bytes free on its disk; 0 frees them again."""
        filler = self.srv / "filler"
        filler.unlink(missing_ok=True)
        if left:
            room = os.statvfs(self.srv)
            with open(filler, "wb") as out:
                os.posix_fallocate(out.fileno(), 0, room.f_bavail * room.f_bsize - left)

    def pids(self) -> list[int]:
        """Every process of it, as this machine numbers them."""
        found = []
        space = os.readlink(f"/proc/{self.pid}/ns/pid")
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{name}/ns/pid") == space:
                    found.append(int(name))
        return found


def _run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stderr}"
    return done.stdout
