"""OpenSSH's own server for tests and benchmarks: on loopback, for the user who runs them."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@dataclass
class OpenSSH:
    """A server that runs: where it listens, the only key it lets in, and what it logged."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def identity(self) -> Path:
        return self.directory / "identity"

    @property
    def known(self) -> str:
        """The line of a known_hosts file for it."""
        kind, key = (self.directory / "host_key.pub").read_text().split()[:2]
        return f"[127.0.0.1]:{self.port} {kind} {key}\n"

    @property
    def address(self) -> str:
        return f"{getpass.getuser()}@127.0.0.1:{self.port}"

    def logged(self, word: str) -> int:
        """How many lines of its log have `word`."""
        return (self.directory / "log").read_text(errors="replace").count(word)


@contextlib.contextmanager
def served(directory: Path, *options: str) -> Iterator[OpenSSH]:
    """Run a server below `directory` until the block ends; `options`: lines of its sshd_config over
    the defaults of OpenSSH."""
    if SSHD is None:
        pytest.skip("OpenSSH's server is not installed: apt install openssh-server")
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("host_key", "identity"):
        if not (directory / name).exists():
            argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / name)]
            subprocess.run(argv, check=True)
    port = _free_port()
    lines = [*options, f"ListenAddress 127.0.0.1:{port}", f"HostKey {directory / 'host_key'}"]
    lines += [f"AuthorizedKeysFile {directory / 'identity.pub'}", "PidFile none", "UsePAM no"]
    lines += ["StrictModes no", "LogLevel VERBOSE", "PasswordAuthentication no"]
    config = directory / "sshd_config"
    config.write_text("\n".join([*lines, ""]))
    if os.getuid() == 0:  # where it locks itself up before a login
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with open(directory / "log", "ab") as log:
        argv = [SSHD, "-D", "-e", "-f", str(config)]
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait(port, process, directory / "log")
        yield OpenSSH(directory, port, process)
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 20
    while "Server listening" not in log.read_text(errors="replace"):
        assert process.poll() is None and time.monotonic() < until, log.read_text(errors="replace")
        time.sleep(0.02)
