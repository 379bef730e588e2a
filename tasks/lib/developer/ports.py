"""Whether a port of this machine is free, and who holds it."""

from __future__ import annotations

import errno
import os
import socket

from ..errors import Refused

HOST = "127.0.0.1"


def free(port: int) -> bool:
    """Tell whether a server can listen on `port`. Raises Refused where this user may not."""
    with socket.socket() as probe:
        if os.name != "nt":  # as servers do: a port whose last connections are ending is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except PermissionError:
            raise Refused(
                f"Port {port} is for root alone: take another, `inv host.serve --port=8000`.",
                kind="port",
            ) from None
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
    return True


def need(port: int) -> None:
    """Raise Refused, with who holds it and the next free one, unless `port` is free."""
    if free(port):
        return
    other = next((each for each in range(port + 1, min(port + 50, 65536)) if free(each)), 0)
    raise Refused(
        f"Port {port} is held by {holder(port)}: end that, or run "
        f"`inv host.serve --port={other or '…'}`.",
        kind="port",
    )


def holder(port: int) -> str:
    """Return words for the process that listens on `port`."""
    import psutil

    for process in psutil.process_iter(["name"]):
        try:
            found = process.net_connections(kind="inet")
        except (psutil.Error, OSError):  # another user's, or gone
            continue
        for each in found:
            if each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port == port:
                return f"{process.info['name']} (pid {process.pid})"
    return "a process of another user"
