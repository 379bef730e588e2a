"""The way to a host: jumps and proxy commands, every key on it checked. Real SSH servers."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import paramiko
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


def through(world: World, inner: Sshd, *jumps: Sshd) -> Path:
    """Write an ssh_config that goes to `inner` through `jumps`."""
    list_ = ",".join(f"jump{number}" for number, _ in enumerate(jumps))
    lines = [f"Host inner\n HostName 127.0.0.1\n Port {inner.port}\n ProxyJump {list_}\n"]
    for number, jump in enumerate(jumps):
        lines.append(f"Host jump{number}\n HostName 127.0.0.1\n Port {jump.port}\n")
    lines.append(f"Host *\n User deploy\n IdentitiesOnly yes\n IdentityFile {world.identity}\n")
    path = world.directory / "ssh_config"
    path.write_text("".join(lines))
    return path


def inner_target(world: World, config: Path) -> object:
    from tasks.lib import address

    server = world.servers[0]
    return world.target(
        server, name="inner", address=address.parse("inner"), identity=None, ssh_config=config
    )


def test_a_chain_of_jumps_is_gone_through_with_every_key_known(world: World) -> None:
    inner, first, second = world.serve(), world.serve(), world.serve()
    config = through(world, inner, first, second)
    link = ssh.connect(inner_target(world, config), LIMITS)  # type: ignore[arg-type]
    channel = link.open("far away")
    assert channel.read(100, 10) == b"far away\n"
    assert first.forwarded == [("127.0.0.1", second.port)]
    assert second.forwarded == [("127.0.0.1", inner.port)]
    assert link.alive()
    first.cut()
    assert channel.read(100, 10) == b""
    deadline = time.monotonic() + 10
    while link.alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not link.alive()
    link.close()


@pytest.mark.parametrize("which", [0, 1, 2], ids=["the host", "the first jump", "the second jump"])
def test_an_unknown_key_anywhere_on_the_way_is_refused(world: World, which: int) -> None:
    servers = [world.serve(known=number != which) for number in range(3)]
    config = through(world, *servers)
    refused = refusal(inner_target(world, config))
    assert refused.kind == "hostkey-unknown"
    assert f"[127.0.0.1]:{servers[which].port}" in str(refused)


def test_a_jump_that_can_not_go_on_is_unreachable_on_the_way(world: World) -> None:
    inner, jump = world.serve(), world.serve()
    config = through(world, inner, jump)
    inner.stop()
    refused = refusal(inner_target(world, config))
    assert refused.kind == "unreachable"


def test_a_jump_that_refuses_us_is_named_with_what_it_leads_to(world: World) -> None:
    inner, jump = world.serve(), world.serve()
    config = through(world, inner, jump)
    config.write_text(config.read_text().replace(str(world.identity), "/nowhere"))
    refused = refusal(inner_target(world, config))
    assert refused.kind == "auth"
    assert f"[127.0.0.1]:{jump.port}, on the way to inner," in str(refused)


def test_a_proxycommand_carries_the_connection_without_a_shell(world: World) -> None:
    server = world.serve()
    carrier = """
import os, socket, sys, threading
far = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def up():
    while data := os.read(0, 65536):
        far.sendall(data)
threading.Thread(target=up, daemon=True).start()
while data := far.recv(65536):
    os.write(1, data)
"""
    script = world.directory / "carry.py"
    script.write_text(carrier)
    config = world.directory / "config"
    config.write_text(
        f"Host *\n ProxyCommand {sys.executable} {script} %h %p " f";$(touch {world.directory}/x)\n"
    )
    target = world.target(server, ssh_config=config)
    link = ssh.connect(target, LIMITS)
    assert link.open("carried").read(100, 10) == b"carried\n"
    carrier_process = link._way[0].carrier
    link.close()
    assert carrier_process is not None and carrier_process.returncode is not None
    assert not (world.directory / "x").exists()
    seen: list[str] = []
    ssh.show_keys(target, LIMITS, lambda hop, _, key: seen.append(key.fingerprint))
    assert seen == [server.key.get_fingerprint()]


def test_a_proxycommand_that_does_not_exist_is_unreachable(world: World) -> None:
    config = world.directory / "config"
    config.write_text("Host *\n ProxyCommand /no/such/command %h\n")
    assert refusal(world.target(world.serve(), ssh_config=config)).kind == "unreachable"


def test_every_key_on_the_way_is_shown_and_decided_on(world: World) -> None:
    inner, jump = world.serve(known=False), world.serve(known=False)
    config = through(world, inner, jump)
    asked: list[str] = []

    def trust(hop: object, target: object, key: paramiko.PKey) -> None:
        server = next(
            each for each in (inner, jump) if each.key.get_fingerprint() == key.fingerprint
        )
        asked.append(str(server.port))
        with world.known.open("a") as file:
            file.write(server.line())

    ssh.show_keys(inner_target(world, config), LIMITS, trust)  # type: ignore[arg-type]
    assert asked == [str(jump.port), str(inner.port)]
    ssh.connect(inner_target(world, config), LIMITS).close()  # type: ignore[arg-type]
