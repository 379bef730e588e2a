"""
One SSH connection per host, through Fabric, with what Fabric doesn't do by itself: every key on the
way checked.
"""

from __future__ import annotations

import contextlib
import logging
import shlex
import socket
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from . import again, hops, refusals, trust
from .channel import SSHChannel
from .hops import Hop

if TYPE_CHECKING:
    import fabric
    import paramiko

    from .settings import Limits
    from .target import Target

# Data that nobody has acknowledged for so long, in milliseconds, ends the connection (tcp(7),
# TCP_USER_TIMEOUT): shorter than the lease, so that there is time to come back within it.
UNACKNOWLEDGED = 15_000
# How often a thread that waits for a host looks whether there is anything else to do, in seconds.
POLL = 2.0


class Link:
    """An open connection to a host, the jumps on the way included."""

    def __init__(self, target: Target, way: list[_Leg], limit: float) -> None:
        self.target = target
        self._way = way
        self._limit = limit

    @property
    def connection(self) -> fabric.Connection:
        """Fabric's own connection to the host."""
        return self._way[-1].connection

    def open(self, command: str) -> SSHChannel:
        """
        Start a command in a session of its own on this connection.

        command: a constant of ours for the login shell, never made of data. Raises ConnectionError
        when the connection is gone or the host doesn't answer within the limit for connecting.
        """
        from paramiko import SSHException

        try:
            channel = self._transport().open_session(timeout=self._limit)
            _begin(channel, command)
        except (SSHException, EOFError, OSError) as error:
            raise ConnectionError(
                f"{self.target.name} opened no session: {refusals.reason(error)}"
            ) from error
        return SSHChannel(channel)

    def alive(self) -> bool:
        """Tell whether every connection on the way still stands, as far as this side knows."""
        return all(leg.connection.is_connected for leg in self._way)

    def close(self) -> None:
        """Close the connections, the nearest last. May be repeated."""
        _close(self._way)

    def _transport(self) -> paramiko.Transport:
        return cast("paramiko.Transport", self.connection.transport)


def connect(target: Target, limits: Limits) -> Link:
    """
    Connect to a host, through its jumps, each of which must show a known host key.

    target: the host; limits: `connect` is the limit of each stage of each hop, in seconds.

    Returns the Link. Raises Refused, kind "hostkey-unknown", "hostkey-changed", "auth",
    "unreachable" or "config".
    """
    # paramiko logs what it also raises; without a handler Python would print that on standard
    # error.
    logging.getLogger("paramiko").addHandler(logging.NullHandler())
    way: list[_Leg] = []
    try:
        for hop in hops.route(target):
            way.append(_connect(hop, target, way[-1] if way else None, limits.connect))
    except BaseException:
        _close(way)
        raise
    return Link(target, way, limits.connect)


def show_keys(
    target: Target, limits: Limits, decide: Callable[[Hop, Target, paramiko.PKey], None]
) -> None:
    """
    Ask every hop on the way to a host for its key and have each decided on before going on through
    it.

    target, limits: as for `connect`; decide: is given the hop and its key, writes it down or
    raises. Raises Refused as `connect` does: a jump can only be gone through with its key known and
    ours accepted.
    """
    logging.getLogger("paramiko").addHandler(logging.NullHandler())
    way: list[_Leg] = []
    route = hops.route(target)
    try:
        for hop in route:
            before = way[-1] if way else None
            decide(hop, target, _key_of(hop, target, before, limits.connect))
            if hop is not route[-1]:
                way.append(_connect(hop, target, before, limits.connect))
    finally:
        _close(way)


def _begin(channel: paramiko.Channel, command: str) -> None:
    """
    Ask for a command (RFC 4254, 6.5) and don't wait to hear that it began: what it says shows that.

    paramiko's own exec_command waits a round trip for it, and for ever where a host hangs. A host
    that refuses ends the channel.
    """
    from paramiko import Message
    from paramiko.common import cMSG_CHANNEL_REQUEST

    asked = Message()
    asked.add_byte(cMSG_CHANNEL_REQUEST)
    asked.add_int(channel.remote_chanid)
    asked.add_string("exec")
    asked.add_boolean(True)
    asked.add_string(command)
    cast(Any, channel.transport)._send_user_message(asked)


class _Leg:
    """One connection of the way: Fabric's, and the ProxyCommand's process if there is one."""

    def __init__(
        self, connection: fabric.Connection, carrier: subprocess.Popen[bytes] | None
    ) -> None:
        self.connection = connection
        self.carrier = carrier

    def close(self) -> None:
        # Its thread would stay, with the socket, until it looks the next time whether it may end.
        transport = self.connection.client.get_transport()
        with contextlib.suppress(OSError, EOFError):
            if transport is not None:
                transport.sock.shutdown(socket.SHUT_RDWR)
        # Fabric closes only what it knows as connected: a refused one is still a thread and a
        # socket.
        self.connection.client.close()
        self.connection.close()
        _end(self.carrier)


def _connect(hop: Hop, target: Target, before: _Leg | None, limit: float) -> _Leg:
    """
    Open one hop: our own socket under Fabric's connection, our own judgement over its host key.
    """
    return again.until_greeted(lambda: _open(hop, target, before, limit), limit)


def _open(hop: Hop, target: Target, before: _Leg | None, limit: float) -> _Leg:
    import fabric
    import paramiko

    with refusals.guard(hop, target):
        sock, carrier = _socket(hop, before, limit)
    connection = fabric.Connection(
        host=hop.host,
        user=hop.user,
        port=hop.port,
        # Neither the user's fabric.yaml nor a second reading of ssh_config has a say.
        config=fabric.Config(lazy=True, ssh_config=paramiko.SSHConfig()),
        gateway=False,
        connect_kwargs={
            "sock": sock,
            "timeout": limit,
            "banner_timeout": limit,
            "auth_timeout": limit,
            "channel_timeout": limit,
            "transport_factory": trust.factory(hop, target),
            **_credentials(hop),
        },
    )
    connection.client.set_missing_host_key_policy(trust.policy(hop, target))
    leg = _Leg(connection, carrier)
    try:
        with refusals.guard(hop, target, lambda: _greeted(connection.client.get_transport())):
            connection.open()
        # Until then it looks ten times a second, as limits need: with many hosts that adds up.
        connection.transport.sock.settimeout(POLL)
    except BaseException:
        leg.close()
        sock.close()
        raise
    return leg


def _greeted(transport: paramiko.Transport | None) -> bool:
    """Tell whether the other side has said which SSH it speaks."""
    return transport is not None and bool(transport.remote_version)


def _socket(
    hop: Hop, before: _Leg | None, limit: float
) -> tuple[Any, subprocess.Popen[bytes] | None]:
    """
    Return the bytes' way to a hop: through the one before, through a ProxyCommand, or a TCP
    connection.
    """
    if before is not None:
        transport = before.connection.transport
        return (
            transport.open_channel("direct-tcpip", (hop.host, hop.port), ("", 0), timeout=limit),
            None,
        )
    if hop.command:
        ours, theirs = socket.socketpair()
        with theirs:
            # ssh hands it to a shell; here it is words only.
            argv = shlex.split(hop.command)
            return ours, subprocess.Popen(
                argv, stdin=theirs.fileno(), stdout=theirs.fileno(), start_new_session=True
            )
    sock = socket.create_connection((hop.host, hop.port), timeout=limit)
    # paramiko leaves Nagle on: with the other side's delayed acknowledgement each small request
    # waits 40 ms.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED)
    return sock, None


def _credentials(hop: Hop) -> dict[str, Any]:
    """
    Return what to offer: the keys named for the hop, and beside them the agent's unless they are
    the only ones.
    """
    offered: dict[str, Any] = {"allow_agent": not hop.only, "look_for_keys": not hop.only}
    files = [str(path.expanduser()) for path in hop.identities if path.expanduser().exists()]
    if files:
        offered["key_filename"] = files
    return offered


def _key_of(hop: Hop, target: Target, before: _Leg | None, limit: float) -> paramiko.PKey:
    """Ask a hop for its host key, without logging in."""
    return again.until_greeted(lambda: _shown(hop, target, before, limit), limit)


def _shown(hop: Hop, target: Target, before: _Leg | None, limit: float) -> paramiko.PKey:
    transport: paramiko.Transport | None = None
    with refusals.guard(hop, target, lambda: _greeted(transport)):
        sock, carrier = _socket(hop, before, limit)
        try:
            transport = trust.factory(hop, target)(sock)
            transport.banner_timeout = limit
            try:
                transport.start_client(timeout=limit)
                return transport.get_remote_server_key()
            finally:
                transport.close()
        finally:
            sock.close()
            _end(carrier)


def _close(way: list[_Leg]) -> None:
    for leg in reversed(way):
        leg.close()


def _end(carrier: subprocess.Popen[bytes] | None) -> None:
    """End a ProxyCommand's process and take its exit status."""
    if carrier is not None:
        carrier.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            carrier.wait(5)
