"""A deploy in stages that ends early, whoever ends it: every host is on the old release again."""

from __future__ import annotations

import signal

import pytest

from tests.faults.world import Operator, World

CANARY = ("deploy", "--strategy=canary:1")
STEPS = ("switch.1", "verify.1", "watch.1", "switch.2", "verify.2", "watch", "confirm", "close")
PLACES = [f"{step}:begin" for step in STEPS] + ["watch.1:amid", "switch.2:amid"]
CONFIRMED = {"close:begin"}
LONG = 60.0  # seconds of lease: what ends a run here is the operator's word, not the lack of it


def ended(world: World, old: str, confirmed: bool) -> None:
    """Every host has settled on the same, the old one unless all had confirmed."""
    world.free()
    live = world.live()
    world.agree(live)
    assert (live != old) == confirmed
    events = {world.event(number)[0] for number in world.hosts.numbers}
    assert events == {"closed"} if confirmed else events <= {"reverted", "aborted"}
    if not confirmed:  # what had not switched has nothing left of the new one
        world.alone(old)


@pytest.mark.parametrize("place", PLACES)
def test_an_operator_that_is_killed(world: World, place: str) -> None:
    old = world.live()
    world.commit()
    with world.users():
        operator = world.operate("kill", place, *CANARY, "--watch=300ms")
        assert operator.end() == -signal.SIGKILL, operator.out + operator.err
        assert operator.reached()
        ended(world, old, place in CONFIRMED)
        world.heal()


@pytest.mark.parametrize("place", [place for place in PLACES if place not in CONFIRMED])
def test_an_operator_that_is_interrupted(world: World, place: str) -> None:
    old = world.live()
    world.commit()
    with world.users():
        operator = world.operate("interrupt", place, *CANARY, "--watch=300ms", lease=LONG)
        assert operator.end() == 130, operator.out + operator.err
        assert operator.reached()
        assert not any(world.hosts.locked(number) for number in world.hosts.numbers)
    step = place.partition(":")[0]
    assert operator.document["error"]["message"].startswith(f"Interrupted at {step}. ")
    ended(world, old, confirmed=False)


def stage(world: World, step: str, *, victim: int, lease: float) -> Operator:
    """A deploy in stages whose `victim` loses its run as a step begins; it has ended."""
    operator = world.operate("pause", f"{step}:begin", *CANARY, "--watch=2s", lease=lease)
    operator.wait()
    world.hosts.kill_run(victim, guard=True)
    operator.go()
    assert operator.end() == 1, operator.out + operator.err
    return operator


# The first host has switched from the second step on; the third does so in the second stage.
@pytest.mark.parametrize("victim", [1, 3])
@pytest.mark.parametrize("step", ["switch.1", "verify.1", "watch.1", "switch.2", "verify.2"])
def test_a_host_that_is_lost(world: World, step: str, victim: int) -> None:
    """Also one that only waits for its stage brings back those that have switched."""
    old = world.live()
    world.commit()
    with world.users():
        operator = stage(world, step, victim=victim, lease=4.0)
        world.free()
        world.agree(old)
    error = operator.document["error"]
    assert error["kind"] == "lost" and f"host{victim}" in error["message"]
    assert world.live() == old


def test_hosts_that_wait_keep_their_lease_for_as_long_as_the_others_are_watched(
    world: World,
) -> None:
    world.commit()
    with world.users():
        operator = world.operate("pause", "lock:begin", *CANARY, "--watch=5s", lease=2.0)
        operator.go()
        assert operator.end() == 0, operator.out + operator.err
    world.agree(operator.document["detail"]["release"])


def test_a_way_that_breaks_while_a_stage_is_watched_is_taken_up_again(world: World) -> None:
    world.commit()
    with world.users():
        operator = world.operate("pause", "watch.1:amid", *CANARY, "--watch=2s", lease=5.0)
        operator.wait()
        world.hosts.cut(*world.hosts.numbers)
        operator.go()
        assert world.hosts.mend() >= len(world.hosts.numbers)
        assert operator.end() == 0, operator.out + operator.err
    world.agree(operator.document["detail"]["release"])
