"""
One host of the sandbox as a process: its SSH server and its front. Runs in the host's own
directory.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import json
import os
import random
import signal
import socket
import time
from pathlib import Path

from . import environment, state
from .front import BACKLOG, Front
from .session import serve

# Below what Linux and macOS hand out to outgoing connections (32768 and 49152 up): a host that is
# restarted under load finds its ports free.
PORTS = range(20000, 32000)
# How long a port that a host had may still be held by what is just ending, in seconds.
PATIENCE = 5.0
# How long the agent may take at boot to settle an unfinished run and start what is current, in
# seconds.
BOOT_LIMIT = 60.0
AGENT = "srv/run/agent.py"


def bind(port: int, *, patience: float = 0.0) -> socket.socket:
    """
    Take a TCP port of the loopback interface, another where it is taken (or 0 is asked for).

    patience: seconds to go on trying for this very port. Returns the bound socket.
    """
    deadline = time.monotonic() + patience
    while True:
        wanted = port or random.choice(PORTS)
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        # Only past connections are looked through this way: a port that is listened on stays taken.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", wanted))
            sock.listen(BACKLOG)
            sock.setblocking(False)
            return sock
        except OSError as error:
            sock.close()
            # EACCES: a port under 1024, which needs root.
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
        if port and time.monotonic() < deadline:
            time.sleep(0.05)
        else:
            port = 0


async def _boot(session: dict[str, str]) -> None:
    """
    Do what the boot unit does on a real host: settle what was under way, start what is current.
    """
    if not os.path.exists(AGENT):
        return
    python = "python3"
    child = await asyncio.create_subprocess_exec(
        *(python, "-I", AGENT, "boot", "srv"),
        stdin=asyncio.subprocess.DEVNULL,
        env=session,
        start_new_session=True,
    )
    try:
        status = await asyncio.wait_for(child.wait(), BOOT_LIMIT)
        print(f"boot: exit {status}", flush=True)
    except TimeoutError:
        print(f"boot: still at it after {BOOT_LIMIT:g} s", flush=True)


async def run(ssh: socket.socket, front: socket.socket, ready: int) -> None:
    """
    Serve until TERM; write the ports to the descriptor `ready` once both answer, and close it.
    """
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    door = Front()
    session = environment.for_sessions(os.environ, Path.cwd())
    acceptor = await serve(ssh, session)
    await door.start(front)
    await _boot(session)
    with os.fdopen(ready, "w") as pipe:
        json.dump({"pid": os.getpid(), "ssh_port": _port(ssh), "front_port": _port(front)}, pipe)
    await stop.wait()
    acceptor.close()
    await door.stop()


def _port(sock: socket.socket) -> int:
    return int(sock.getsockname()[1])


def main(arguments: list[str] | None = None) -> None:
    """Run the host whose directory is the current one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ssh-port", type=int, default=0, help="0 takes any")
    parser.add_argument("--front-port", type=int, default=0, help="0 takes any")
    parser.add_argument("--again", action="store_true", help="both ports were this host's before")
    parser.add_argument("--ready", type=int, required=True, help="descriptor to write the ports to")
    given = parser.parse_args(arguments)
    # A shell starts background processes deaf to Ctrl-C, and what they start inherits that.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    os.umask(0o022)
    patience = PATIENCE if given.again else 0.0
    print(f"{state.MARKER}={os.environ.get(state.MARKER, '')} pid {os.getpid()}", flush=True)
    ssh = bind(given.ssh_port, patience=patience)
    front = bind(given.front_port, patience=patience)
    asyncio.run(run(ssh, front, given.ready))


if __name__ == "__main__":
    main()
