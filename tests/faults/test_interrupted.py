"""Ctrl-C at each step: remote commands end, locks are free, one sentence says how things are."""

from __future__ import annotations

import pytest

from tests.faults.test_killed import CONFIRMED, DEPLOY, ROLLBACK, UNARMED
from tests.faults.world import Operator, World

LEASE = 60.0  # seconds: what ends a run here is the operator's word, not the lack of it


def interrupted(world: World, place: str, *words: str) -> Operator:
    """Interrupt the operator at a place; every host is free when it has ended."""
    operator = world.operate("interrupt", place, *words, lease=LEASE)
    assert operator.end() == 130, operator.out + operator.err
    assert operator.reached()
    assert not any(world.hosts.locked(number) for number in world.hosts.numbers)
    told = operator.document["error"]
    assert told["message"].count("\n") == 0
    assert told["message"].startswith(f"Interrupted at {place.partition(':')[0]}. ")
    assert operator.document["next"] == f"inv deploy.status --env={world.ground.environment}"
    assert "Traceback" not in operator.err
    world.free()
    world.agree(world.live())
    assert world.live() in told["message"]
    return operator


# At the end of the last step all is done: an interrupt there changes nothing that is tested here.
@pytest.mark.parametrize("place", [place for place in DEPLOY if place != "close:end"])
def test_a_deploy(world: World, place: str) -> None:
    old = world.live()
    world.commit()
    watch = "--watch=300ms" if place.startswith("watch") else "--watch=0s"
    with world.users():
        operator = interrupted(world, place, "deploy", watch)
    assert (world.live() != old) == (place in CONFIRMED)
    switched = place.partition(":")[0] in ("verify", "watch", "confirm")
    if switched and place not in CONFIRMED:
        assert "went back to" in operator.document["error"]["message"]


@pytest.mark.parametrize("place", [place for place in ROLLBACK if place != "close:end"])
def test_a_rollback(world: World, place: str) -> None:
    old = world.live()
    if place == "start:amid":  # what still runs is not started
        world.alone(old)
    with world.users():
        operator = interrupted(world, place, *world.rollback)
        if place in UNARMED:
            assert world.live() == old
        else:
            assert world.live() != old
            assert "went on to" in operator.document["error"]["message"]
            world.commit()
            world.heal()  # so that there is a release to go back to


def test_a_hook_with_a_child_that_is_under_way_has_ended_too(world: World) -> None:
    old = world.live()
    world.commit("hook-child")
    deploy = world.operate("pause", "once:begin", "deploy", lease=LEASE)
    deploy.wait()
    deploy.go()
    world.until(lambda: world.hosts.commands(1, "child") == 1, "the hook and its child run")
    deploy.process.send_signal(2)
    assert deploy.end() == 130, deploy.out + deploy.err
    assert not world.hosts.locked(1)
    assert world.hosts.commands(1) == 0
    world.agree(old)
