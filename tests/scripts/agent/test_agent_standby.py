"""The last closed release kept running: which it is, when it starts and stops, and who may."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from tests.support.rig import LONG, Rig, until


def runs(rig: Rig) -> dict[str, list[str]]:
    found: dict[str, list[str]] = rig.ask("facts")["running"]
    return found


def comes_to_run(rig: Rig, *releases: str) -> None:
    until(lambda: set(runs(rig)) == set(releases), f"not {releases} but {runs(rig)}")
    rig.unlocked()


def roll_back(rig: Rig, release: str) -> bool:
    """A whole rollback; whether there was nothing to start."""
    session = rig.begin(kind="rollback")
    session.call("facts", LONG)
    ready = bool(session.call("check", LONG, release=release)["ready"])
    if not ready:
        session.call("start", LONG, release=release)
    session.call("arm", LONG, release=release, facts={})
    rig.switch(session, release, "forward")
    assert session.call("close", LONG, keep=5)["outcome"] == "closed"
    session.close()
    return ready


@pytest.fixture
def three(rig: Rig) -> Rig:
    """A host on which `one`, `two` and `three` have closed, each with a standby."""
    for release in ("one", "two", "three"):
        rig.deploy(release, standby=True)
    comes_to_run(rig, "two", "three")
    return rig


def test_the_one_before_stays_and_no_other(three: Rig) -> None:
    assert three.healthy("two") and three.healthy("three")
    assert three.ask("facts")["standby"] == "two"
    before = three.pid("two")
    three.begin().leave("a run that does nothing settles, and tidies", limit=LONG)
    time.sleep(1.5)
    comes_to_run(three, "two", "three")
    assert three.pid("two") == before


def test_a_rollback_finds_it_ready_and_the_next_one_too(three: Rig) -> None:
    pid = three.pid("two")
    assert roll_back(three, "two") and three.current == "two" and three.pid("two") == pid
    comes_to_run(three, "one", "two")  # `three` was left: it is not what comes next
    until(lambda: three.healthy("one"))
    assert roll_back(three, "one") and three.current == "one"
    comes_to_run(three, "one")  # nothing closed before


def test_a_start_that_is_under_way_is_waited_for_and_not_begun_again(rig: Rig) -> None:
    rig.deploy("one", "start=2", standby=True)
    for release in ("two", "three"):
        rig.deploy(release, standby=True)
    comes_to_run(rig, "two", "three")
    assert roll_back(rig, "two")
    rig.unlocked()  # `one` begins to start now
    until(lambda: (rig.root / "releases" / "one" / "run" / "web.json").exists())
    pid = rig.pid("one")
    assert roll_back(rig, "one") and rig.pid("one") == pid and rig.healthy("one")


def test_what_was_rolled_back_from_and_what_never_closed_do_not_stand_by(three: Rig) -> None:
    assert roll_back(three, "two")
    three.deploy("four", standby=True)
    comes_to_run(three, "two", "four")
    session = three.begin()
    three.stage(session, "five", standby=True)
    session.call("start", LONG, release="five")
    three.switch(session, "five")
    assert set(session.call("facts", LONG)["running"]) == {"two", "four", "five"}
    session.leave("it turned out bad", limit=LONG)
    comes_to_run(three, "two", "four")
    assert three.current == "four"


def test_switched_off_by_the_next_deploy_it_stops(three: Rig) -> None:
    three.deploy("four")
    comes_to_run(three, "four")
    assert three.ask("facts")["standby"] == ""


def test_a_manifest_from_before_has_none(three: Rig) -> None:
    place = three.root / "releases" / "three" / ".release.json"
    manifest = json.loads(place.read_text())
    del manifest["standby"]
    place.write_text(json.dumps(manifest))
    three.begin().leave("only to tidy", limit=LONG)
    comes_to_run(three, "three")


def test_it_is_not_pruned_and_can_be_deployed_over(three: Rig) -> None:
    three.deploy("four", standby=True, keep=0)
    comes_to_run(three, "three", "four")
    left = sorted(os.listdir(three.root / "releases"))
    assert left == ["four", "three", "two"]  # two was still draining


def test_at_boot_it_starts_after_what_is_live(three: Rig) -> None:
    for process in three.processes():
        process.kill()
    until(lambda: not three.processes())
    assert three.agent("boot", str(three.root)).returncode == 0
    comes_to_run(three, "two", "three")
    assert three.healthy("two") and three.healthy("three")
    born = {
        name: os.stat(three.root / f"releases/{name}/run/web.json") for name in ("two", "three")
    }
    assert born["three"].st_mtime_ns < born["two"].st_mtime_ns


@pytest.mark.parametrize("damage", ["killed", "unhealthy", "rotated"])
def test_one_that_cannot_serve_as_it_is_is_started_again(three: Rig, damage: str) -> None:
    pid = three.pid("two")
    if damage == "killed":
        os.killpg(pid, signal.SIGKILL)
    elif damage == "unhealthy":  # it hangs
        os.killpg(pid, signal.SIGSTOP)
    else:
        words = {"rotated": ["KEY"], "who": "t", "run": "push"}
        three.ask("push", blob=[b'KEY="new"\n'], **words)
    assert not roll_back(three, "two")
    assert three.current == "two" and three.healthy("two") and three.pid("two") != pid


def test_one_that_is_broken_is_not_switched_to(three: Rig) -> None:
    os.killpg(three.pid("two"), signal.SIGKILL)
    (three.root / "releases" / "two" / "BEHAVIOUR").write_text("exit-at-start")
    session = three.begin(kind="rollback")
    with pytest.raises(Exception, match="BEHAVIOUR"):
        session.call("check", LONG, release="two")
    with pytest.raises(Exception, match="ended before it answered"):
        session.call("start", LONG, release="two")
    session.leave("it is broken", limit=LONG)
    three.unlocked()
    assert three.current == "three" and three.healthy("three")
    said = "two does not stand by: two ended before it answered"
    until(lambda: said in (three.root / "run" / "run.log").read_text(), said)


def test_a_rollback_that_is_given_up_leaves_it_running(three: Rig) -> None:
    pid = three.pid("two")
    session = three.begin(kind="rollback")
    assert session.call("check", LONG, release="two")["ready"]
    session.leave("nobody leads it", limit=LONG)
    time.sleep(1.5)
    comes_to_run(three, "two", "three")
    assert three.pid("two") == pid


def test_killed_while_the_next_one_starts_it_is_started_by_the_guard(three: Rig) -> None:
    (three.root / "releases" / "one" / "BEHAVIOUR").write_text("start=2")
    assert roll_back(three, "two")
    record = three.root / "releases" / "one" / "run" / "web.json"
    until(record.exists)
    for process in _runs(three):
        process.kill()
    comes_to_run(three, "one", "two")
    until(lambda: three.healthy("one"))


def _runs(rig: Rig) -> list[psutil.Process]:
    """The runs themselves, whose guards are their parents; no lock tells of them any more."""
    loaders = {}
    for process in rig.processes():
        with contextlib.suppress(psutil.Error):  # it has ended meanwhile
            if "-c" in process.cmdline():
                loaders[process.pid] = process.ppid()
    return [psutil.Process(pid) for pid, parent in loaders.items() if parent in loaders]


def test_only_its_web_process_stays(rig: Rig) -> None:
    processes = {"web": "python app.py {socket}", "worker": "sleep 1000"}
    for release in ("one", "two"):
        rig.deploy(release, standby=True, processes=processes)
    until(lambda: runs(rig) == {"one": ["web"], "two": ["web", "worker"]}, str(runs(rig)))
    assert roll_back(rig, "one")
    until(lambda: runs(rig) == {"one": ["web", "worker"]}, str(runs(rig)))


def test_what_another_run_made_stale_while_it_started_stops(
    parts: SimpleNamespace, three: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = parts.host.Host(str(three.root))
    settler = parts.settle.Settler(parts.service.Service(host, "process"))
    told: list[Any] = ["one"]  # as it was when the start began
    truly = parts.settle.standby
    monkeypatch.setattr(parts.settle, "standby", lambda _: told.pop() if told else truly(host))
    monkeypatch.chdir(three.root)
    settler.finish()
    comes_to_run(three, "two", "three")


@pytest.mark.parametrize(
    "closed, current, chosen",
    [
        ([], "", ""),
        (["a"], "a", ""),
        (["a", "b"], "b", "a"),
        (["a", "b", "c"], "b", "a"),
        (["a", "b-", "c"], "c", "a"),
        (["a", "b", "gone"], "c", "b"),
        (["a", "b"], "never closed", "b"),
    ],
)
def test_the_target_is_the_newest_before_that_was_not_left(
    parts: SimpleNamespace, tmp_path: Path, closed: list[str], current: str, chosen: str
) -> None:
    class Told(parts.host.Host):  # type: ignore[misc, name-defined]
        def closed(self) -> list[dict[str, Any]]:
            return [{"release": n.strip("-"), "left": n.endswith("-")} for n in closed]

        def current(self) -> str:
            return current

        def manifest(self, release: str) -> Any:
            return {"standby": True} if release not in ("", "gone") else None

    host = Told(str(tmp_path))
    assert parts.standby.target(host) == chosen
    assert parts.standby.standby(host) == (chosen if current else "")


def test_a_host_alone_is_armed_by_its_switch(three: Rig) -> None:
    """Its operator is lost right after that: it goes on, as a rollback does."""
    session = three.begin(kind="rollback", lease=2.0)
    session.call("check", LONG, release="two")
    three.switch(session, "two", "forward")
    session.close()
    until(lambda: three.events()[-1] == "closed")
    assert three.current == "two"
