"""Connections to real SSH servers: what is trusted, what is refused, and what a session carries."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.lib import ssh
from tasks.lib.errors import Refused
from tasks.lib.duration import Seconds
from tasks.lib.settings import Limits
from tests.lib.sshd import Sshd, World, worlds

LIMITS = Limits(connect=Seconds(10))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    yield from worlds(tmp_path)


def refusal(target: object, limits: Limits = LIMITS) -> Refused:
    with pytest.raises(Refused) as refused:
        ssh.connect(target, limits)  # type: ignore[arg-type]
    return refused.value


def test_a_command_runs_in_a_session_that_ends(world: World) -> None:
    link = ssh.connect(world.target(world.serve()), LIMITS)
    channel = link.open("the command")
    assert channel.read(100, 10) == b"the command\n"
    channel.write(b"input")
    assert channel.read(100, 10) == b"input"
    with pytest.raises(TimeoutError):
        channel.read(100, 0.05)
    assert channel.complaint() == "a complaint\n"
    channel.close()
    assert channel.read(100, 10) == b""
    with pytest.raises(OSError):
        channel.write(b"x")
    assert link.alive()
    link.close()
    link.close()
    assert not link.alive()


def test_many_sessions_at_once_share_the_one_connection(world: World) -> None:
    server = world.serve()
    link = ssh.connect(world.target(server), LIMITS)
    channels = [link.open(f"command {number}") for number in range(10)]
    for number, channel in enumerate(channels):
        assert channel.read(100, 10) == f"command {number}\n".encode()
    assert len(server.connections) == 1
    link.close()


def test_much_goes_through_while_another_thread_reads(world: World) -> None:
    link = ssh.connect(world.target(world.serve()), LIMITS)
    channel = link.open("x")
    data = os.urandom(8 * 1024 * 1024)  # four times what paramiko's window holds
    back = bytearray()

    def read() -> None:
        while len(back) < len(data) + 2:
            try:
                back.extend(channel.read(65536, 0.001))
            except TimeoutError:
                continue

    reader = threading.Thread(target=read)
    reader.start()
    channel.write(data)
    reader.join(60)
    assert bytes(back[2:]) == data
    link.close()


def test_a_full_window_that_nobody_empties_is_an_error_in_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = ssh.connect(world.target(world.serve()), LIMITS)
    channel = link.open("x")
    monkeypatch.setattr("tasks.lib.channel.STALL", 0.2)
    channel._channel.settimeout(0.01)
    with pytest.raises(OSError):
        channel.write(b"x" * 40_000_000)  # echoed, and never read here
    link.close()


def test_small_requests_do_not_wait_for_each_other(world: World) -> None:
    link = ssh.connect(world.target(world.serve()), LIMITS)
    sock = link.connection.transport.sock
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        found = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        assert found == ssh.UNACKNOWLEDGED
    link.close()


def test_a_connection_that_drops_is_noticed(world: World) -> None:
    server = world.serve()
    link = ssh.connect(world.target(server), LIMITS)
    channel = link.open("x")
    assert channel.read(2, 10) == b"x\n"
    server.cut()
    assert channel.read(100, 10) == b""
    deadline = time.monotonic() + 10
    while link.alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not link.alive()
    with pytest.raises(OSError):
        channel.write(b"x")
    with pytest.raises(ConnectionError, match="a-host opened no session"):
        link.open("y")
    link.close()


def test_an_unknown_host_is_refused_with_the_command_to_run(world: World) -> None:
    server = world.serve(known=False)
    refused = refusal(world.target(server))
    assert refused.kind == "hostkey-unknown" and refused.code == 2
    assert "`inv host.trust --env=staging`" in str(refused)
    assert f"[127.0.0.1]:{server.port}" in str(refused)
    assert server.key.get_fingerprint() in refused.evidence


def test_a_changed_key_is_refused_loudly(world: World) -> None:
    server, other = world.serve(known=False), world.serve(known=False)
    world.known.write_text(other.line().replace(str(other.port), str(server.port)))
    refused = refusal(world.target(server))
    assert refused.kind == "hostkey-changed"
    assert "HAS CHANGED" in str(refused) and "--replace" in str(refused)
    for each in (server, other):
        assert each.key.get_fingerprint() in refused.evidence
    assert str(world.known) in refused.evidence
    assert not any(each.get_extra_info("username") for each in server.connections)


def test_the_known_key_is_asked_for_where_a_host_has_several(world: World) -> None:
    server = world.serve(kind="ecdsa-sha2-nistp256")
    link = ssh.connect(world.target(server), LIMITS)
    assert link.connection.transport.host_key_type == "ecdsa-sha2-nistp256"
    link.close()


def test_refused_authentication_names_the_host(world: World, tmp_path: Path) -> None:
    stranger = tmp_path / "elsewhere"
    stranger.mkdir()
    other = World(stranger)
    server = world.serve()
    refused = refusal(world.target(server, identity=other.identity))
    assert refused.kind == "auth"
    assert f"[127.0.0.1]:{server.port} refused authentication of deploy" in str(refused)
    assert "ssh-copy-id" in str(refused)


def test_having_no_key_to_offer_is_refused_authentication(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv("HOME", str(world.directory))
    server = world.serve()
    assert refusal(world.target(server, identity=world.directory / "none")).kind == "auth"
    assert refusal(world.target(server, identity=None)).kind == "auth"


def test_nothing_listens_there(world: World) -> None:
    server = world.serve()
    server.stop()
    refused = refusal(world.target(server))
    assert refused.kind == "unreachable"
    assert f"try `ssh -p {server.port} deploy@127.0.0.1`" in str(refused)


def test_what_never_speaks_ssh_is_given_up(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        target = world.target(Sshd(world.user, world.user, port=silent.getsockname()[1]))
        assert refusal(target, Limits(connect=Seconds(0.2))).kind == "unreachable"


def test_a_name_that_does_not_exist_is_unreachable(world: World) -> None:
    from tasks.lib import address

    server = world.serve()
    target = world.target(server, address=address.parse("deploy@no-such-host.invalid"))
    assert refusal(target).kind == "unreachable"
