"""Journals as runs: what counts as a deployment, how it ended, and whether users had it."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.lib.scorecard.runs import CLOSED, FAILED, Run, left, read

AT = "2026-03-01T10:00:%02d.500Z"
TEN = 1772359200.0  # 10:00:00 of that day


def line(event: str, second: int, run: str = "a", kind: str = "deploy", **more: Any) -> Any:
    said = {"v": 1, "run": run, "kind": kind, "event": event, "at": AT % second, "release": run}
    return said | {"version": "v1", "commit": "c" * 40, "from": "old"} | more


def own(run: str, outcome: str, *hosts: str, phase: str = "deploy", **more: Any) -> Any:
    by = {str(n): {"outcome": each} for n, each in enumerate(hosts)}
    said = {"run": run, "environment": "live", "release": run, "hosts": by} | more
    return {"phase": phase, "outcome": outcome, "at": AT % 9, "detail": said}


def one(*lines: Any, **more: Any) -> Run:
    (found,) = read({"one": lines, **more}, [], "live")
    return found


@pytest.mark.parametrize(
    "events, outcome, seen, back",
    [
        pytest.param(["switched", "closed"], CLOSED, True, False, id="closed"),
        pytest.param(["closed"], CLOSED, True, False, id="a journal that begins with its end"),
        pytest.param(["aborted"], FAILED, False, False, id="does not start"),
        pytest.param(["switched", "reverted"], FAILED, True, True, id="taken back"),
        pytest.param(["reverted"], FAILED, False, True, id="taken back before the switch"),
        pytest.param(["switched", "stuck"], FAILED, True, False, id="could not go back"),
        pytest.param(["switched", "kept"], FAILED, True, False, id="may not go back"),
    ],
)
def test_how_a_deployment_ended(events: list[str], outcome: str, seen: bool, back: bool) -> None:
    found = one(*(line(event, n) for n, event in enumerate(events)))
    assert (found.outcome, found.seen, found.back) == (outcome, seen, back)
    assert found.ended == TEN + len(events) - 0.5


def test_what_is_under_way_is_no_deployment_yet() -> None:
    assert read({"one": [line("switched", 1)]}, [], "live") == []
    both = {"one": [line("closed", 1)], "two": [line("switched", 1)]}
    assert read(both, [], "live") == []


def test_what_is_neither_deploy_nor_rollback_is_none() -> None:
    lines = [line("environment", 1, kind="environment"), line("caught-up", 2, kind="rollback")]
    assert read({"one": [*lines, {"event": "unreadable", "at": AT % 3}]}, [], "live") == []


def test_a_deploy_wants_every_host_and_a_rollback_goes_on_with_those_that_answer() -> None:
    kinds = {}
    for kind in ("deploy", "rollback"):
        lines = {n: [line(e, 1, kind=kind)] for n, e in (("one", "closed"), ("two", "reverted"))}
        kinds[kind] = read(lines, [], "live")[0].outcome
    assert kinds == {"deploy": FAILED, "rollback": CLOSED}


def test_its_times_are_those_that_were_written_down() -> None:
    end = line("closed", 7, begun=AT % 1, verified=AT % 4, watched=2.5)
    found = one(line("switched", 3, begun=AT % 1), end)
    assert (found.begun, found.switched, found.verified) == (TEN + 1.5, TEN + 3.5, TEN + 4.5)
    assert (found.watched, found.ended, found.before) == (2.5, TEN + 7.5, "old")
    old = one(line("switched", 3), line("closed", 7, verified="yesterday", watched="long"))
    assert (old.begun, old.verified, old.watched) == (None, None, None)
    assert read({"one": [line("closed", 1) | {"at": "never"}]}, [], "live") == []


def test_where_no_host_answers_it_is_as_the_operator_wrote_it() -> None:
    entries = [
        own("good", "closed", "closed", "closed", verified=AT % 5),
        own("bad", "troubled", "aborted"),
        own("back", "troubled", "reverted", "none", switched=AT % 2),
        own("half", "troubled", "closed", "unknown"),
        own("begun", "troubled", "none"),
        own("refused", "refused", "none"),
        own("undone", "troubled", "closed", "absent", phase="rollback"),
        own("other", "closed", "closed") | {"phase": "test"},
        own("elsewhere", "closed", "closed", environment="staging"),
        {"phase": "deploy", "outcome": "troubled", "at": AT % 1, "detail": {"bug": "KeyError"}},
        {"phase": "deploy", "outcome": "troubled", "at": AT % 1, "detail": None},
    ]
    found = {run.run: run for run in read({}, entries, "live")}
    assert {name: (run.outcome, run.seen, run.back) for name, run in found.items()} == {
        "good": (CLOSED, True, False),
        "bad": (FAILED, False, False),
        "back": (FAILED, True, True),
        "half": (FAILED, True, False),
        "undone": (CLOSED, True, False),
    }
    assert found["good"].verified == TEN + 5.5 and found["back"].switched == TEN + 2.5


def test_a_host_knows_better_and_the_operator_knows_more() -> None:
    entries = [
        own("a", "troubled", "unknown", begun=AT % 1, verified=AT % 2),
        own("gone", "closed", "closed"),
    ]
    by = {run.run: run for run in read({"one": [line("closed", 3)]}, entries, "live")}
    assert set(by) == {"a", "gone"}
    assert by["a"].outcome == CLOSED and by["a"].ended == TEN + 3.5
    assert (by["a"].begun, by["a"].verified) == (TEN + 1.5, TEN + 2.5)


def test_the_deployment_that_was_live_is_the_one_that_was_rolled_back() -> None:
    lines = [
        line("closed", 1, "r1"),
        line("closed", 2, "r2"),
        line("closed", 3, "r3"),
        line("closed", 4, "b1", "rollback", release="r1", **{"from": "r3"}),
        line("closed", 5, "b2", "rollback", release="r1", **{"from": ""}),
        line("closed", 6, "r4"),
        line("reverted", 7, "b3", "rollback", release="r2", **{"from": "r4"}),
    ]
    gone = left(read({"one": lines}, [], "live"))
    assert {deployed: by.run for deployed, by in gone.items()} == {"r3": "b1"}
