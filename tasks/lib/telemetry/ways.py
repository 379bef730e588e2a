"""A way through an SSH connection to what listens on loopback at its other end.

Fabric has one, too, which ends for good when nobody listens there once, and raises that at its own
end: a program that is looked at may well be away, or be about to come.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paramiko import Channel, Transport

CHUNK = 65536  # bytes
LIMIT = 10.0  # seconds for the other end to open a connection


class Way:
    """Takes connections at `port` of loopback here, from now until `close`."""

    def __init__(self, transport: Transport, there: int, here: int = 0) -> None:
        """Listen. there: the port at the other end. here: 0 is a free one. Raises OSError."""
        self._transport, self._there = transport, there
        self._server = socket.create_server(("127.0.0.1", here))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections; those that are open end with the SSH connection."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)  # or accept() would go on waiting
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                taken, peer = self._server.accept()
            except OSError:  # it is closed
                return
            threading.Thread(target=self._join, args=(taken, peer), daemon=True).start()

    def _join(self, taken: socket.socket, peer: tuple[str, int]) -> None:
        """Connect with the other end; where nobody listens there, ours is closed again."""
        from paramiko import SSHException

        with taken:
            to = ("127.0.0.1", self._there)
            try:
                channel = self._transport.open_channel("direct-tcpip", to, peer, timeout=LIMIT)
            except (SSHException, OSError, EOFError):
                return
            back = threading.Thread(target=_copy, args=(channel, taken), daemon=True)
            back.start()
            _copy(taken, channel)
            back.join()
            channel.close()


def _copy(source: socket.socket | Channel, sink: socket.socket | Channel) -> None:
    """Pass on what comes until it ends, and say then that nothing more comes."""
    with contextlib.suppress(OSError, EOFError):
        while data := source.recv(CHUNK):
            sink.sendall(data)
    with contextlib.suppress(OSError, EOFError):
        sink.shutdown(socket.SHUT_WR)
