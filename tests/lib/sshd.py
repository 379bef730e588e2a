"""
SSH servers of asyncssh for the tests of the client side: each in a thread, each with its own keys.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import paramiko

from tasks.lib import address
from tasks.lib.target import Target


async def echo(process: asyncssh.SSHServerProcess[bytes]) -> None:
    """Answer with the command, then with all input, then with a word on standard error."""
    process.stdout.write(f"{process.command}\n".encode())
    process.stderr.write(b"a complaint\n")
    while data := await process.stdin.read(65536):
        process.stdout.write(data)
        await process.stdout.drain()
    process.exit(0)


@dataclass
class Sshd:
    """A server: where it listens, what it shows and lets in, and which connections it has seen."""

    key: asyncssh.SSHKey
    user: asyncssh.SSHKey
    port: int = 0
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)
    forwarded: list[tuple[str, int]] = field(default_factory=list)

    def start(self) -> None:
        """Serve in a thread until `stop`."""
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(ready)), daemon=True)
        self._thread.start()
        assert ready.wait(10)

    def stop(self) -> None:
        """End the server and its connections."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(10)

    def cut(self) -> None:
        """Cut every connection, as a network does: nothing is said."""
        for connection in self.connections:
            self._loop.call_soon_threadsafe(connection.abort)

    def line(self) -> str:
        """Return what a known_hosts file would say of it."""
        return f"[127.0.0.1]:{self.port} {self.key.export_public_key().decode()}"

    async def _run(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        outer = self

        class Server(asyncssh.SSHServer):
            def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
                outer.connections.append(conn)

            def connection_requested(self, dest_host: str, dest_port: int, *_: Any) -> bool:
                outer.forwarded.append((dest_host, dest_port))
                return True

        allowed = asyncssh.import_authorized_keys(self.user.export_public_key().decode())
        server = await asyncssh.listen(
            "127.0.0.1",
            self.port,
            server_factory=Server,
            server_host_keys=[self.key],
            authorized_client_keys=allowed,
            process_factory=echo,
            encoding=None,
        )
        self.port = server.get_port()
        ready.set()
        await self._end.wait()
        server.close()
        for connection in self.connections:
            connection.abort()


@dataclass
class World:
    """A directory with the operator's key and known_hosts, and servers that let that key in."""

    directory: Path
    servers: list[Sshd] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.user = asyncssh.generate_private_key("ssh-ed25519")
        self.user.write_private_key(str(self.identity))
        self.identity.chmod(0o600)

    @property
    def identity(self) -> Path:
        return self.directory / "identity"

    @property
    def known(self) -> Path:
        return self.directory / "known_hosts"

    def serve(self, *, known: bool = True, kind: str = "ssh-ed25519") -> Sshd:
        """Start a server; known: write its key into known_hosts."""
        server = Sshd(asyncssh.generate_private_key(kind), self.user)
        server.start()
        self.servers.append(server)
        if known:
            with self.known.open("a") as file:
                file.write(server.line())
        return server

    def target(self, server: Sshd, **changes: Any) -> Target:
        """Return the server as a target, with the operator's key and known_hosts."""
        said: dict[str, Any] = {
            "name": "a-host",
            "address": address.parse(f"deploy@127.0.0.1:{server.port}"),
            "path": "/srv/app",
            "front": "http://127.0.0.1:80",
            "identity": self.identity,
            "known_hosts": (self.known,),
            "ssh_config": None,
            "adapter": "process",
            "environment": "staging",
        }
        return Target(**said | changes)

    def stop(self) -> None:
        for server in self.servers:
            server.stop()


def worlds(directory: Path) -> Iterator[World]:
    """Yield a World, as a fixture does, and see that no connection of ours outlives the test."""
    made = World(directory)
    yield made
    made.stop()
    # Every transport of paramiko is a thread.
    deadline = time.monotonic() + 10
    while any(isinstance(each, paramiko.Transport) for each in threading.enumerate()):
        assert time.monotonic() < deadline, "a connection was left open"
        time.sleep(0.01)
