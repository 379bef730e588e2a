"""What goes wrong on the hosts themselves: hooks, disks, and two operators at once."""

from __future__ import annotations

import os
import time

import pytest

from tests.faults.world import World

BAD = {
    "fails": ("hook-fails", "the hook fails"),
    "hangs": ("hook-sleeps=60", "ran past its limit"),
    "hangs-with-a-child": ("hook-child", "ran past its limit"),
    "prints-a-megabyte-and-fails": ("hook-prints=120 hook-fails", "x" * 1000),
    "prints-a-megabyte-that-json-doubles-and-fails": ("hook-prints=128512 hook-fails", "😀" * 100),
    "prints-a-megabyte-of-nul-and-fails": ("hook-prints=0 hook-fails", "the hook fails"),
}


@pytest.mark.parametrize(("behaviour", "shown"), BAD.values(), ids=BAD)
def test_a_hook_that_goes_wrong_is_told_and_changes_nothing(
    world: World, behaviour: str, shown: str
) -> None:
    old = world.live()
    world.commit(behaviour)
    limits = {"INVOKE_SERVICE_LIMITS_HOOK": "1s"} if "limit" in shown else {}
    with world.users() as seen:
        told = world.project.document("deploy", code=1, env=limits)
        world.free()
        world.agree(old)
    assert set(seen.live) == {old}
    assert told["error"]["kind"] == "hook"
    assert shown in told["error"]["message"] + told["error"]["evidence"]
    assert not world.hosts.commands(1)


def test_a_hook_that_prints_a_megabyte_is_no_trouble(world: World) -> None:
    world.commit("hook-prints=120")
    with world.users():
        world.heal()


def test_a_disk_that_fills_up_while_staging_is_told_and_changes_nothing(world: World) -> None:
    old = world.live()
    world.commit()
    with open(world.project.root / "large", "wb") as large:
        large.write(os.urandom(3_000_000))
    world.commit()
    deploy = world.operate("pause", "stage:begin", "deploy", lease=20)
    try:
        with world.users() as seen:
            deploy.wait()
            world.hosts.fill_disk(2, 1_000_000)
            deploy.go()
            assert deploy.end() == 1, deploy.out + deploy.err
            world.free()
            world.agree(old)
    finally:
        world.hosts.fill_disk(2, 0)
    told = deploy.document
    assert set(seen.live) == {old}
    assert told["error"]["kind"] == "disk", told
    assert "host2" in told["error"]["message"] and "host1" not in told["error"]["message"]
    for number in world.hosts.numbers:
        assert all(world.hosts.manifest(number, name) for name in world.hosts.releases(number))
    world.heal()


def test_of_two_deploys_one_wins_and_one_is_told_who_holds_it(world: World) -> None:
    world.commit("hook-sleeps=1.5")
    first = world.operate("pause", "lock:begin", "deploy", lease=20)
    second = world.operate("pause", "lock:begin", "deploy", lease=20)
    with world.users():
        first.wait()
        second.wait()
        first.go()
        second.go()
        codes = {first.end(): first, second.end(): second}
    assert set(codes) == {0, 2}, first.err + second.err
    won, lost = codes[0], codes[2]
    world.agree(won.document["detail"]["release"])
    told = lost.document["error"]
    assert told["kind"] == "locked"
    assert "host1 is held by" in told["message"]
    assert f"{won.document['detail']['run']}" in told["message"]
    assert "wait for it" in told["message"]


def test_one_that_comes_while_another_is_at_work_changes_nothing(world: World) -> None:
    world.commit()
    with world.users():
        first = world.operate("pause", "verify:begin", "deploy", lease=20)
        first.wait()
        begun = time.monotonic()
        told = world.project.document(*world.rollback, code=2)
        assert time.monotonic() - begun < 20  # the holder's lease, which it doesn't wait for
        first.go()
        assert first.end() == 0, first.err
    assert told["error"]["kind"] == "locked"
    world.agree(first.document["detail"]["release"])
