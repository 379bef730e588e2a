"""The way to the hosts breaks at each step: back within the lease, and for longer than it."""

from __future__ import annotations

import time

import pytest

from tests.faults.test_killed import BEFORE
from tests.faults.world import World

LEASE = 5.0  # seconds; it has to be there after a break on a busy machine


@pytest.mark.parametrize("step", BEFORE)
def test_a_deploy_goes_on_when_the_way_is_back_within_the_lease(world: World, step: str) -> None:
    old = world.live()
    world.commit()
    watch = "--watch=300ms" if step == "watch" else "--watch=0s"
    with world.users():
        deploy = world.operate("pause", f"{step}:begin", "deploy", watch, lease=LEASE)
        deploy.wait()
        world.hosts.cut(*world.hosts.numbers)
        deploy.go()
        time.sleep(0.5)
        # No connection that a mend finds unbroken could let this pass.
        assert world.hosts.mend() >= len(world.hosts.numbers)
        code = deploy.end()
    if step == "lock":  # no run is there yet that a lease could keep: it is refused, or starts late
        assert code in (0, 2), deploy.out + deploy.err
        world.free()
    else:
        assert code == 0, deploy.out + deploy.err
    assert (world.live() != old) == (code == 0)
    world.agree(world.live())


def test_a_step_that_is_under_way_survives_a_break(world: World) -> None:
    world.commit("start=1.5 hook-sleeps=1.5")
    with world.users():
        deploy = world.operate("pause", "stage:end", "deploy", lease=LEASE)
        deploy.wait()
        deploy.go()
        time.sleep(0.7)  # in the hook of the first host
        world.hosts.cut(*world.hosts.numbers)
        time.sleep(0.3)
        assert world.hosts.mend()
        time.sleep(1.5)  # in the start of all
        world.hosts.cut(*world.hosts.numbers)
        time.sleep(0.3)
        assert world.hosts.mend()
        assert deploy.end() == 0, deploy.out + deploy.err
    world.agree(deploy.document["detail"]["release"])
    run = deploy.document["detail"]["run"]
    events = [e["event"] for e in world.hosts.journal(1) if e.get("run") == run]
    assert events == ["switched", "closed"]


def test_a_way_that_looks_whole_and_carries_nothing_is_left_for_a_new_one(world: World) -> None:
    world.commit()
    with world.users():
        deploy = world.operate("pause", "start:begin", "deploy", lease=LEASE)
        deploy.wait()
        world.hosts.strand(2)
        deploy.go()
        assert deploy.end() == 0, deploy.out + deploy.err
        assert world.hosts.mend()
    world.agree(deploy.document["detail"]["release"])


@pytest.mark.parametrize("lost", [(1, 2, 3), (3,)], ids=["all", "one"])
@pytest.mark.parametrize("place", ["start:begin", "verify:begin", "confirm:begin"])
def test_a_break_longer_than_the_lease_ends_everywhere_on_the_old_release(
    world: World, place: str, lost: tuple[int, ...]
) -> None:
    old = world.live()
    world.commit()
    with world.users():
        deploy = world.operate("pause", place, "deploy")
        deploy.wait()
        world.hosts.cut(*lost)
        deploy.go()
        assert deploy.end() == 1, deploy.out + deploy.err
        assert world.hosts.mend() >= len(lost)
        world.free()
        world.agree(old)
        world.heal()
    assert deploy.document["error"]["kind"] == "lost"
    assert "host3 did not answer" in deploy.document["error"]["message"] or len(lost) == 3


def test_a_rollback_whose_operator_is_cut_off_has_gone_on(world: World) -> None:
    old = world.live()
    with world.users():
        rollback = world.operate("pause", "switch:begin", *world.rollback)
        rollback.wait()
        world.hosts.cut(*world.hosts.numbers)
        rollback.go()
        assert rollback.end() == 1, rollback.out + rollback.err
        assert world.hosts.mend()
        world.free()
        assert world.live() != old
        world.agree(world.live())


def test_an_answer_to_confirm_that_never_comes_is_told_and_the_next_run_heals(world: World) -> None:
    old = world.live()
    world.commit()
    with world.users():
        deploy = world.operate("pause", "confirm:begin", "deploy")
        deploy.wait()
        world.hosts.deafen(3)  # it hears that it is confirmed, and can't say so
        deploy.go()
        assert deploy.end() == 1, deploy.out + deploy.err
        assert world.hosts.mend()
        world.free()
        world.agree(old, 1, 2)
        assert world.hosts.live(3) != old
        world.agree(world.hosts.live(3), 3)
        checked = world.project.inv("deploy", "--check")
        assert checked.returncode == 1 and world.hosts.live(3) in checked.stdout + checked.stderr
        world.heal()
