"""A scheduler beside the web process: whatever is killed, each host runs one, of what is live."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.hosts import Files
from tests.faults.world import World, wait_for
from tests.support.project import ROOT

FILE = {"scheduler.py": (ROOT / "tests" / "support" / "scheduler.py").read_text()}
COMMAND = "python scheduler.py ../../shared/stamps 0.3"  # seconds that its end takes
DEPLOY = ("switch:begin", "switch:amid", "switch:end", "verify:end", "confirm:end", "close:begin")
ROLLBACK = ("arm:end", "switch:amid", "switch:end", "verify:end", "close:begin")


@pytest.fixture
def scheduled(world: World) -> Iterator[World]:
    """The world with a scheduler in the live release and in the one before."""
    world.project.configure(processes={"scheduler": COMMAND})
    for number in world.hosts.numbers:
        stamps(world, number).unlink(missing_ok=True)
    world.commit(**FILE)
    world.heal()
    one_each(world, world.heal())
    yield world
    world.project.configure(processes={})
    world.heal()


def stamps(world: World, number: int) -> Path:
    """Where a host's schedulers say when they begin and end."""
    assert isinstance(world.hosts, Files)
    return world.hosts.path(number, "shared", "stamps")


def one_each(world: World, release: str, *numbers: int) -> None:
    """Each host comes to run the scheduler of `release`, and never ran two."""
    for number in numbers or world.hosts.numbers:
        place = stamps(world, number)

        def alone() -> bool:
            said = place.read_text().splitlines() if place.exists() else []
            assert not [line for line in said if line.startswith("OVERLAP")], said
            last = ["", *said][-1].rpartition(" ")[0]
            return last == f"begin {release}" and world.hosts.commands(number, "scheduler.py") == 1

        wait_for(alone, f"host{number} runs the scheduler of {release}")


@pytest.mark.parametrize("place", DEPLOY)
def test_an_operator_that_is_killed_in_a_deploy(scheduled: World, place: str) -> None:
    scheduled.commit(**FILE)
    operator = scheduled.operate("kill", place, "deploy", "--watch=0s")
    assert operator.end() == -signal.SIGKILL, operator.out + operator.err
    scheduled.free()
    one_each(scheduled, scheduled.live())


@pytest.mark.parametrize("place", ROLLBACK)
def test_an_operator_that_is_killed_in_a_rollback(scheduled: World, place: str) -> None:
    operator = scheduled.operate("kill", place, *scheduled.rollback)
    assert operator.end() == -signal.SIGKILL, operator.out + operator.err
    scheduled.free()
    one_each(scheduled, scheduled.live())


@pytest.mark.parametrize("guard", [False, True], ids=["run", "run and guard"])
@pytest.mark.parametrize("place", ["switch:begin", "switch:end", "verify:begin"])
def test_a_run_that_is_killed(scheduled: World, place: str, guard: bool) -> None:
    scheduled.commit(**FILE)
    operator = scheduled.operate("pause", place, "deploy", "--watch=0s", lease=10)
    operator.wait()
    scheduled.hosts.kill_run(2, guard)
    operator.go()
    assert operator.end() == 1, operator.out + operator.err
    if guard and not scheduled.hosts.supervised:
        scheduled.heal()  # nobody there settles until somebody comes
    scheduled.free()
    one_each(scheduled, scheduled.live())


@pytest.mark.parametrize("place", ["switch:begin", "switch:end", "confirm:end"])
def test_a_host_that_loses_power_and_comes_back(scheduled: World, place: str) -> None:
    scheduled.commit(**FILE)
    operator = scheduled.operate("pause", place, "deploy", "--watch=0s", lease=10)
    operator.wait()
    scheduled.hosts.power_off(2)
    operator.go()
    operator.end()
    scheduled.hosts.power_on(2)
    one_each(scheduled, scheduled.heal())


def test_canaries_run_the_new_one_beside_the_others_old_ones(scheduled: World) -> None:
    """One a host: a canary's and the other hosts' work at the same time."""
    old = scheduled.live()
    scheduled.commit(**FILE)
    words = ("deploy", "--strategy=canary:1", "--watch=300ms")
    operator = scheduled.operate("pause", "watch.1:begin", *words, lease=10)
    operator.wait()
    new = scheduled.hosts.live(1)
    one_each(scheduled, new, 1)
    one_each(scheduled, old, 2, 3)
    operator.go()
    assert operator.end() == 0, operator.out + operator.err
    one_each(scheduled, new)
