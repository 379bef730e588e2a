"""A network that loses packets, hosts that hang or let few in, and a clock that is wrong."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from tasks.lib import address as addresses
from tasks.lib import ssh
from tasks.lib.duration import Seconds
from tasks.lib.settings import Limits
from tasks.lib.target import Target
from tests.faults.test_killed import BEFORE, CONFIRMED
from tests.faults.world import World
from tests.system.hosts import machines
from tests.system.site import ENVIRONMENT, USER

pytestmark = pytest.mark.parametrize("worlds", ["debian"], indirect=True)

LEASE = 6.0  # seconds; long enough to come back after a break on a busy machine
HANGS = "#!/bin/sh\nexec sleep 600\n"
# For all that the user's systemd starts.
FAKED = ("LD_PRELOAD=/usr/$LIB/faketime/libfaketimeMT.so.1", "FAKETIME=+1h")
PARALLEL = 30  # connections at once, at sshd's own MaxStartups of 10:30:100


@pytest.mark.parametrize("step", BEFORE[1:])
def test_a_deploy_goes_on_when_the_network_was_silent_for_less_than_the_lease(
    world: World, step: str
) -> None:
    world.commit()
    watch = "--watch=300ms" if step == "watch" else "--watch=0s"
    with world.users():
        deploy = world.operate("pause", f"{step}:begin", "deploy", watch, lease=LEASE)
        deploy.wait()
        silence(world)
        deploy.go()
        time.sleep(1.0)
        assert world.hosts.mend() >= len(world.hosts.numbers)
        assert deploy.end() == 0, deploy.out + deploy.err
    world.agree(deploy.document["detail"]["release"])


@pytest.mark.parametrize("place", ["stage:begin", "switch:end", "verify:end", "close:begin"])
def test_a_silence_longer_than_the_lease_ends_everywhere_the_same(world: World, place: str) -> None:
    old = world.live()
    world.commit()
    with world.users():
        deploy = world.operate("pause", place, "deploy")
        deploy.wait()
        silence(world)
        deploy.go()
        code = deploy.end()
        assert world.hosts.mend() >= len(world.hosts.numbers)
        world.free()
        assert (world.live() != old) == (place in CONFIRMED)
        assert code == (0 if place in CONFIRMED else 1), deploy.out + deploy.err
        world.agree(world.live())
        world.heal()


def silence(world: World) -> None:
    """Have every packet between operator and hosts lost, without a word to either."""
    for machine in machines(world):
        world.hosts.deafen(machines(world).index(machine) + 1)
        machine.drop("INPUT", "--dport", "22")


def test_a_host_that_lets_us_in_and_hangs_is_named_and_changes_nothing(world: World) -> None:
    old = world.live()
    world.commit()
    machine = machines(world)[1]
    machine.run("sh", "-c", "cat >/usr/local/bin/hang; chmod +x /usr/local/bin/hang", data=HANGS)
    machine.run("usermod", "-s", "/usr/local/bin/hang", USER)
    try:
        with world.users():
            told = world.project.document("deploy", code=2)
            world.free()
            world.agree(old)
    finally:
        machine.run("usermod", "-s", "/bin/bash", USER)
    assert "host2" in told["error"]["message"] and "host1" not in told["error"]["message"]
    assert told["next"] or "deploy.status" in told["error"]["message"]
    world.heal()


def test_thirty_operators_at_once_are_all_let_in(world: World) -> None:
    """sshd drops connections at random when more than ten have not logged in yet."""

    target, limits = _target(world), Limits(connect=Seconds(60))
    with ThreadPoolExecutor(PARALLEL) as pool:
        links = list(pool.map(lambda _: ssh.connect(target, limits), range(PARALLEL)))
    try:
        assert all(link.alive() for link in links)
    finally:
        for link in links:
            link.close()


def _target(world: World) -> Target:
    """The first host, as an operator reaches it."""
    machine, root = machines(world)[0], world.project.root
    said = yaml.safe_load((root / "invoke.yaml").read_text())["environments"][ENVIRONMENT]
    return Target(
        name=machine.name,
        address=addresses.parse(f"{USER}@{machine.name}"),
        path="/srv/demo",
        front="http://127.0.0.1",
        identity=None,
        known_hosts=(root / "known_hosts",),
        ssh_config=Path(said["ssh_config"]),
        adapter="systemd",
        environment=ENVIRONMENT,
    )


def test_a_clock_that_is_an_hour_off_matters_nowhere(world: World) -> None:
    """The order of releases is the journal's. Neither leases nor limits look at the clock."""
    machine = machines(world)[2]
    machine.systemctl(USER, "set-environment", *FAKED)
    try:
        with world.users():
            world.commit()
            first = world.heal()
            world.commit()
            second = world.heal()
            stamps = {n: world.hosts.journal(n)[-1]["at"] for n in (1, 3)}
            assert stamps[3][:13] != stamps[1][:13]  # the hour
            told = world.project.document(*world.rollback)
            assert told["detail"]["to"] == first and told["detail"]["from"] == second
            world.agree(first)
    finally:
        names = [text.partition("=")[0] for text in FAKED]
        machine.systemctl(USER, "unset-environment", *names)
