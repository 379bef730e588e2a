"""Processes beside the web one: they follow `current`, and no two of a name ever run at once."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from tests.support.rig import LONG, SUPPORT, Rig, until
from tests.scripts.agent.test_agent_settle import boot, stop_everything

SCHEDULER = (SUPPORT / "scheduler.py").read_text()


def about(rig: Rig, ends: float = 0.0, **more: Any) -> dict[str, Any]:
    """What a release with a scheduler is staged with; `ends`: seconds that its end takes."""
    processes = {
        "web": "python app.py {socket}",
        "scheduler": f"python scheduler.py '{rig.base}/stamps' {ends:g}",
    }
    return {"processes": processes, "files": {"scheduler.py": SCHEDULER}, **more}


def stamps(rig: Rig) -> list[str]:
    """What the schedulers said, without their pids; never that two ran."""
    place = rig.base / "stamps"
    said = place.read_text().splitlines() if place.exists() else []
    assert not [line for line in said if line.startswith("OVERLAP")], said
    return [line.rpartition(" ")[0] for line in said]


def schedulers(rig: Rig) -> list[psutil.Process]:
    found = []
    for each in rig.processes():
        with contextlib.suppress(psutil.Error):  # it has ended meanwhile
            found += [each] if "scheduler.py" in each.cmdline() else []
    return found


def begun(rig: Rig, release: str) -> None:
    """Wait until the release's scheduler is the one that runs."""

    def alone() -> bool:
        last = ["", *stamps(rig)][-1]
        return last == f"begin {release}" and len(schedulers(rig)) == 1

    until(alone, f"{release}: {stamps(rig)}")


def switched(rig: Rig, release: str, **more: Any) -> Any:
    """A run that has just switched; nothing has been waited for."""
    session = rig.begin()
    rig.stage(session, release, **about(rig, **more))
    session.call("start", LONG, release=release)
    rig.switch(session, release)
    return session


def verify(session: Any) -> Any:
    return session.call("verify", LONG, front="unused", requests=[], limit=5.0)


def test_each_follows_its_release_and_waits_for_the_end_of_the_one_before(rig: Rig) -> None:
    for release in ("one", "two"):
        rig.deploy(release, **about(rig, ends=0.5))
    begun(rig, "two")
    assert stamps(rig) == ["begin one", "end one", "begin two"]
    assert "begin" not in (rig.root / "releases" / "two" / "run" / "scheduler.log").read_text()


def test_the_web_waits_for_none_of_it(rig: Rig) -> None:
    rig.deploy("one", **about(rig, ends=3.0))
    begun(rig, "one")
    session = switched(rig, "two")
    assert rig.current == "two" and rig.healthy("two")
    assert stamps(rig) == ["begin one"]  # which is still about to end
    verify(session)
    assert stamps(rig) == ["begin one", "end one", "begin two"]
    session.leave("it turned out bad", limit=LONG)
    begun(rig, "one")


def test_going_back_does_not_wait_for_it_either(rig: Rig) -> None:
    rig.deploy("one", **about(rig, ends=3.0))
    begun(rig, "one")
    session = switched(rig, "two")
    leaving = threading.Thread(target=session.leave, args=("at once", "", LONG))
    leaving.start()
    until(lambda: rig.current == "one")
    assert stamps(rig) == ["begin one"]
    leaving.join()
    begun(rig, "one")
    assert stamps(rig) == ["begin one", "end one", "begin one"]  # two's had no time to begin


def test_one_that_does_not_heed_term_is_killed_at_its_own_limit(rig: Rig) -> None:
    rig.deploy("one", **about(rig, ends=60.0, drain=1.0))
    begun(rig, "one")
    rig.deploy("two", **about(rig, drain=50.0))
    begun(rig, "two")
    assert stamps(rig) == ["begin one", "begin two"]


def test_one_that_ends_right_after_its_start_is_told_and_the_host_goes_back(rig: Rig) -> None:
    rig.deploy("one", **about(rig))
    session = rig.begin()
    broken = "raise SystemExit('this worker lacks its queue')"
    rig.stage(session, "two", **{**about(rig), "files": {"scheduler.py": broken}})
    session.call("start", LONG, release="two")
    rig.switch(session, "two")
    with pytest.raises(Exception, match="its process scheduler ended right after") as failed:
        verify(session)
    assert "this worker lacks its queue" in failed.value.evidence  # type: ignore[attr-defined]
    session.leave("verify failed", limit=LONG)
    assert rig.current == "one"
    begun(rig, "one")


def test_a_command_that_is_not_there_is_told_too(rig: Rig) -> None:
    session = rig.begin()
    rig.stage(session, "one", processes={"web": "python app.py {socket}", "worker": "no-such-word"})
    session.call("start", LONG, release="one")
    rig.switch(session, "one")
    with pytest.raises(Exception, match="its process worker ended right after its start") as failed:
        verify(session)
    assert "no-such-word" in failed.value.evidence  # type: ignore[attr-defined]


def test_a_lost_operator_does_not_hold_up_the_way_back(rig: Rig) -> None:
    rig.deploy("one", **about(rig, ends=4.0))
    begun(rig, "one")
    session = switched(rig, "two")
    verifying = threading.Thread(target=lambda: _quietly(lambda: verify(session)))
    verifying.start()
    time.sleep(0.3)
    session.leave("Ctrl-C", limit=LONG)
    assert rig.current == "one"
    verifying.join()
    begun(rig, "one")


def _quietly(act: Callable[[], Any]) -> None:
    try:
        act()
    except Exception as error:
        print(error)


@pytest.mark.parametrize("who", ["run", "run and guard", "everything"])
@pytest.mark.parametrize("after", [0.0, 0.1, 0.3, 0.6, 1.0])
def test_killed_while_they_change_places_one_of_them_runs_and_never_two(
    rig: Rig, who: str, after: float
) -> None:
    rig.deploy("one", **about(rig, ends=0.4))
    begun(rig, "one")
    switched(rig, "two")
    time.sleep(after)
    holders = rig.holders()
    if who == "everything":  # the power is cut
        stop_everything(rig)
    else:
        ids = {each.pid for each in holders}
        for each in holders:
            if who == "run and guard" or each.ppid() in ids:
                each.kill()
    if who != "run":
        boot(rig)
    until(lambda: rig.current == "one" and rig.ask("facts")["lock"] is None)
    begun(rig, "one")
    rig.deploy("three", **about(rig))
    begun(rig, "three")
    assert rig.ask("facts")["running"]["three"] == ["web", "scheduler"]


def test_one_that_nobody_has_waited_for_yet_begins_for_no_release_that_was_left(rig: Rig) -> None:
    """As when a run is killed right when it has started one."""
    for release in ("one", "two"):
        rig.deploy(release, **about(rig))
    begun(rig, "two")
    until(lambda: set(rig.ask("facts")["running"]) == {"two"})  # nobody stops what is left of one
    argv = ("serve", str(rig.root), "one", "scheduler")
    schedulers(rig)[0].suspend()
    try:
        done = rig.agent(*argv)
        assert done.returncode == 1 and "another scheduler still runs" in done.stderr
    finally:
        schedulers(rig)[0].resume()
    os.killpg(rig.pid("two", "scheduler"), signal.SIGKILL)
    until(lambda: not schedulers(rig))
    done = rig.agent(*argv)
    assert done.stderr == "one is not current, so its scheduler does not start\n"
    assert stamps(rig)[-1] == "begin two"


def test_what_one_left_behind_keeps_its_name(rig: Rig) -> None:
    """A child of it that goes on working is as bad as itself."""
    leaver = "import os, time\nif os.fork() == 0: os.setsid(); time.sleep(1000)\ntime.sleep(2)"
    rig.deploy("one", **{**about(rig), "files": {"scheduler.py": leaver}})
    until(lambda: len(schedulers(rig)) == 1 and not rig.ask("facts")["down"] == [])
    session = switched(rig, "two")
    with pytest.raises(Exception, match="its process scheduler ended") as failed:
        verify(session)
    assert "another scheduler still runs (process " in str(vars(failed.value))


def test_one_that_ends_soon_waits_longer_each_time(
    parts: SimpleNamespace, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.deploy("one")
    service = parts.service.Service(parts.host.Host(str(rig.root)), "process")
    now, slept = [1000.0], list[float]()
    clock = SimpleNamespace(monotonic=lambda: now[0], sleep=slept.append)
    monkeypatch.setattr(parts.beside, "time", clock)
    handles: list[int] = []
    lock = parts.beside._lock

    def kept(*words: Any) -> int:
        handles.append(lock(*words))
        return handles[-1]

    monkeypatch.setattr(parts.beside, "_lock", kept)

    def enters(after: float) -> float:
        now[0] += after
        parts.beside.enter(service, "one", "worker")
        os.close(handles[-1])
        return float(slept[-1])

    assert [enters(2.0) for _ in range(4)] == [0, 1, 3, 7]
    assert [enters(2.0) for _ in range(5)] == [15, 31, 60, 60, 60]
    assert enters(95.0) == 0  # it has lived for long
    (rig.root / "run" / "beside-worker").write_text("[]")
    assert enters(1.0) == 0
    (rig.root / "releases" / "one" / "run" / "worker.json").unlink()


def test_boot_starts_them_also_where_the_web_is_not_healthy_yet(rig: Rig) -> None:
    rig.deploy("one", **about(rig, start=1.0))
    begun(rig, "one")
    (rig.root / "releases" / "one" / "BEHAVIOUR").write_text("unhealthy")
    stop_everything(rig)
    boot(rig)
    until(lambda: stamps(rig) == ["begin one", "begin one"])


def test_one_that_was_told_to_end_is_waited_for_and_started_again(rig: Rig) -> None:
    """As after a run that was killed right when it had told it."""
    rig.deploy("one", **about(rig, ends=1.0))
    begun(rig, "one")
    record = rig.root / "releases" / "one" / "run" / "scheduler.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "ending": True}))
    schedulers(rig)[0].terminate()
    boot(rig)
    until(lambda: stamps(rig) == ["begin one", "end one", "begin one"])


def test_with_overlap_drain_the_order_is_the_same(rig: Rig) -> None:
    rig.deploy("one", **about(rig, ends=0.5))
    session = switched(rig, "two")
    verify(session)
    session.call("drain", LONG)
    assert set(session.call("facts", LONG)["running"]) == {"two"}
    session.leave("it turned out bad", limit=LONG)
    begun(rig, "one")
    assert stamps(rig) == ["begin one", "end one", "begin two", "end two", "begin one"]


def test_a_host_that_can_go_nowhere_keeps_those_of_what_stays(rig: Rig) -> None:
    rig.deploy("one", **about(rig))
    session = switched(rig, "two")
    verify(session)
    (rig.root / "releases" / "one" / "app.py").write_text("raise SystemExit('broken')")
    os.killpg(rig.pid("one"), signal.SIGKILL)
    os.killpg(rig.pid("two", "scheduler"), signal.SIGKILL)  # as killed between stop and start
    for each in rig.holders():
        each.kill()
    boot(rig)
    assert rig.current == "two" and rig.events()[-1] == "stuck"
    begun(rig, "two")


def test_facts_say_what_does_not_run(rig: Rig) -> None:
    rig.deploy("one", **about(rig))
    assert rig.ask("facts")["down"] == []
    os.killpg(rig.pid("one", "scheduler"), signal.SIGKILL)
    until(lambda: rig.ask("facts")["down"] == ["scheduler"])
