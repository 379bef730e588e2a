"""The host's half on every interpreter that is here: a deploy, a second, one that goes back."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

import pytest

from tests.support.rig import LONG, Rig, interpreters, until

PYTHONS = {os.path.basename(path) if "/." in path else "own": path for path in interpreters()}


@pytest.mark.parametrize("python", PYTHONS.values(), ids=PYTHONS)
def test_deploys_close_and_what_is_left_goes_back(
    make_rig: Callable[..., Rig], python: str
) -> None:
    rig = make_rig(python=python, noise="echo Welcome; echo; printf 'no newline'")
    rig.deploy("one")
    rig.deploy("two")
    assert rig.current == "two" and rig.healthy("two")
    until(lambda: not rig.healthy("one"), "the release before was not stopped")
    session = rig.begin(lease=1.0)
    rig.stage(session, "three")
    session.call("start", LONG, release="three")
    rig.switch(session, "three")
    assert rig.current == "three"
    session.leave("the test leaves", limit=LONG)
    assert rig.current == "two" and rig.healthy("two")
    rig.unlocked()
    until(lambda: not rig.healthy("three"), "what was left goes on running")
    assert rig.events() == ["switched", "closed", "switched", "closed", "switched", "reverted"]


def test_modes_let_the_front_in_and_nobody_else(rig: Rig) -> None:
    rig.deploy("one", shared_paths=["uploads"])

    def mode(*parts: str) -> int:
        return stat.S_IMODE(os.stat(rig.root.joinpath(*parts)).st_mode)

    for walked in ("", "releases", "releases/one", "releases/one/run"):
        assert mode(walked) == 0o711, walked
    assert mode("releases", "one", "run", "app.sock") & 0o666 == 0o666
    assert mode("run") == 0o700
    for own in (".env", "run/web.json", "run/claim"):
        assert mode("releases", "one", own) == 0o600, own
    for closed in ("journal.jsonl", "lock", "shared", "releases/one/app.py", "run/agent.py"):
        assert mode(closed) & 0o007 == 0, closed


def test_a_directory_of_the_releases_own_called_run_keeps_the_front_in(rig: Rig) -> None:
    rig.deploy("one", files={"run/notes.txt": "ours"})
    assert stat.S_IMODE(os.stat(rig.root / "releases" / "one" / "run").st_mode) == 0o711


@pytest.mark.parametrize("name", ["run", ".release.json", ".files"])
def test_a_file_that_takes_a_name_of_the_hosts_is_refused(rig: Rig, name: str) -> None:
    session = rig.begin()
    with pytest.raises(Exception, match="a name that is the host's"):
        rig.stage(session, "one", files={name: "mine"})
    assert session.leave("the test leaves", limit=LONG).ended["outcome"] == "aborted"
    assert not (rig.root / "releases" / "one").exists()


def test_the_service_inherits_nothing_of_the_run(rig: Rig) -> None:
    rig.deploy("one")
    fds = f"/proc/{rig.pid('one')}/fd"
    open_files = {os.readlink(f"{fds}/{fd}") for fd in os.listdir(fds)}
    own = str(rig.root / "releases" / "one" / "run" / "web.log")
    kinds = {name.partition(":")[0] for name in open_files - {own, "/dev/null"}}
    assert kinds <= {"socket", "anon_inode"}  # its own listener and its own poll
    assert sum(name.startswith("socket:") for name in open_files) == 1
    assert not [p for p in rig.holders() if p.pid == rig.pid("one")]


def test_a_service_makes_files_that_others_cannot_read(rig: Rig) -> None:
    rig.deploy("one")
    with open(f"/proc/{rig.pid('one')}/status", encoding="ascii") as status:
        umask = next(line.split()[1] for line in status if line.startswith("Umask"))
    assert umask == "0027"


def test_no_zombies_and_no_runs_are_left(rig: Rig) -> None:
    rig.deploy("one")
    rig.deploy("two")
    until(lambda: len(rig.processes()) == 1, "more than the live service is left")
    assert [p.pid for p in rig.processes()] == [rig.pid("two")]


def test_an_answer_that_fits_no_frame_does_not_end_the_run(rig: Rig) -> None:
    rig.deploy("one")
    session = rig.begin()
    flood = "python -c \"print('\\U0001F525' * 100000); raise SystemExit(3)\""
    with pytest.raises(Exception, match="the once hook ended with 3"):
        session.call("hook", LONG, name="once", release="one", command=flood, limit=LONG)
    assert session.call("facts", LONG)["current"] == "one"
