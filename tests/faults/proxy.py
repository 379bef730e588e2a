"""A way between operator and sshd that can be cut, made deaf, and mended."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST, as a lost connection looks


class Proxy:
    """Carries bytes between a port of its own and `port`, both on loopback.

    `cut` resets what is open and lets nobody in; `deafen` goes on carrying what the operator says
    and holds back what the host answers; `mend` takes both back. `strand` loses, for ever, what is
    said on the connections that are open now. `broken` counts those that met any of these, `used`
    all on which the operator said anything.
    """

    def __init__(self, port: int) -> None:
        self._there = port
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._hears = threading.Event()
        self._hears.set()
        self._stranded: set[socket.socket] = set()
        self._down = False
        self.broken = 0
        self.used = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        with self._lock:
            self._down = True
            self.broken += len(self._open)
            for each in self._open:
                _reset(each)
            self._open.clear()

    def deafen(self) -> None:
        self._hears.clear()
        with self._lock:
            self.broken += len(self._open)

    def strand(self) -> None:
        with self._lock:
            self.broken += len(self._open)
            self._stranded |= self._open

    def mend(self) -> None:
        with self._lock:
            self._down = False
        self._hears.set()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()
        self._hears.set()

    def _accept(self) -> None:
        while True:
            try:
                near = self._server.accept()[0]
            except OSError:
                return
            with self._lock:
                try:
                    far = (
                        None if self._down else socket.create_connection(("127.0.0.1", self._there))
                    )
                except OSError:  # the host is off
                    far = None
                if far is None:
                    _reset(near)
                    continue
                self._open |= {near, far}
            for source, sink, heard in ((near, far, False), (far, near, True)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(
                    target=self._carry, args=(source, sink, heard), daemon=True
                ).start()

    def _carry(self, source: socket.socket, sink: socket.socket, heard: bool) -> None:
        silent = not heard
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if silent:
                    silent = False
                    with self._lock:
                        self.used += 1
                if source in self._stranded:
                    continue
                if heard:
                    self._hears.wait()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
            return
        with self._lock:
            self._open -= {source, sink}
        _reset(source)
        _reset(sink)


def _reset(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()
