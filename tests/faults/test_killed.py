"""The operator's process is killed at each step of a deploy and of a rollback, under load."""

from __future__ import annotations

import signal

import pytest

from tests.faults.world import World

BEFORE = ("lock", "stage", "once", "start", "switch", "verify", "watch", "confirm", "close")
SPLIT = ("stage", "start", "switch")
# The end of a step is the beginning of the next.
DEPLOY = [f"{s}:begin" for s in BEFORE] + [f"{s}:amid" for s in SPLIT] + ["close:end"]
CONFIRMED = {"close:begin", "close:end", "close:amid"}
BACK = ("lock", "check", "start", "arm", "switch", "verify", "close")
ROLLBACK = [f"{s}:begin" for s in BACK] + ["start:amid", "switch:amid", "close:end"]
UNARMED = {"lock:begin", "check:begin", "start:begin", "start:amid", "arm:begin"}


def killed(world: World, place: str, *words: str) -> None:
    """Have the operator killed at a place, and every host settle by itself."""
    operator = world.operate("kill", place, *words)
    assert operator.end() == -signal.SIGKILL, operator.out + operator.err
    assert operator.reached()
    world.free()


@pytest.mark.parametrize("place", DEPLOY)
def test_a_deploy_without_its_operator_ends_everywhere_the_same(world: World, place: str) -> None:
    old = world.live()
    world.commit()
    watch = "--watch=300ms" if place.startswith("watch") else "--watch=0s"
    with world.users():
        killed(world, place, "deploy", watch)
        live = world.live()
        world.agree(live)
        if place in CONFIRMED:
            assert live != old
            assert {world.event(number) for number in world.hosts.numbers} == {("closed", live)}
        else:
            assert live == old
        world.heal()


@pytest.mark.parametrize("place", ROLLBACK)
def test_a_rollback_without_its_operator_ends_everywhere_the_same(world: World, place: str) -> None:
    old = world.live()
    if place == "start:amid":  # what still runs is not started
        world.alone(old)
    with world.users():
        killed(world, place, *world.rollback)
        live = world.live()
        world.agree(live)
        if place in UNARMED:
            assert live == old
        else:
            assert live != old
            assert {world.event(number) for number in world.hosts.numbers} == {("closed", live)}
            assert world.hosts.journal(1)[-1]["kind"] == "rollback"
        world.commit()
        world.heal()


def test_a_migration_is_not_cut_short_because_its_operator_is_gone(world: World) -> None:
    old = world.live()
    world.commit("migrates=4")
    deploy = world.operate(
        "pause",
        "stage:end",
        "deploy",
        INVOKE_SERVICE_HOOKS_BEFORE_START="python hook.py migrate",
    )
    deploy.wait()
    deploy.go()
    world.until(lambda: world.hosts.commands(1, "migrate") > 0, "the migration runs")
    deploy.process.kill()
    assert deploy.end() == -signal.SIGKILL
    world.free(2, 3)  # their lease is over, and so is the first host's
    assert world.hosts.locked(1) and not world.hosts.kept(1, "migrated")
    world.free()
    assert world.hosts.kept(1, "migrated")
    world.agree(old)
    world.heal()


@pytest.mark.parametrize("place", ["confirm:amid", "arm:amid"])
def test_inside_the_one_round_that_can_part_them_every_host_serves_and_the_next_run_heals(
    world: World, place: str
) -> None:
    world.commit()
    words = ("deploy",) if place == "confirm:amid" else world.rollback
    with world.users():
        killed(world, place, *words)
        live = {number: world.hosts.live(number) for number in world.hosts.numbers}
        assert len(set(live.values())) == 2  # no protocol can exclude it
        for number, release in live.items():
            world.agree(release, number)
        world.heal()
