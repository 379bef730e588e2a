"""A container daemon of the tests' own.

Test processes that run at once share it: the first one starts it, the last one ends it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

PLACE = Path("/run/circle-engine")
PATIENCE = 60  # seconds
# By which containers reach this machine: with Docker's own bridge that would be its address.
GATEWAY = "172.31.255.1"
GATE = PLACE.with_suffix(".lock")  # beside it: the place goes with the daemon


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock `path`, which is there only while somebody holds it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.fstat(descriptor).st_ino == os.stat(path).st_ino:
                break
        os.close(descriptor)  # who held it before has taken it away
    try:
        yield
    finally:
        os.unlink(path)
        os.close(descriptor)


class Daemon:
    """dockerd, used until `close`.

    It keeps its images where Docker always does, so that the next run has them, and leaves neither
    bridge nor packet filter rules behind.
    """

    address = f"unix://{PLACE}/docker.sock"

    def __init__(self) -> None:
        self._ours: subprocess.Popen[bytes] | None = None
        with alone(GATE):
            PLACE.mkdir(mode=0o700, exist_ok=True)
            self._use = os.open(PLACE / "users", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._use, fcntl.LOCK_SH)
            if not answers(self.address):
                self._start()

    def close(self) -> None:
        """Need it no longer. Who was the last one ends it; no container is left by then."""
        with alone(GATE):
            try:
                fcntl.flock(self._use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:  # others are at it still
                return
            finally:
                os.close(self._use)
            self._stop()

    def _start(self) -> None:
        rules = subprocess.run(["iptables-save"], check=True, capture_output=True).stdout
        (PLACE / "rules").write_bytes(rules)
        (PLACE / "pid").unlink(missing_ok=True)  # of one that was killed
        words = ["--host", self.address, "--exec-root", f"{PLACE}/exec"]
        words += ["--pidfile", f"{PLACE}/pid", "--bridge", "none", "--host-gateway-ip", GATEWAY]
        _gateway("replace")
        with open(PLACE / "log", "wb") as log:
            self._ours = subprocess.Popen(
                ["dockerd", *words], stdout=log, stderr=log, start_new_session=True
            )
        until = time.monotonic() + PATIENCE
        while not answers(self.address):
            said = (PLACE / "log").read_text(errors="replace")[-2000:]
            assert self._ours.poll() is None and time.monotonic() < until, said
            time.sleep(0.1)

    def _stop(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            daemon = psutil.Process(int((PLACE / "pid").read_text()))
            daemon.terminate()
            until = time.monotonic() + PATIENCE
            while daemon.status() != psutil.STATUS_ZOMBIE and time.monotonic() < until:
                time.sleep(0.05)
        if self._ours is not None:
            self._ours.wait(PATIENCE)
        subprocess.run(["iptables-restore", PLACE / "rules"], check=True)
        _gateway("del")
        shutil.rmtree(PLACE, ignore_errors=True)


def _gateway(change: str) -> None:
    words = ["ip", "address", change, f"{GATEWAY}/32", "dev", "lo"]
    subprocess.run(words, check=change != "del", capture_output=True)


def answers(address: str = "") -> bool:
    """Tell whether a daemon answers at `address` (default: where Docker looks for one)."""
    env = {**os.environ, **({"DOCKER_HOST": address} if address else {})}
    asked = ["docker", "version", "--format", "{{.Server.Version}}"]
    return subprocess.run(asked, env=env, capture_output=True).returncode == 0
