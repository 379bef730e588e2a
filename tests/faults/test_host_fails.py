"""One of three hosts fails at each step: all end on the old release, or all on the new one."""

from __future__ import annotations

import signal

import pytest

from tests.faults.test_killed import BEFORE
from tests.faults.world import World

STEPS = BEFORE[1:]  # at the first there is no run yet that could be killed
KILLS = [pytest.param(False, id="run"), pytest.param(True, id="run-and-guard")]


@pytest.mark.parametrize("guard", KILLS)
@pytest.mark.parametrize("step", STEPS)
def test_a_run_that_is_killed(world: World, step: str, guard: bool) -> None:
    """Before the confirm round all are on the old release, the failed one too; then on the new."""
    old = world.live()
    world.commit()
    watch = "--watch=2s" if step == "watch" else "--watch=0s"
    with world.users():
        deploy = world.operate("pause", f"{step}:begin", "deploy", watch, lease=4)
        deploy.wait()
        victim = 1 if step == "once" else 2  # that step is the first host's alone
        world.hosts.kill_run(victim, guard)
        deploy.go()
        code = deploy.end()
        world.free()
        if step == "close":  # confirmed: it has succeeded, and is told what did not end well
            assert code == 0, deploy.out + deploy.err
            assert "host2" in deploy.err
            assert world.live() != old
        else:
            assert code == 1, deploy.out + deploy.err
            assert deploy.document["error"]["kind"] == "lost"
            assert step in deploy.document["error"]["message"]
            assert world.live() == old
        world.agree(world.live())


@pytest.mark.parametrize("step", ["lock", "stage", "switch", "verify", "confirm", "close"])
def test_a_host_that_loses_its_power(world: World, step: str) -> None:
    """It comes up again with what all have, from what is written down there."""
    old = world.live()
    world.commit()
    with world.users(1, 2):
        deploy = world.operate("pause", f"{step}:begin", "deploy")
        deploy.wait()
        world.hosts.power_off(3)
        deploy.go()
        code = deploy.end()
        assert code == {"lock": 2, "close": 0}.get(step, 1), deploy.out + deploy.err
        assert "host3" in deploy.err
        world.hosts.power_on(3)
        world.free()
        assert (world.live() == old) == (code != 0)
        world.agree(world.live())


def test_a_host_that_fails_in_the_confirm_round_is_told_and_the_next_run_heals(
    world: World,
) -> None:
    old = world.live()
    world.commit()
    with world.users(1, 2):
        deploy = world.operate("pause", "confirm:amid", "deploy")
        deploy.wait()
        confirmed = [n for n in world.hosts.numbers if world.hosts.way(n) == "forward"]
        assert len(confirmed) == 1
        world.hosts.power_off(3)
        deploy.go()
        assert deploy.end() == 1, deploy.out + deploy.err
        world.free(1, 2)
        world.agree(old, 1, 2)
        status = world.project.inv("deploy.status")
        assert status.returncode == 1 and "host3" in status.stdout + status.stderr
        world.hosts.power_on(3)
        world.heal()


def test_a_run_that_hangs_ends_everywhere_on_the_old_release(world: World) -> None:
    old = world.live()
    world.commit()
    with world.users():
        deploy = world.operate("pause", "verify:begin", "deploy")
        deploy.wait()
        world.hosts.stop_run(2)
        deploy.go()
        assert deploy.end() == 1, deploy.out + deploy.err
        world.free(1, 3)
        world.agree(old, 1, 3)
        assert world.hosts.locked(2) and world.hosts.live(2) != old
        world.hosts.wake_run()
        world.free()
        world.agree(old)
        world.heal()


@pytest.mark.parametrize("step", ["start", "arm", "switch", "verify", "close"])
def test_a_rollback_goes_on_with_the_hosts_that_answer(world: World, step: str) -> None:
    old = world.live()
    if step == "start":  # what still runs is not started, and its host not asked
        world.alone(old)
    with world.users():
        rollback = world.operate("pause", f"{step}:begin", *world.rollback, lease=4)
        rollback.wait()
        world.hosts.kill_run(2, guard=True)
        rollback.go()
        code = rollback.end()
        world.free()
        assert code == (0 if step == "close" else 1), rollback.out + rollback.err
        assert "host2" in rollback.err
        if step == "start":  # nothing was armed: all stay
            world.agree(old)
        else:
            assert world.hosts.live(1) == world.hosts.live(3) != old
            # What was not armed stays where it was; what was armed goes on by itself.
            world.agree(old if step == "arm" else world.hosts.live(1), 2)
            told = rollback.document
            assert "infrastructure" not in str(told.get("error")), told
        world.heal()


@pytest.mark.parametrize("then", ["the next deploy", "the boot"])
def test_what_is_pending_is_settled_by_whoever_comes_next(world: World, then: str) -> None:
    """Operator, run and guard are gone at once while run/pending.json stands."""
    old = world.live()
    world.commit()
    deploy = world.operate("pause", "verify:begin", "deploy")
    deploy.wait()
    if then == "the boot":
        world.hosts.power_off(3)
    else:
        world.hosts.kill_run(3, guard=True)
    deploy.process.send_signal(signal.SIGKILL)
    assert deploy.end() == -signal.SIGKILL
    world.free(1, 2)
    world.agree(old, 1, 2)
    if then == "the boot" or not world.hosts.supervised:
        assert world.hosts.pending(3) and not world.hosts.locked(3)
        assert world.hosts.live(3) != old
    if then == "the boot":
        world.hosts.power_on(3)
        world.agree(old)
        assert world.event(3)[0] == "reverted"
    with world.users():
        world.heal()
    events = [entry["event"] for entry in world.hosts.journal(3)]
    assert "reverted" in events[events.index("switched") :]


@pytest.mark.parametrize("way", ["back", "forward"])
def test_a_host_that_boots_while_its_operator_waits(world: World, way: str) -> None:
    """The power is back before the operator has given the host up."""
    old = world.live()
    world.commit()
    place = "verify:begin" if way == "back" else "close:begin"
    with world.users(1, 2):
        deploy = world.operate("pause", place, "deploy", lease=10)
        deploy.wait()
        world.hosts.power_off(3)
        world.hosts.power_on(3)
        deploy.go()
        code = deploy.end()
        world.free()
        assert code == (1 if way == "back" else 0), deploy.out + deploy.err
        assert (world.live() == old) == (way == "back")
        world.agree(world.live())
    world.until(lambda: len(world.hosts.instances(3)) == 1, "one instance is left")
