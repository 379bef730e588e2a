"""Commands that a run waits for: hooks, bounded in time and output, and what they leave behind."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tasks.lib.session import HostError, Session
from tests.support.rig import LONG, Rig, until


def hook(session: Session, command: str, **more: Any) -> Any:
    words = {"name": "test", "release": "one", "limit": LONG, **more}
    return session.call("hook", LONG, command=command, **words)


@pytest.fixture
def live(rig: Rig) -> Session:
    """A run on a host on which a release is live."""
    rig.deploy("one")
    return rig.begin()


def test_a_command_is_given_to_no_shell(rig: Rig, live: Session) -> None:
    said = hook(live, "echo '$(touch x)' `touch y` ; touch z | a && b > c")["output"]
    assert said == "$(touch x) `touch y` ; touch z | a && b > c\n"
    assert not list((rig.root / "releases" / "one").glob("[xyzc]"))


def test_it_runs_in_the_release_with_its_environment(rig: Rig, live: Session) -> None:
    words = "echo $RELEASE_ID $SOCKET $PWD"
    said = hook(live, f"sh -c '{words}'")["output"]
    assert said == f"one run/app.sock {rig.root}/releases/one\n"


def test_a_release_from_before_is_not_told_where_it_runs(rig: Rig, live: Session) -> None:
    asked = "sh -c 'echo ${ENVIRONMENT-none} ${HOST_NAME-none}'"
    assert hook(live, asked)["output"] == "test one\n"
    place = rig.root / "releases" / "one" / ".release.json"
    before = json.loads(place.read_text())
    del before["environment"], before["host"]
    place.write_text(json.dumps(before))
    assert hook(live, asked)["output"] == "none none\n"


@pytest.mark.parametrize(
    "command, message",
    [
        ("sh -c 'echo no; exit 7'", "the test hook ended with 7"),
        ("sh -c 'kill -9 $$'", "the test hook ended with -9"),
        ("no-such-command", "the test hook can't be run: no-such-command"),
        ("'unbalanced", "is no command"),
        ("", "an empty command"),
    ],
)
def test_a_command_that_fails_is_told(live: Session, command: str, message: str) -> None:
    with pytest.raises(HostError, match=message) as error:
        hook(live, command)
    assert error.value.evidence in ("no\n", "")
    assert live.call("facts", LONG)["current"] == "one"


def test_a_command_past_its_limit_is_ended_with_all_of_its_group(rig: Rig, live: Session) -> None:
    begun = time.monotonic()
    with pytest.raises(HostError, match="ran past its limit"):
        hook(live, "sh -c 'echo begun; trap \"\" TERM; sleep 500 & sleep 500'", limit=1.0)
    assert time.monotonic() - begun < LONG
    until(lambda: not rig.processes("sleep"))


@pytest.mark.parametrize("letter", ["x", "\\xe4", "\\U0001F525", "\\0"])
def test_a_megabyte_of_output_is_bounded_and_its_end_is_kept(live: Session, letter: str) -> None:
    code = f"print('{letter}' * 2000000); print('the end')"
    said = hook(live, f'python -c "{code}"')["output"]
    assert said.endswith("the end\n") and len(said) <= 4000


def test_half_a_secret_is_not_shown_where_output_is_cut(rig: Rig) -> None:
    secret = "s3cr3t-" * 40
    rig.ask("push", blob=[f'SECRET="{secret}"\n'.encode()], rotated=[], who="t", run="p")
    rig.deploy("one")
    session = rig.begin()
    code = "import os; print((os.environ['SECRET'] + chr(10)) * 999); raise SystemExit(1)"
    with pytest.raises(HostError) as error:
        hook(session, f'python -c "{code}"')
    assert "s3cr3t" not in error.value.evidence and "***" in error.value.evidence


def test_a_grandchild_that_keeps_the_pipe_is_not_waited_for(rig: Rig, live: Session) -> None:
    begun = time.monotonic()
    assert hook(live, "sh -c 'setsid --fork sleep 400; echo mine'")["output"] == "mine\n"
    assert time.monotonic() - begun < 30
    assert rig.processes("sleep")


def test_what_a_command_leaves_behind_keeps_the_lock(rig: Rig, live: Session) -> None:
    hook(live, "setsid --fork sleep 400")
    live.leave("the operator is done", limit=LONG)
    until(lambda: not [p for p in rig.holders() if p.name() != "sleep"])
    told = rig.ask("facts")["lock"]
    (process,) = rig.holders()
    assert told["run"] == live._hello["run"]
    assert told["doing"] == f"over, but process {process.pid} (sleep) of it still runs"
    for process in rig.holders():
        process.kill()
    rig.unlocked()
    rig.begin()


def test_a_migration_is_ended_by_its_own_limit_only(rig: Rig) -> None:
    rig.deploy("one")
    session = rig.begin(lease=1.0)
    command = "sh -c 'sleep 3; touch ../../done'"
    words = {"name": "before_start", "release": "one", "limit": LONG, "stoppable": False}
    session._number += 1
    session._send({"n": session._number, "do": "hook", "command": command, **words}, None)
    session._drop()
    rig.unlocked()
    assert (rig.root / "done").exists()


@pytest.mark.parametrize("stoppable", [True, False])
def test_the_guard_ends_a_killed_runs_command_as_the_run_would_have(
    rig: Rig, live: Session, stoppable: bool
) -> None:
    command = "sh -c 'touch ../../begun; sleep 3; touch ../../done'"
    words = {"name": "x", "release": "one", "limit": LONG, "stoppable": stoppable}
    live._send({"n": 1, "do": "hook", "command": command, **words}, None)
    until(lambda: (rig.root / "begun").exists())
    agents = [p for p in rig.holders() if p.name() not in ("sh", "sleep")]
    max(agents, key=lambda process: process.pid).kill()
    rig.unlocked()
    assert (rig.root / "done").exists() is not stoppable


def test_a_build_that_fails_leaves_nothing_of_the_release(rig: Rig) -> None:
    session = rig.begin()
    with pytest.raises(HostError, match="the build hook ended with 1"):
        rig.stage(session, "one", build="python -c 'raise SystemExit(1)'")
    assert not list((rig.root / "releases").iterdir())


def test_what_a_build_makes_is_part_of_the_release(rig: Rig) -> None:
    rig.deploy("one", build="sh -c 'echo built > made'")
    assert (rig.root / "releases/one/made").read_text() == "built\n"
    (rig.root / "releases/one/made").write_text("changed")
    assert rig.ask("check", release="one")["damage"] == "made"
