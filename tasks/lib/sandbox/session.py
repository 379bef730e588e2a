"""
The sandbox's sshd: commands run as sshd runs them, and lose their pipes when the client is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import termios
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import state

if TYPE_CHECKING:
    import socket

    import asyncssh

    Process = asyncssh.SSHServerProcess[bytes]
    Child = asyncio.subprocess.Process

CHUNK = 64 * 1024
# The quickest that both paramiko and ssh speak; the key exchange is most of the time of a
# connection.
ALGORITHMS: dict[str, list[str]] = {
    "kex_algs": ["curve25519-sha256", "curve25519-sha256@libssh.org"],
    "encryption_algs": ["aes128-gcm@openssh.com", "aes128-ctr", "chacha20-poly1305@openssh.com"],
    "mac_algs": ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-256"],
    "compression_algs": ["none"],
}


async def serve(sock: socket.socket, environment: dict[str, str]) -> asyncssh.SSHAcceptor:
    """
    Serve SSH on a bound TCP socket, with the host key in the current directory and the sandbox's
    user key.

    environment: what every command gets, and nothing else. Returns the running server.
    """
    import asyncssh

    class Server(asyncssh.SSHServer):
        def connection_requested(self, *_: object) -> bool:
            return True  # a host of the sandbox may be the jump to another, as with sshd's defaults

    background: set[asyncio.Task[Any]] = set()

    async def run(process: Process) -> None:
        await _run(process, environment, background)

    # asyncssh annotates its options one by one, which a plain mapping can't follow.
    options: dict[str, Any] = {"password_auth": False, "kbdint_auth": False, **ALGORITHMS}
    return await asyncssh.listen(
        sock=sock,
        server_factory=Server,
        process_factory=run,
        encoding=None,
        line_editor=False,
        server_host_keys=[state.HOST_KEY],
        authorized_client_keys=f"../{state.USER_KEY}.pub",
        **options,
    )


@dataclass(frozen=True)
class _Ends:
    """The ends of a command's input and output: the child's three, and ours."""

    child: tuple[int, int, int]
    feed: int
    stdout: int
    stderr: int | None


def _pipes() -> _Ends:
    stdin, feed = os.pipe()
    out, stdout = os.pipe()
    err, stderr = os.pipe()
    return _Ends((stdin, stdout, stderr), feed, out, err)


def _terminal(size: tuple[int, int, int, int]) -> _Ends:
    """Open a pseudo-terminal; when we close our side, its session gets a HUP."""
    ours, theirs = os.openpty()
    _resize(ours, size)
    return _Ends((theirs, theirs, theirs), os.dup(ours), ours, None)


def _resize(terminal: int, size: tuple[int, int, int, int]) -> None:
    columns, lines = size[:2]
    termios.tcsetwinsize(terminal, (lines, columns))


def _take_terminal() -> None:
    """Make the terminal on standard input the controlling one of the child's new session."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


async def _start(process: Process, environment: dict[str, str]) -> tuple[_Ends, Child]:
    terminal = process.term_type
    ends = _pipes() if terminal is None else _terminal(process.term_size)
    command = ["/bin/sh"] if process.command is None else ["/bin/sh", "-c", process.command]
    stdin, stdout, stderr = ends.child
    child = await asyncio.create_subprocess_exec(
        *command,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env=environment if terminal is None else environment | {"TERM": terminal},
        start_new_session=True,
        preexec_fn=None if terminal is None else _take_terminal,
    )
    for end in set(ends.child):
        os.close(end)
    return ends, child


async def _run(
    process: Process, environment: dict[str, str], background: set[asyncio.Task[Any]]
) -> None:
    """Run one command until it has ended and closed its output, or the client is gone."""
    ends, child = await _start(process, environment)
    feeding = asyncio.create_task(_feed(process, child, ends.feed))
    working = asyncio.create_task(_work(process, child, ends))
    leaving = asyncio.create_task(_wait_closed(process))
    await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
    if working.done() and not working.exception():
        _leave(process, working.result())
    else:
        process.close()
    # As sshd does at a disconnect: the pipes end, and what has detached itself lives on.
    for task in (feeding, working, leaving):
        task.cancel()
    await asyncio.gather(feeding, working, leaving, return_exceptions=True)
    _keep(background, child.wait())


async def _work(process: Process, child: Child, ends: _Ends) -> int:
    """Pass on the output until its end. Returns the exit status, a signal as a negative number."""
    streams = [_drain(ends.stdout, process.stdout)]
    if ends.stderr is not None:
        streams.append(_drain(ends.stderr, process.stderr))
    await asyncio.gather(*streams)
    return await child.wait()


async def _wait_closed(process: Process) -> None:
    await process.channel.wait_closed()


class _Output(asyncio.StreamReaderProtocol):
    def connection_lost(self, exc: Exception | None) -> None:
        # A terminal's end is an EIO, which must not overtake what has been read and not passed on.
        super().connection_lost(None)


async def _drain(pipe: int, writer: asyncssh.SSHWriter[bytes]) -> None:
    """Pass on one stream of output, no faster than the client takes it."""
    reader = asyncio.StreamReader(limit=CHUNK)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: _Output(reader), os.fdopen(pipe, "rb", 0))
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    finally:
        transport.close()


async def _feed(process: Process, child: Child, pipe: int) -> None:
    """Pass on the input, no faster than the command takes it, and its end."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, os.fdopen(pipe, "wb", 0)
    )
    writer = asyncio.StreamWriter(transport, protocol, None, loop)
    try:
        while data := await _read(process, child, pipe):
            writer.write(data)
            await writer.drain()
        transport.close()  # after what is still buffered
    finally:
        # Otherwise the client is gone, or the command reads no more: at once, whatever is buffered.
        if not transport.is_closing():
            transport.abort()


async def _read(process: Process, child: Child, terminal: int) -> bytes:
    """Read input; what comes in between is done as sshd does it (RFC 4254, 6.7 and 6.9)."""
    import asyncssh

    while True:
        try:
            return await process.stdin.read(CHUNK)
        except asyncssh.TerminalSizeChanged as change:
            _resize(terminal, change.term_size)
        except asyncssh.SignalReceived as received:
            with contextlib.suppress(ProcessLookupError, KeyError):
                os.killpg(child.pid, signal.Signals[f"SIG{received.signal}"])
        except asyncssh.BreakReceived:
            pass


def _leave(process: Process, status: int) -> None:
    """Tell the client how the command ended (RFC 4254, 6.10)."""
    with contextlib.suppress(OSError):
        if status < 0:
            process.exit_with_signal(signal.Signals(-status).name.removeprefix("SIG"))
        else:
            process.exit(status)


def _keep(background: set[asyncio.Task[Any]], work: Coroutine[Any, Any, Any]) -> None:
    """Hold on to a task until it is done: the event loop alone doesn't."""
    task = asyncio.create_task(work)
    background.add(task)
    task.add_done_callback(background.discard)
