"""A run: numbered steps, the lease, the lock, and connections that break and come back."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from tasks.lib.channel import LocalChannel
from tasks.lib.session import Busy, HostError, Lost, Session
from tests.support.rig import LONG, Rig, ended, until

TWICE = "python -c \"open('../../times','a').write('x')\""


def hook(session: Session, command: str, **more: Any) -> Any:
    words = {"name": "test", "release": "one", "limit": LONG, **more}
    return session.call("hook", LONG, command=command, **words)


def break_off(session: Session) -> None:
    """End the connection as a network does: the other side gets the end of its input."""
    channel = session._channel
    assert isinstance(channel, LocalChannel)
    channel.process.kill()


def test_a_step_repeated_after_a_break_is_answered_and_not_done_again(rig: Rig) -> None:
    rig.deploy("one")
    session = rig.begin()
    assert hook(session, TWICE)["output"] == ""
    session._number -= 1
    break_off(session)
    hook(session, TWICE)
    assert (rig.root / "times").read_text() == "x"
    hook(session, TWICE)
    assert (rig.root / "times").read_text() == "xx"


def test_a_step_whose_connection_breaks_while_it_runs_is_done_once(rig: Rig) -> None:
    rig.deploy("one")
    session = rig.begin()
    slow = (
        "sh -c 'printf x >> ../../times; while [ ! -e ../../go ]; do sleep 0.05; done; echo done'"
    )
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.append(hook(session, slow)))
    thread.start()
    until(lambda: (rig.root / "times").exists())
    for _ in range(2):
        before = session._channel
        break_off(session)
        until(lambda: session._channel is not before and session._channel is not None)
    (rig.root / "go").touch()
    thread.join(LONG)
    assert got and got[0]["output"] == "done\n"
    assert (rig.root / "times").read_text() == "x"


def test_an_upload_that_is_cut_is_repeated_and_leaves_nothing(rig: Rig) -> None:
    session = rig.begin()
    tree = rig.tree(files={"large": "x" * 3_000_000, "other": str(list(range(200_000)))})
    pack = rig.pack(rig.ids(tree))
    step = {"n": 1, "do": "facts", "blob": True}
    channel = session._channel
    assert isinstance(channel, LocalChannel)
    body = json.dumps(step).encode()
    cut = b"J" + len(body).to_bytes(4, "big") + body + b"B" + (60000).to_bytes(4, "big")
    channel.write(cut + pack[:30000])
    until(lambda: list((rig.root / "run").glob("upload-*")), "nothing of the upload has come")
    break_off(session)
    until(lambda: not list((rig.root / "run").glob("upload-*")), "half an upload is left")
    limits = {"stage": LONG, "hook": LONG, "build": ""}
    manifest = rig.manifest("one", tree)
    session.call("stage", LONG, blob=[pack], manifest=manifest, limits=limits)
    assert (rig.root / "releases/one/large").stat().st_size == 3_000_000
    until(lambda: not list((rig.root / "run").glob("upload-*")), "an upload is left")


def lost(rig: Rig, session: Session) -> None:
    """Lose the operator for good, and wait for the host to settle."""
    break_off(session)
    session.close()
    rig.unlocked()


@pytest.mark.parametrize(
    "state, live, told",
    [
        ("locked", "one", []),
        ("staged", "one", ["aborted"]),
        ("started", "one", ["aborted"]),
        ("switched", "one", ["switched", "reverted"]),
        ("verified", "one", ["switched", "reverted"]),
        ("confirmed", "two", ["switched", "closed"]),
        ("armed", "two", ["closed"]),
    ],
)
def test_when_the_lease_runs_out_the_host_settles(
    rig: Rig, state: str, live: str, told: list[str]
) -> None:
    rig.deploy("one")
    before = rig.events()
    session = rig.begin(lease=1.0)
    states = ["locked", "staged", "started", "switched", "verified", "confirmed"]
    upto = states.index("started" if state == "armed" else state)
    if upto >= 1:
        rig.stage(session, "two")
    if upto >= 2:
        session.call("start", LONG, release="two")
    if upto >= 3:
        rig.switch(session, "two")
    if upto >= 4:
        with pytest.raises(HostError, match="did not answer"):
            front = "http://127.0.0.1:9"
            request = {"path": "/", "status": 200, "host": ""}
            session.call("verify", LONG, front=front, requests=[request], limit=1.0)
    if upto >= 5:
        session.call("confirm", LONG)
    if state == "armed":
        session.call("arm", LONG, release="two", facts={"reason": "it is better"})
    lost(rig, session)
    assert rig.current == live and rig.healthy(live)
    assert rig.events()[len(before) :] == told
    assert rig.ask("facts")["pending"] is None
    until(lambda: list(rig.ask("facts")["running"]) == [live], "more than the live one runs")
    if told == ["aborted"]:
        assert not (rig.root / "releases" / "two").exists()
    rig.deploy("three")
    assert rig.current == "three"


def test_an_operator_who_comes_back_too_late_is_told_how_it_ended(rig: Rig) -> None:
    rig.deploy("one")
    session = rig.begin(lease=1.0)
    rig.stage(session, "two")
    session.call("start", LONG, release="two")
    rig.switch(session, "two")
    break_off(session)
    rig.unlocked()
    with pytest.raises(Lost) as error:
        session._drop()
        session.open()
    assert error.value.ended == {"outcome": "reverted", "current": "one"}


def test_a_run_that_nobody_greets_gives_the_lock_up(rig: Rig) -> None:
    rig.begin().leave("first", limit=LONG)
    rig.unlocked()
    done = rig.agent("run", str(rig.root), "nobody", "0.5")
    assert done.returncode == 0 and not done.stderr
    assert rig.ask("facts")["lock"] is None


def test_any_byte_keeps_the_lease(rig: Rig) -> None:
    session = rig.begin(lease=1.5)
    channel = session._channel
    assert isinstance(channel, LocalChannel)
    for byte in b"J\0\0\0\x20" + b" " * 30:
        channel.write(bytes([byte]))
        time.sleep(0.15)
    channel.write(b"{}")
    assert session.call("facts", LONG)["current"] == ""


def test_leaving_ends_a_command_and_says_how_it_ended(rig: Rig) -> None:
    rig.deploy("one")
    session = rig.begin()
    got: list[BaseException] = []

    def wait() -> None:
        try:
            hook(session, "sleep 600")
        except HostError as error:
            got.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    until(lambda: rig.processes("sleep"))
    assert session.leave("enough", limit=LONG).ended["current"] == "one"
    thread.join(LONG)
    assert got
    assert not rig.processes("sleep")


def test_a_second_operator_is_told_who_holds_the_host(rig: Rig) -> None:
    first = rig.begin("first", who="ann@here")
    first.call("facts", LONG)
    with pytest.raises(Busy) as error:
        rig.begin("second")
    holder = error.value.holder
    assert holder["run"] == "first" and holder["who"] == "ann@here" and holder["kind"] == "deploy"
    assert abs(holder["since"] - time.time()) < 600
    with pytest.raises(HostError, match="ann@here holds this host"):
        rig.ask("push", blob=[b""], rotated=[], who="bob", run="push-1")
    assert first.call("facts", LONG)["lock"] is None


def test_of_two_at_once_one_wins(rig: Rig) -> None:
    for turn in range(4):
        results: list[Any] = []

        def race(name: str) -> None:
            session = rig.session(name, lease=5.0)
            try:
                session.open(start=True)
                results.append(session)
            except Busy as error:
                results.append(error)

        threads = [threading.Thread(target=race, args=(f"race-{turn}-{n}",)) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONG)
        winners = [each for each in results if isinstance(each, Session)]
        assert len(winners) == 1 and len(results) == 3
        winners[0].leave("next", limit=LONG)
        rig.unlocked()


def test_after_the_end_no_step_is_taken(rig: Rig) -> None:
    session = rig.begin()
    rig.stage(session, "one")
    session.call("start", LONG, release="one")
    rig.switch(session, "one")
    session.call("confirm", LONG)
    session.call("close", LONG, keep=5)
    with pytest.raises(Lost):
        session.call("facts", LONG)


def test_beats_come_from_the_host_while_a_step_is_long(rig: Rig) -> None:
    rig.deploy("one")
    session = rig.begin(lease=1.0)
    assert hook(session, "sh -c 'sleep 4; echo late'")["output"] == "late\n"


def test_a_run_killed_in_the_middle_is_settled_by_its_guard(rig: Rig) -> None:
    rig.deploy("one")
    session = rig.begin()
    rig.stage(session, "two")
    session.call("start", LONG, release="two")
    rig.switch(session, "two")
    run = max(rig.holders(), key=lambda process: process.pid)
    run.kill()
    assert ended(session)["outcome"] in ("reverted", "none")
    rig.unlocked()
    assert rig.current == "one" and rig.events()[-1] == "reverted"


def test_a_killed_run_is_settled_although_a_grandchild_of_its_hook_keeps_the_lock(rig: Rig) -> None:
    rig.deploy("one")
    session = rig.begin()
    rig.stage(session, "two")
    session.call("start", LONG, release="two")
    rig.switch(session, "two")
    hook(session, "setsid --fork sleep 300")
    max((p for p in rig.holders() if p.name() != "sleep"), key=lambda each: each.pid).kill()
    until(lambda: rig.current == "one", "nobody settled")
    assert [p for p in rig.holders() if p.name() == "sleep"]
    with pytest.raises(Busy):
        rig.begin("next")


def test_run_and_guard_killed_are_settled_by_whoever_comes_next(rig: Rig) -> None:
    rig.deploy("one")
    session = rig.begin()
    rig.stage(session, "two")
    session.call("start", LONG, release="two")
    rig.switch(session, "two")
    for process in sorted(rig.holders(), key=lambda each: each.pid):
        process.kill()
    rig.unlocked()
    assert rig.current == "two" and rig.ask("facts")["pending"]["way"] == "back"
    following = rig.begin()
    assert following.call("facts", LONG)["settled"] == {"outcome": "reverted", "current": "one"}
    assert rig.current == "one" and rig.healthy("one")


def test_a_run_started_again_under_its_name_only_settles(rig: Rig) -> None:
    """As systemd does when run and guard were killed: its operator's steps are not begun anew."""
    rig.deploy("one")
    session = rig.begin("same")
    rig.stage(session, "two")
    session.call("start", LONG, release="two")
    rig.switch(session, "two")
    for process in sorted(rig.holders(), key=lambda each: each.pid):
        process.kill()
    done = rig.agent("run", str(rig.root), "same", "20")
    assert done.returncode == 0, done.stderr
    assert rig.current == "one" and rig.events()[-1] == "reverted"
