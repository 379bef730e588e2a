from __future__ import annotations

from typing import Any

import pytest

from tasks.lib.incident import case as cases
from tasks.lib.incident.case import Case
from tasks.lib.moment import iso, unix

OLD, BAD = "20261125T100000Z-v1-aaaaaaa", "20261125T110000Z-v2-bbbbbbb"
NOON = unix("2026-11-25T12:00:00Z")


def line(
    phase: str, outcome: str, at: float = NOON, left: str = "", **detail: Any
) -> dict[str, Any]:
    detail = {"environment": "production", "from": left, **detail}
    return {"phase": phase, "outcome": outcome, "at": iso(at), "who": "me", "detail": detail}


BACK = line("rollback", "closed", release=OLD, left=BAD, reason="broken")
TAKEN = line(
    "deploy",
    "troubled",
    release=BAD,
    left=OLD,
    reverted=True,
    steps={"stage": 9.0, "switch": 1.0, "verify": 2.0, "watch": 30.0},
    watch={"samples": 40, "error_ratio": 0.5},
    error="it failed at watch",
)


@pytest.mark.parametrize(
    ("entry", "is_one"),
    [
        pytest.param(BACK, True, id="rollback"),
        pytest.param({**BACK, "outcome": "troubled"}, True, id="rollback in trouble"),
        pytest.param({**BACK, "outcome": "refused"}, False, id="refused"),
        pytest.param(line("rollback", "troubled"), False, id="nothing done"),
        pytest.param(TAKEN, True, id="taken back"),
        pytest.param(line("deploy", "troubled", release=BAD, reverted=False), False, id="unseen"),
        pytest.param(line("deploy", "closed", release=BAD), False, id="well"),
        pytest.param({"phase": "deploy", "detail": "garbled"}, False, id="garbled"),
    ],
)
def test_what_somebody_has_to_write_down(entry: dict[str, Any], is_one: bool) -> None:
    assert cases.troubled(entry) is is_one


def test_a_rollback_leaves_what_was_live_and_a_deploy_that_is_taken_back_itself() -> None:
    found = cases.journalled([BACK, line("deploy", "closed", release=OLD)], "production")
    assert found == Case("rollback", NOON, BAD, OLD, None, "me", "broken")
    assert found.done and cases.journalled([BACK], "staging") is None
    found = cases.journalled([BACK, TAKEN], "production")
    assert found is not None and (found.kind, found.left, found.back) == ("deploy", BAD, OLD)
    assert found.since == NOON - 33 and found.watch["samples"] == 40
    assert found.why == "it failed at watch"
    odd = {**TAKEN["detail"], "steps": 5, "watch": [1], "hosts": {"a": 1}}
    found = cases.journalled([{**TAKEN, "detail": odd}], "production")
    assert found is not None and (found.since, found.watch) == (NOON, {})


def test_of_a_rollback_what_the_watch_of_the_deploy_measured_counts_not_its_own() -> None:
    deployed = line("deploy", "closed", release=BAD, watch={"samples": 5})
    after = {**BACK, "detail": {**BACK["detail"], "watch": {"samples": 9}}}
    found = cases.journalled([deployed, after], "production")
    assert found is not None and found.watch == {"samples": 5}


@pytest.mark.parametrize(("outcome", "done"), [("closed", True), ("kept", False)])
def test_a_rollback_in_trouble_is_done_where_a_host_went(outcome: str, done: bool) -> None:
    hosts = {"a": {"outcome": outcome}, "b": {"outcome": "absent"}}
    entry = {**BACK, "outcome": "troubled", "detail": {**BACK["detail"], "hosts": hosts}}
    found = cases.journalled([entry], "production")
    assert found is not None and found.done is done
    told = cases.told([run("rollback", outcome, release=OLD)], "production")
    assert told is not None and told.done is done


def run(kind: str, ended: str, at: float = NOON, **said: Any) -> dict[str, Any]:
    return {"kind": kind, "at": iso(at), "outcome": {"a": ended}, "who": "you", **said}


def test_what_hosts_know_counts_where_this_clone_knows_nothing_newer() -> None:
    runs = [
        run("deploy", "closed", release=BAD),
        run("deploy", "reverted", NOON - 60, release=BAD, **{"from": OLD}, why="errors"),
        run("environment", "closed"),
    ]
    theirs = cases.told(runs, "production")
    assert theirs == Case("deploy", NOON - 60, BAD, OLD, None, "you", "", "errors")
    ours = cases.journalled([BACK], "production")
    assert cases.newest(ours, theirs, NOON) == ours  # the same releases: it knows the reason
    other = theirs._replace(left="another", at=NOON + 60)
    assert cases.newest(ours, other, NOON + 90) == other
    assert cases.newest(None, None, NOON) == Case("", NOON)
    assert cases.newest(ours, None, NOON + 25 * 3600).kind == ""
    assert cases.newest(ours, None, NOON + 25 * 3600, NOON - 1) == ours
    assert cases.newest(ours, None, NOON + 9, NOON + 1).kind == ""


def test_when_it_went_live_is_the_newest_run_that_brought_it_else_its_id() -> None:
    found = Case("rollback", NOON, BAD, OLD)
    runs = [
        run("deploy", "closed", NOON - 7200, release=BAD),
        run("rollback", "closed", NOON - 600, release=BAD),
        run("deploy", "closed", NOON + 600, release=BAD),
    ]
    assert cases.dated(found, runs).since == NOON - 600
    watched = line("deploy", "closed", NOON - 300, release=BAD, switched=iso(NOON - 1200))
    assert cases.dated(found, [watched]).since == NOON - 1200
    runs = [run("deploy", "closed", NOON - 300, release=BAD, switched=iso(NOON - 1200))]
    assert cases.dated(found, runs).since == NOON - 1200
    assert cases.dated(found, []).since == NOON - 3600
    assert cases.dated(found._replace(left="odd"), []).since is None
    assert cases.dated(found._replace(since=1.0), runs).since == 1.0


def test_the_commit_of_a_release() -> None:
    whole = "b" * 40
    assert cases.commit(BAD, [{"release": BAD, "commit": whole}]) == whole
    assert cases.commit(BAD, [line("deploy", "closed", release=BAD, commit=whole)]) == whole
    assert cases.commit(BAD, []) == "bbbbbbb"
    assert cases.commit("", [{"release": "", "commit": whole}]) == ""


def test_the_time_that_is_looked_at() -> None:
    found = Case("rollback", NOON, BAD, OLD, NOON - 3600)
    assert cases.window(found, NOON + 5) == (NOON - 4500, NOON + 5)
    assert cases.window(found, NOON + 9000) == (NOON - 4500, NOON + cases.AFTER)
    old = found._replace(since=NOON - 30 * 86400)
    assert cases.window(old, NOON) == (NOON - cases.LONGEST, NOON)
    assert cases.window(Case("", NOON), NOON) == (NOON - cases.LONGEST, NOON)
