"""What only real hosts can meet: nginx and systemd at their own work in the middle of ours."""

from __future__ import annotations

import contextlib
import time

import psutil
import pytest

from tests.faults.world import World, wait_for
from tests.system.hosts import machines

pytestmark = pytest.mark.parametrize("worlds", ["debian"], indirect=True)

DEPLOYS, ROLLBACKS = 20, 10
PEAK = 200.0  # requests a second


def test_twenty_deploys_and_ten_rollbacks_in_a_row_lose_nothing(world: World) -> None:
    with world.load(*world.hosts.numbers, rate=PEAK) as load:
        for number in range(DEPLOYS):
            world.commit()
            world.heal()
            if number % 2:
                told = world.project.document(*world.rollback)
                world.agree(told["detail"]["to"])
    figures = load.stop()
    assert (figures.lost, figures.torn, figures.errors) == (0, 0, 0), figures
    assert len(figures.releases) > DEPLOYS
    assert ROLLBACKS == DEPLOYS // 2


@pytest.mark.parametrize("step", ["start", "switch", "verify", "watch", "confirm", "close"])
def test_a_front_that_is_reloaded_meanwhile_loses_nothing(world: World, step: str) -> None:
    """Of those who come. A reload hangs up idle connections, deploy or not: who sends a request on
    one just then has to send it again, as browsers do (RFC 9112, 9.3.1), and our load does not."""
    world.commit()
    watch = "--watch=300ms" if step == "watch" else "--watch=0s"
    with world.users(reuse=False):
        deploy = world.operate("pause", f"{step}:begin", "deploy", watch, lease=10)
        deploy.wait()
        for machine in machines(world):
            machine.run("systemctl", "reload", "nginx")
        deploy.go()
        assert deploy.end() == 0, deploy.out + deploy.err
    world.agree(deploy.document["detail"]["release"])


def test_a_front_that_is_restarted_loses_only_what_it_had_no_ears_for(world: World) -> None:
    """What is lost is lost on that host, while its nginx was down; the deploy closes."""
    world.commit()
    with world.users(1, 3), world.load(2, rate=100.0) as load:
        deploy = world.operate("pause", "switch:begin", "deploy", lease=10)
        deploy.wait()
        began = time.monotonic()
        machines(world)[1].run("systemctl", "restart", "nginx")
        down = time.monotonic() - began
        deploy.go()
        assert deploy.end() == 0, deploy.out + deploy.err
    figures = load.stop()
    assert figures.lost <= 100.0 * down + 20, figures  # 20: what was in flight
    world.agree(deploy.document["detail"]["release"])


def test_a_front_that_is_gone_is_named_and_every_host_goes_back(world: World) -> None:
    old = world.live()
    world.commit()
    machine = machines(world)[1]
    with world.users(1, 3):
        machine.run("systemctl", "stop", "nginx")
        try:
            told = world.project.document("deploy", code=1)
        finally:
            machine.run("systemctl", "start", "nginx")
        world.free()
        world.agree(old)
    said = told["error"]["message"]
    assert told["error"]["kind"] == "verify" and "host2" in said and "did not answer" in said
    assert {world.event(number)[0] for number in world.hosts.numbers} == {"reverted"}


def test_a_service_that_is_killed_is_up_again_by_itself(world: World) -> None:
    """What is lost is counted: what was in flight, and what came until it served again."""
    live = world.live()
    with world.users(2, 3), world.load(1, rate=100.0) as load:
        wait_for(lambda: load.snapshot().ok > 20, "requests are answered")
        (victim,) = serving(world, 1, live)
        victim.kill()
        wait_for(lambda: load.snapshot().lost > 0, "it is missed")
        wait_for(lambda: bool(serving(world, 1, live)), "it is started again")
        wait_for(lambda: load.snapshot(load.snapshot().requests - 20).lost == 0, "it serves again")
        lost = load.snapshot().lost
        world.commit()
        world.heal()
        asked = load.snapshot().requests
        wait_for(lambda: load.snapshot().requests > asked + 50, "more is asked")
        assert load.snapshot().lost == lost


def serving(world: World, number: int, release: str) -> list[psutil.Process]:
    """The processes of a release's service."""
    found = []
    for each in world.hosts.marked(number):
        with contextlib.suppress(psutil.Error):
            if "app.py" in each.cmdline() and each.environ().get("RELEASE_ID") == release:
                found.append(each)
    return found
