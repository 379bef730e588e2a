"""
The sandbox's sshd: commands run as sshd runs them, and lose their pipes when the client is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from . import state

if TYPE_CHECKING:
    import socket

    import asyncssh

    Process = asyncssh.SSHServerProcess[bytes]

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
        allow_pty=False,
        server_host_keys=[state.HOST_KEY],
        authorized_client_keys=f"../{state.USER_KEY}.pub",
        **options,
    )


async def _run(
    process: Process, environment: dict[str, str], background: set[asyncio.Task[Any]]
) -> None:
    """Run one command until it has ended and closed its output, or the client is gone."""
    stdin, to_stdin = os.pipe()
    from_stdout, stdout = os.pipe()
    from_stderr, stderr = os.pipe()
    command = ["/bin/sh"] if process.command is None else ["/bin/sh", "-c", process.command]
    child = await asyncio.create_subprocess_exec(
        *command,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env=environment,
        start_new_session=True,
    )
    for end in (stdin, stdout, stderr):
        os.close(end)
    feeding = asyncio.create_task(_feed(process, to_stdin))
    working = asyncio.create_task(_work(process, child, from_stdout, from_stderr))
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


async def _work(
    process: Process, child: asyncio.subprocess.Process, stdout: int, stderr: int
) -> int:
    """Pass on the output until its end. Returns the exit status, a signal as a negative number."""
    await asyncio.gather(_drain(stdout, process.stdout), _drain(stderr, process.stderr))
    return await child.wait()


async def _wait_closed(process: Process) -> None:
    await process.channel.wait_closed()


async def _drain(pipe: int, writer: asyncssh.SSHWriter[bytes]) -> None:
    """Pass on one stream of output, no faster than the client takes it."""
    reader = asyncio.StreamReader(limit=CHUNK)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(pipe, "rb", 0)
    )
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    finally:
        transport.close()


async def _feed(process: Process, pipe: int) -> None:
    """Pass on the input, no faster than the command takes it, and its end."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, os.fdopen(pipe, "wb", 0)
    )
    writer = asyncio.StreamWriter(transport, protocol, None, loop)
    try:
        while data := await process.stdin.read(CHUNK):
            writer.write(data)
            await writer.drain()
        transport.close()  # after what is still buffered
    finally:
        # Otherwise the client is gone, or the command reads no more: at once, whatever is buffered.
        if not transport.is_closing():
            transport.abort()


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
