"""The service's hooks and its other processes: where and when they run, and when they fail."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import psutil
import pytest

from tests.support.project import SERVICE, Project

Make = Callable[..., Project]

# Each says where it is, for which release, and what was live at that time.
SAY = (
    """sh -c 'echo {} $RELEASE_ID $(basename "$(readlink ../../current)") >> ../../hooks.log {}'"""
)
NAMES = ("build", "backup", "before_start", "after_switch", "after_close", "before_rollback")
HOOKS = {name: SAY.format(name, "") for name in NAMES}
HOOKS["backup"] = SAY.format("backup", "; echo dumped; echo backup-17.sql")


def said(project: Project, number: int = 1) -> list[list[str]]:
    """What the hooks wrote on a host since the last time."""
    log = project.host(number) / "hooks.log"
    lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    log.unlink(missing_ok=True)
    return lines


@pytest.fixture(scope="module")
def two(lasting: Make) -> Project:
    return lasting(hosts=2, service={"hooks": HOOKS})


def test_hooks_run_where_and_when_they_should(two: Project) -> None:
    first = two.document("deploy")["detail"]["release"]
    assert said(two, 1) == [
        ["build", first],
        ["backup", first],
        ["before_start", first],
        ["after_switch", first, first],
        ["after_close", first, first],
    ]
    assert said(two, 2) == [["build", first]]
    detail = two.document("deploy")["detail"]
    second = detail["release"]
    assert said(two, 1) == [
        ["build", second, first],
        ["backup", second, first],
        ["before_start", second, first],
        ["after_switch", second, second],
        ["after_close", second, second],
    ]
    assert said(two, 2) == [["build", second, first]]
    assert detail["backup"] == "backup-17.sql" and detail["migrated"] is True
    assert two.journal(2)[-1]["backup"] == "backup-17.sql"


def test_a_rollback_over_a_migration_takes_it_back_or_is_refused(two: Project) -> None:
    before = two.current()
    two.configure(hooks={**HOOKS, "before_rollback": ""})
    told = two.document("rollback", "--env=sandbox", code=2)
    assert told["error"]["kind"] == "schema"
    assert "before_start ran since" in told["error"]["message"]
    assert "backup-17.sql" in told["error"]["message"]
    assert "inv rollback --env=sandbox --keep-schema" in told["error"]["message"]
    assert told["troubleshooting"][0]["issue"] == "The database's schema does not fit"
    assert two.current() == before and not said(two)

    two.configure(hooks={**HOOKS, "before_rollback": "sh -c 'echo no such table; exit 4'"})
    told = two.document("rollback", "--env=sandbox", code=1)
    assert told["error"]["kind"] == "hook"
    assert "no such table" in told["error"]["evidence"]
    assert two.current(1) == two.current(2) == before

    two.configure(hooks=HOOKS)
    done = two.inv("rollback", "--env=sandbox", "--json")
    target = json.loads(done.stdout)["detail"]["to"]
    assert "backups: main: backup-17.sql" in done.stderr
    # It runs where the newer release still is: that is the code that knows the newer schema.
    assert said(two) == [["before_rollback", before, before]] and not said(two, 2)
    assert two.current(1) == two.current(2) == target != before


def test_a_rollback_can_keep_the_schema(two: Project) -> None:
    two.document("deploy")
    said(two)
    assert two.document("rollback", "--env=sandbox", "--keep-schema")["outcome"] == "closed"
    assert not said(two)


@pytest.mark.parametrize("name", ["build", "backup", "before_start", "after_switch"])
@pytest.mark.parametrize("way", ["fails", "hangs"])
def test_a_hook_that_does_not_succeed_leaves_what_was_live(
    two: Project, name: str, way: str
) -> None:
    before = two.current()
    fails = way == "fails"
    command = "sh -c 'echo some words; exit 3'" if fails else "sh -c 'echo some words; sleep 600'"
    two.configure(hooks={name: command}, limits={**SERVICE["limits"], "hook": "1s"})
    told = two.document("deploy", code=1)
    assert told["error"]["kind"] == "hook"
    wanted = "ended with 3" if fails else "ran past its limit and was ended"
    assert f"the {name} hook {wanted}" in told["error"]["message"]
    assert "some words" in told["error"]["evidence"]
    assert told["detail"]["reverted"] is (name == "after_switch")
    assert two.current(1) == two.current(2) == before
    assert "sleep 600" not in " ".join(running(two))
    assert "The deployment fails" in [row["issue"] for row in told["troubleshooting"]]


def test_a_last_hook_that_fails_is_told_and_changes_nothing(two: Project) -> None:
    two.configure(hooks={"after_close": "sh -c 'echo some words; exit 3'"})
    done = two.inv("deploy", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["detail"]["release"] == two.current()
    assert "host1: the after_close hook ended with 3" in done.stderr
    assert "some words" in done.stderr


def test_a_command_that_is_not_there_is_named(two: Project) -> None:
    two.configure(hooks={"build": "no-such-command --now"})
    told = two.document("deploy", code=1)
    assert "no-such-command" in told["error"]["message"]
    two.configure(hooks={}, run="no-such-command {socket}")
    told = two.document("deploy", code=1)
    assert "no-such-command can't be run" in told["error"]["message"]
    two.configure(run=SERVICE["run"])


WORKER = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
while True:
    time.sleep(0.1)
"""


def running(project: Project, number: int = 1) -> list[str]:
    """The command lines of what runs on a host."""
    place = str(project.host(number).parent)
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("CIRCLE_SANDBOX") == place:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            pass
    return found


def workers(project: Project) -> list[str]:
    """The releases whose worker runs, by the directory in which it does."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        try:
            if "worker.py" in " ".join(process.info["cmdline"] or []):
                place = process.cwd()
                if place.startswith(str(project.root)):
                    found.append(place.rpartition("/")[2])
        except psutil.Error:
            pass
    return found


def test_a_worker_follows_the_switch_there_and_back(make: Make) -> None:
    project = make(service={"processes": {"worker": "python worker.py"}})
    project.commit("with a worker", **{"worker.py": WORKER})
    first = project.document("deploy")["detail"]["release"]
    assert workers(project) == [first]
    second = project.document("deploy")["detail"]["release"]
    assert workers(project) == [second]
    project.commit("bad", "errors=1 good=1")
    project.document("deploy", "--watch=5s", code=1)
    assert workers(project) == [second] == [project.current()]
    project.document("rollback", "--env=sandbox")
    assert workers(project) == [first]
    # One that can't be started is a failed switch.
    project.configure(processes={"worker": "no-such-worker"})
    told = project.document("deploy", code=1)
    assert "its process worker ended right after its start" in told["error"]["message"]
    assert "no-such-worker" in told["error"]["evidence"]
    assert project.current() == first
    deadline = time.monotonic() + 30
    while workers(project) != [first] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert workers(project) == [first]
