"""Servers that drop connections before they greet, and one that greets and then hangs."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import paramiko
import pytest

from tasks.lib import address, ssh
from tasks.lib.config import Environment
from tasks.lib.duration import Seconds
from tasks.lib.errors import Refused
from tasks.lib.fleet import Fleet, HostErrors
from tasks.lib.settings import Limits
from tasks.lib.target import Target
from tests.lib.sshd import World, worlds
from tests.support.openssh import OpenSSH, served

LIMITS = Limits(connect=Seconds(20))
TOGETHER = 30


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    yield from worlds(tmp_path)


def target(server: OpenSSH, name: str = "a-host", **changes: Any) -> Target:
    known = server.directory / "known_hosts"
    known.write_text(server.known)
    said: dict[str, Any] = {
        "name": name,
        "address": address.parse(server.address),
        "path": str(server.directory / "srv"),
        "front": "http://127.0.0.1:9",
        "identity": server.identity,
        "known_hosts": (known,),
        "ssh_config": None,
        "adapter": "process",
        "environment": "staging",
    }
    return Target(**said | changes)


def test_many_at_once_get_into_an_sshd_with_its_default_of_max_startups(tmp_path: Path) -> None:
    with served(tmp_path / "sshd") as server:
        where, together = target(server), threading.Barrier(TOGETHER)

        def enter(_: int) -> ssh.Link:
            together.wait()
            return ssh.connect(where, LIMITS)

        with ThreadPoolExecutor(TOGETHER) as pool:
            links = list(pool.map(enter, range(TOGETHER)))
        assert all(link.alive() for link in links)
        for link in links:
            link.close()
        assert server.logged("Accepted publickey") == TOGETHER
        assert server.logged("past MaxStartups") > 0, "it dropped none: nothing was tried"


@contextmanager
def doorman(port: int, drops: int, word: bytes = b"") -> Iterator[tuple[int, list[int]]]:
    """In front of `port`: the first `drops` connections get `word` and are hung up on; gives the
    port and, as they come, the connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        came: list[int] = []
        open_: list[socket.socket] = []

        def carry(source: socket.socket, sink: socket.socket) -> None:
            with suppress(OSError):
                while data := source.recv(65536):
                    sink.sendall(data)

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                came.append(len(came))
                if len(came) <= drops:
                    client.sendall(word)
                    client.close()
                    continue
                behind = socket.create_connection(("127.0.0.1", port))
                open_.extend([client, behind])
                for way in ((client, behind), (behind, client)):
                    threading.Thread(target=carry, args=way, daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield server.getsockname()[1], came
        finally:
            server.shutdown(socket.SHUT_RDWR)
            for each in open_:
                each.close()


@pytest.mark.parametrize("word", [b"", b"Exceeded MaxStartups\r\n"], ids=["silent", "told"])
def test_a_connection_that_is_dropped_is_tried_again(world: World, word: bytes) -> None:
    server = world.serve()
    with doorman(server.port, 3, word) as (port, came):
        world.known.write_text(server.line().replace(str(server.port), str(port)))
        link = ssh.connect(
            world.target(server, address=address.parse(f"deploy@127.0.0.1:{port}")), LIMITS
        )
        assert link.alive() and len(came) == 4
        link.close()


def test_a_host_that_drops_every_connection_is_told_in_a_sentence(world: World) -> None:
    server = world.serve()
    with doorman(server.port, 1000) as (port, came):
        where = world.target(server, address=address.parse(f"deploy@127.0.0.1:{port}"))
        with pytest.raises(Refused, match="hung up each time before it greeted") as refused:
            ssh.connect(where, Limits(connect=Seconds(0.5)))
    assert refused.value.kind == "unreachable" and len(came) > 1
    assert f"[127.0.0.1]:{port}" in str(refused.value) and "MaxStartups" in str(refused.value)
    assert f"try `ssh -p {port} deploy@127.0.0.1`" in str(refused.value)


def test_who_hangs_up_after_it_has_greeted_is_not_asked_again(world: World) -> None:
    server = world.serve()
    with doorman(server.port, 1000, b"SSH-2.0-nobody\r\n") as (port, came):
        where = world.target(server, address=address.parse(f"deploy@127.0.0.1:{port}"))
        with pytest.raises(Refused, match="can't be reached"):
            ssh.connect(where, LIMITS)
    assert len(came) == 1


def test_a_host_that_drops_connections_behind_a_jump_is_tried_again(world: World) -> None:
    server, jump = world.serve(), world.serve()
    with doorman(server.port, 3) as (port, came):
        config = world.directory / "ssh_config"
        inner = f"Host inner\n HostName 127.0.0.1\n Port {port}\n ProxyJump jump\n"
        outer = f"Host jump\n HostName 127.0.0.1\n Port {jump.port}\n"
        key = f"Host *\n User deploy\n IdentitiesOnly yes\n IdentityFile {world.identity}\n"
        config.write_text(inner + outer + key)
        with world.known.open("a") as known:
            known.write(server.line().replace(str(server.port), str(port)))
        told: dict[str, Any] = {"identity": None, "ssh_config": config}
        where = world.target(server, address=address.parse("inner"), **told)
        link = ssh.connect(where, LIMITS)
        assert link.alive() and len(came) == 4
        assert len(jump.connections) == 1, "the way to it stays"
        link.close()


def test_the_key_of_a_host_that_drops_connections_is_shown_too(world: World) -> None:
    server = world.serve()
    shown: list[paramiko.PKey] = []
    with doorman(server.port, 2) as (port, came):
        where = world.target(server, address=address.parse(f"deploy@127.0.0.1:{port}"))
        ssh.show_keys(where, LIMITS, lambda hop, target, key: shown.append(key))
    assert len(shown) == 1 and len(came) == 3


def test_a_host_whose_login_shell_hangs_is_named_in_one_sentence(tmp_path: Path) -> None:
    """It lets us in, and no command ever begins."""
    limits = Limits(connect=Seconds(10), lease=Seconds(5))
    environment = Environment(name="staging").but(limits=limits)
    hangs = "ForceCommand exec cat > /dev/null"  # it ends with its connection
    with served(tmp_path / "hangs", hangs) as server, served(tmp_path / "well") as other:
        targets = [target(other, "well"), target(server, "hangs")]
        with Fleet(targets, environment) as fleet:
            assert fleet.connect() == {}
            with pytest.raises(HostErrors) as failed:
                fleet.call("facts", 60)
    assert list(failed.value.errors) == ["hangs"]
    said = str(failed.value)
    assert "it answers SSH and ran no command within 5 s" in said and "\n" not in said
    assert not os.path.exists(tmp_path / "hangs" / "srv")


def test_a_server_that_stops_answering_is_given_up(tmp_path: Path) -> None:
    """It greeted and let us in, and not even a request for a command is answered any more."""
    import signal

    import psutil

    with served(tmp_path / "sshd") as server:
        link = ssh.connect(target(server), Limits(connect=Seconds(1)))
        frozen = psutil.Process(server.process.pid).children(recursive=True)
        for each in frozen:
            each.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(ConnectionError, match="a-host opened no session"):
                link.open("true")
        finally:
            for each in frozen:
                each.send_signal(signal.SIGCONT)
            link.close()
