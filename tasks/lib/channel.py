"""
A byte channel to a host: what SSH gives, and what a local process gives the tests in the same
shape.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import paramiko

# How much of what the other side complained about is kept, in bytes: its end says what went wrong.
COMPLAINT = 16 * 1024
# How long a write may stand still before the other side counts as gone, in seconds.
STALL = 60.0


class Channel(Protocol):
    """A stream of bytes in both directions, with an end."""

    def read(self, n: int, timeout: float) -> bytes:
        """
        Return up to n bytes, b"" at the end. Raises TimeoutError after `timeout` seconds of
        nothing.
        """

    def write(self, data: bytes) -> None:
        """Send all of `data`. Raises OSError or EOFError when the other side is gone."""

    def close(self) -> None:
        """
        End the channel; what runs on the other side gets the end of its input. May be repeated.
        """


class LocalChannel:
    """
    A process on this machine as a channel: its standard input and output.

    `argv` is the command and its arguments, `cwd` where it runs, `env` its whole environment
    (default: ours).
    """

    def __init__(
        self,
        argv: Sequence[str],
        cwd: Path | str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.process = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=None if env is None else dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        assert self.process.stdin and self.process.stdout and self.process.stderr
        self._in, self._out, self._err = (
            self.process.stdin,
            self.process.stdout,
            self.process.stderr,
        )
        self._complaint = b""
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._out, selectors.EVENT_READ, "out")
        self._selector.register(self._err, selectors.EVENT_READ, "err")

    def read(self, n: int, timeout: float) -> bytes:
        """
        Return up to n bytes, b"" at the end. Raises TimeoutError after `timeout` seconds of
        nothing.
        """
        if self._out.closed:
            return b""
        deadline = time.monotonic() + timeout
        while True:
            ready = {
                key.data for key, _ in self._selector.select(max(0.0, deadline - time.monotonic()))
            }
            if "err" in ready:
                self._listen_to_complaints()
            if "out" in ready:
                return os.read(self._out.fileno(), n)
            if time.monotonic() >= deadline:
                raise TimeoutError(f"nothing came for {timeout:g} s")

    def write(self, data: bytes) -> None:
        """Send all of `data`. Raises OSError when the process no longer reads."""
        if self._in.closed:
            raise BrokenPipeError("the channel is closed")
        view = memoryview(data)
        while view:
            view = view[os.write(self._in.fileno(), view) :]

    def close(self) -> None:
        """Close the pipes as sshd does at a disconnect; the process gets the end of its input."""
        self._selector.close()
        for pipe in (self._in, self._out, self._err):
            pipe.close()

    def complaint(self) -> str:
        """Return the end of what came on standard error so far."""
        return self._complaint.decode(errors="replace")

    def _listen_to_complaints(self) -> None:
        data = os.read(self._err.fileno(), 65536)
        if not data:
            self._selector.unregister(self._err)
        self._complaint = (self._complaint + data)[-COMPLAINT:]


class SSHChannel:
    """A command on a host as a channel: one session channel of an open SSH connection."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self._complaint = b""

    def read(self, n: int, timeout: float) -> bytes:
        """
        Return up to n bytes, b"" at the end. Raises TimeoutError after `timeout` seconds of
        nothing.
        """
        self._channel.settimeout(timeout)
        try:
            return self._channel.recv(n)
        except TimeoutError:
            raise TimeoutError(f"nothing came for {timeout:g} s") from None
        finally:
            # Left unread, standard error would fill the window and the other side would stand
            # still.
            self._listen_to_complaints()

    def write(self, data: bytes) -> None:
        """
        Send all of `data`. Raises OSError when the connection is gone or nothing was taken for a
        minute.
        """
        view = memoryview(data)
        last = time.monotonic()
        while view:
            try:
                view = view[self._channel.send(bytes(view[:32768])) :]
                last = time.monotonic()
            except TimeoutError:
                # The time limit is the reader's (paramiko has one for both): a full window isn't
                # the end.
                if time.monotonic() - last > STALL:
                    raise
                time.sleep(0.005)

    def end_input(self) -> None:
        """Say that nothing more will be written; what comes can still be read."""
        self._channel.shutdown_write()

    def close(self) -> None:
        """End the session; the connection stays."""
        self._channel.close()

    def complaint(self) -> str:
        """Return the end of what came on standard error so far."""
        self._listen_to_complaints()
        return self._complaint.decode(errors="replace")

    def _listen_to_complaints(self) -> None:
        while self._channel.recv_stderr_ready():
            self._complaint = (self._complaint + self._channel.recv_stderr(65536))[-COMPLAINT:]
