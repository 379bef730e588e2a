"""What a host does by itself: from any pending.json, at boot, and with instances that leave."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.rig import LONG, Rig, until

FORWARD = {"way": "forward", "confirmed": True}
NO_WAY_BACK = {"way": "forward", "confirmed": False}  # a breaking schema, not watched to the end


def promise(rig: Rig, **facts: Any) -> None:
    """Write pending.json as a run does that is killed right after it."""
    said = {"run": "cut", "kind": "deploy", "who": "t", "way": "back", **facts}
    (rig.root / "run" / "pending.json").write_text(json.dumps(said))


def point(rig: Rig, release: str) -> None:
    (rig.root / "current").unlink(missing_ok=True)
    (rig.root / "current").symlink_to(f"releases/{release}")


def boot(rig: Rig) -> None:
    done = rig.agent("boot", str(rig.root))
    assert done.returncode == 0, done.stderr


def stop_everything(rig: Rig) -> None:
    """Cut the power."""
    for process in rig.processes():
        process.kill()
    until(lambda: not rig.processes())


@pytest.fixture
def two(rig: Rig) -> Rig:
    """A host on which `one` and then `two` have closed; `two` is live."""
    rig.deploy("one")
    rig.deploy("two")
    return rig


@pytest.mark.parametrize("power", ["on", "off"])
@pytest.mark.parametrize(
    "pointed, pending, live, event",
    [
        ("one", {"release": "two", "from": "one"}, "one", "reverted"),  # before the rename
        ("two", {"release": "two", "from": "one"}, "one", "reverted"),  # after it
        ("two", {"release": "two", "from": "one", **FORWARD}, "two", "closed"),
        ("one", {"release": "two", "from": "one", **FORWARD}, "two", "closed"),  # armed
        ("two", {"release": "two", "from": "one", **NO_WAY_BACK}, "two", "kept"),
        ("two", {"release": "two", "from": "one", "way": "sideways"}, "one", "reverted"),
        ("two", {"release": "two", "from": ""}, "", "reverted"),  # a first deploy
    ],
    ids=["unswitched", "switched", "confirmed", "armed", "no-way-back", "unknown-way", "first"],
)
def test_any_pending_is_settled_by_whoever_comes(
    two: Rig, power: str, pointed: str, pending: dict[str, Any], live: str, event: str
) -> None:
    point(two, pointed)
    promise(two, **pending)
    if power == "off":
        stop_everything(two)
    boot(two)
    assert two.current == live and two.events()[-1] == event
    assert two.ask("facts")["pending"] is None
    assert not live or two.healthy(live)
    until(lambda: list(two.ask("facts")["running"]) == ([live] if live else []))
    two.deploy("three")


@pytest.mark.parametrize(
    "way, pointed, missing", [("back", "two", "one"), ("forward", "one", "two")]
)
def test_a_host_that_can_go_nowhere_stays_and_says_so(
    two: Rig, way: str, pointed: str, missing: str
) -> None:
    point(two, pointed)
    promise(two, release="two", way=way, **{"from": "one"})
    (two.root / "releases" / missing / "app.py").write_text("raise SystemExit('broken')")
    stop_everything(two)
    boot(two)
    assert two.current == pointed and two.events()[-1] == "stuck"
    assert two.healthy(pointed)
    assert two.ask("facts")["pending"] is None


def test_a_host_whose_way_back_is_gone_altogether_stays_too(two: Rig) -> None:
    promise(two, release="two", **{"from": "one"})
    shutil.rmtree(two.root / "releases" / "one")
    boot(two)
    assert two.current == "two" and two.events()[-1] == "stuck" and two.healthy("two")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"release": "../x", "from": ""}', '{"release": "two"}', "[" * 9000]
)
def test_a_pending_that_makes_no_sense_is_told_and_stands_in_nobodys_way(
    two: Rig, text: str
) -> None:
    (two.root / "run" / "pending.json").write_text(text)
    boot(two)
    assert two.current == "two" and two.events()[-1] == "unreadable"
    assert not (two.root / "run" / "pending.json").exists()


def test_a_pending_of_a_newer_version_is_settled_by_this_one(two: Rig) -> None:
    promise(two, release="two", novelty={"a": [1]}, error="x", event="y", **{"from": "one"})
    boot(two)
    assert two.current == "one" and two.events()[-1] == "reverted"


def test_boot_brings_up_what_is_live_and_the_processes_beside_it(rig: Rig) -> None:
    processes = {"web": "python app.py {socket}", "worker": "sleep 1000"}
    rig.deploy("one", processes=processes)
    stop_everything(rig)
    boot(rig)
    assert rig.ask("facts")["running"] == {"one": ["web", "worker"]} and rig.healthy("one")


def test_boot_on_an_empty_host_does_nothing(rig: Rig) -> None:
    rig.begin().leave("only to have the agent there", limit=LONG)
    rig.unlocked()
    boot(rig)
    assert rig.current == "" and rig.events() == []


def test_at_boot_a_release_that_is_slow_to_be_healthy_is_left_running(rig: Rig) -> None:
    """What it needs, such as a database, may come up later."""
    rig.deploy("one", start=1.0)
    (rig.root / "releases" / "one" / "BEHAVIOUR").write_text("unhealthy")
    stop_everything(rig)
    boot(rig)
    assert rig.ask("facts")["running"] == {"one": ["web"]}


def test_a_companion_that_does_not_start_keeps_no_host_from_going_back(rig: Rig) -> None:
    processes = {"web": "python app.py {socket}", "worker": "no-such-command"}
    rig.deploy("one")
    manifest = rig.root / "releases" / "one" / ".release.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "processes": processes}))
    rig.deploy("two")
    promise(rig, release="two", **{"from": "one"})
    boot(rig)
    assert rig.current == "one" and rig.events()[-1] == "reverted" and rig.healthy("one")


def test_a_half_staged_release_is_cleared_away(rig: Rig) -> None:
    rig.deploy("one")
    (rig.root / "releases" / "half").mkdir()
    boot(rig)
    assert os.listdir(rig.root / "releases") == ["one"]


def test_a_release_that_is_there_survives_a_second_staging_of_its_name(rig: Rig) -> None:
    rig.deploy("one")
    session = rig.begin()
    with pytest.raises(Exception, match="on this host already"):
        rig.stage(session, "one")
    session.leave("it failed", limit=LONG)
    assert rig.current == "one" and rig.healthy("one")
    assert rig.ask("check", release="one")["damage"] == ""


# Leaving: the drain.


def request(rig: Rig, release: str) -> socket.socket:
    """Connect to a release and send it a request; the answer is not read."""
    link = socket.socket(socket.AF_UNIX)
    folder = os.open(rig.root / "releases" / release / "run", os.O_RDONLY)
    try:
        link.connect(f"/proc/self/fd/{folder}/app.sock")
    finally:
        os.close(folder)
    link.settimeout(LONG)
    link.sendall(b"GET / HTTP/1.0\r\n\r\n")
    return link


def test_what_is_in_flight_is_answered_before_the_release_stops(rig: Rig) -> None:
    rig.deploy("one", "slow=3", drain=30.0)
    links: list[socket.socket] = []
    session = rig.begin()
    rig.stage(session, "two")
    session.call("start", LONG, release="two")
    links.append(request(rig, "one"))
    rig.switch(session, "two")
    links.append(request(rig, "one"))  # by a front that had looked before the switch
    session.call("confirm", LONG)
    session.call("close", LONG, keep=5)
    time.sleep(0.5)
    links.append(request(rig, "one"))
    for link in links:
        assert b"200 OK" in b"".join(iter(lambda: link.recv(4096), b""))
        link.close()
    until(lambda: list(rig.ask("facts")["running"]) == ["two"])


def test_connections_that_nobody_has_accepted_hold_the_drain_up(
    parts: Any, rig: Rig, tmp_path: Path
) -> None:
    here = os.getcwd()
    listener = socket.socket(socket.AF_UNIX)
    os.mkdir(tmp_path / "run")
    os.chdir(tmp_path)
    try:
        listener.bind("run/app.sock")
        listener.listen(8)
        before = parts.probe.waiting()
        link = socket.socket(socket.AF_UNIX)
        link.connect("run/app.sock")
        assert parts.probe.waiting() == before + 1
        accepted, _ = listener.accept()
        assert parts.probe.waiting() == before
    finally:
        os.chdir(here)
        for each in (listener, link, accepted):
            each.close()


def test_a_start_claims_a_release_back_from_a_drain_that_has_not_begun(rig: Rig) -> None:
    rig.deploy("one", drain=2.0)
    session = rig.begin()
    rig.stage(session, "two")
    session.call("start", LONG, release="two")
    rig.switch(session, "two")
    pid = rig.pid("one")
    session.call("confirm", LONG)
    session.call("close", LONG, keep=5)  # from here on `one` is about to be stopped
    back = rig.begin(kind="rollback")
    assert back.call("start", LONG, release="one")["seconds"] >= 0
    back.call("arm", LONG, release="one", facts={})
    rig.switch(back, "one", "forward")
    assert back.call("close", LONG, keep=5)["current"] == "one"
    rig.unlocked()
    until(lambda: list(rig.ask("facts")["running"]) == ["one"])
    assert rig.healthy("one") and pid > 0


def test_stopping_and_starting_one_release_exclude_each_other(parts: Any, rig: Rig) -> None:
    rig.deploy("one")
    service = parts.service.Service(parts.host.Host(str(rig.root)), "process")
    order: list[str] = []

    def second() -> None:
        with service.claim("one"):
            order.append("second")

    with service.claim("one"):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.2)
        order.append("first")
    thread.join(LONG)
    assert order == ["first", "second"]
