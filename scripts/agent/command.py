"""Commands that a run waits for (hooks, pip): limited in time and output, ended with the run.

Unless they must not be.
"""

from __future__ import annotations

import collections
import contextlib
import json
import mmap
import os
import signal
import struct
import subprocess
import threading
import time
from typing import Any, Deque, Optional

from listening import Launch
from wire import Failure

KEPT = 32 * 1024  # bytes of output kept, the newest


class Commands:
    """Runs one command at a time.

    `box` is shared with the guard, which ends the command should the run be killed.
    """

    def __init__(self, lock: int, lost: threading.Event) -> None:
        self.lock, self.lost = lock, lost
        self.box = mmap.mmap(-1, 16)

    def run(
        self, launch: Launch, limit: float, what: str, kind: str, stoppable: bool = True
    ) -> str:
        """Run to the end and return the newest output.

        The command inherits the lock, so that the lock lasts while anything of the run writes.
        Raises Failure of `kind` on a bad exit or past `limit` seconds.
        """
        argv, cwd, env = launch
        try:
            child = subprocess.Popen(
                argv,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(self.lock,),
            )
        except (OSError, ValueError) as error:
            said = "%s: %s" % (getattr(error, "filename", None) or argv[0], error)
            raise Failure(kind, "%s can't be run: %s" % (what, said)) from None
        deadline = time.monotonic() + limit
        self.box[:16] = struct.pack("!qd", child.pid, deadline if not stoppable else 0.0)
        kept: Deque[bytes] = collections.deque()
        reader = threading.Thread(target=self._collect, args=(child, kept), daemon=True)
        reader.start()
        why = self._wait(child, deadline, stoppable)
        if why:
            with contextlib.suppress(OSError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        self.box[:16] = bytes(16)
        reader.join(1.0)  # a grandchild may hold the pipe; its output is not waited for
        output = _newest(b"".join(list(kept)))
        if why or child.returncode:
            reason = why or "ended with %d" % child.returncode
            raise Failure(
                "lease" if why.startswith("the operator") else kind,
                "%s %s" % (what, reason),
                output,
            )
        return output

    def _wait(self, child: "subprocess.Popen[bytes]", deadline: float, stoppable: bool) -> str:
        while child.poll() is None:
            if time.monotonic() > deadline:
                return "ran past its limit and was ended"
            if stoppable and self.lost.is_set():
                return "the operator was gone, so it was ended"
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(0.05)
        return ""

    @staticmethod
    def _collect(child: "subprocess.Popen[bytes]", kept: Deque[bytes]) -> None:
        size = 0
        assert child.stdout is not None
        while True:
            chunk = os.read(child.stdout.fileno(), 16384)
            if not chunk:
                return
            kept.append(chunk)
            size += len(chunk)
            while size - len(kept[0]) > KEPT:
                size -= len(kept.popleft())

    def end_orphan(self) -> None:
        """In the guard, when the run was killed: end its command now.

        Or at its own limit, where it must not be cut short.
        """
        pid, deadline = struct.unpack("!qd", self.box[:16])
        while pid and time.monotonic() < deadline and _group_lives(pid):
            time.sleep(0.1)
        if pid:
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)


def _newest(output: bytes) -> str:
    """The end of the output from the beginning of a line: half a secret would not be hidden."""
    if len(output) > KEPT:
        cut = output[-KEPT:]
        output = cut.partition(b"\n")[2] or cut
    return output.decode("utf-8", "replace")


def _group_lives(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
        return True
    except OSError:
        return False


def tell_holder(lock: int, said: Any) -> None:
    """Write into the lock's file what whoever meets it is told: run, who, since, doing, pids."""
    text = json.dumps(said).encode()
    with contextlib.suppress(OSError):  # a full disk must not stop who holds it
        os.pwrite(lock, text, 0)
        os.ftruncate(lock, len(text))


def open_lock(path: str, patience: float = 0.2) -> Optional[int]:
    """A lock, such as the run's, held; or None when somebody else holds it.

    The kernel frees it with its last holder. Who only asks for the run's holder has its lock for an
    instant; `patience` (seconds) is longer than that.
    """
    import fcntl

    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o640)
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except OSError:
            if time.monotonic() > until:
                os.close(handle)
                return None
            time.sleep(0.01)
