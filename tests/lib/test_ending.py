"""How a run ended, in words."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.lib import ending
from tasks.lib.session import Lost


def lost(outcome: str = "", current: str = "", **more: Any) -> Lost:
    said = {"outcome": outcome, "current": current, **more} if outcome else {}
    return Lost("it can't be reached", said)


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        pytest.param({"a": lost("aborted", "r1")}, "a still serves r1.", id="aborted"),
        pytest.param({"a": lost("aborted")}, "a serves nothing, as before.", id="aborted first"),
        pytest.param({"a": lost("reverted", "r1")}, "a went back to r1.", id="reverted"),
        pytest.param(
            {"a": lost("reverted")},
            "a serves nothing, because there was nothing to go back to.",
            id="reverted first",
        ),
        pytest.param({"a": lost("closed", "r2")}, "a went on to r2.", id="forward"),
        pytest.param({"a": lost("kept", "r2")}, "a went on to r2.", id="kept"),
        pytest.param({"a": lost("none", "r1")}, "a still serves r1.", id="nothing was pending"),
        pytest.param(
            {"a": lost("stuck", "r2", error="r1 ended before it answered")},
            "a stays on r2: r1 ended before it answered.",
            id="stuck",
        ),
        pytest.param(
            {"a": lost("stuck", "r2")},
            "a stays on r2: there was no healthy release to go to.",
            id="stuck without a reason",
        ),
        pytest.param(
            {"a": lost()},
            "a did not answer (it can't be reached) and settles by itself within its lease.",
            id="no answer",
        ),
        pytest.param(
            {"a": lost("reverted", "r1"), "b": lost("reverted", "r1")},
            "Every host went back to r1.",
            id="all the same",
        ),
        pytest.param(
            {
                "a": lost("reverted", "r1"),
                "b": lost("stuck", "r2", error="no"),
                "c": lost("reverted", "r1"),
            },
            "a, c went back to r1; b stays on r2: no.",
            id="grouped",
        ),
    ],
)
def test_says_what_state_the_hosts_are_in(ended: dict[str, Lost], said: str) -> None:
    assert ending.states(ended) == said


def test_tells_each_hosts_outcome() -> None:
    told = ending.hosts({"a": lost("stuck", "r2", error="no", report={"log": []}), "b": lost()})
    assert told == {
        "a": {"outcome": "stuck", "current": "r2", "error": "no"},
        "b": {"outcome": "unknown"},
    }


@pytest.mark.parametrize(
    ("outcomes", "back"),
    [(["aborted"], False), (["reverted"], True), (["stuck", "reverted"], True), ([""], False)],
)
def test_one_host_that_went_back_is_told(outcomes: list[str], back: bool) -> None:
    assert ending.reverted({str(at): lost(name) for at, name in enumerate(outcomes)}) is back


def test_reports_load_memory_disk_and_the_last_lines() -> None:
    seen = {
        "load": [1.5, 1.0, 0.5],
        "memory_available": 2 << 30,
        "disk_free": 5 << 20,
        "log": ["one", "two"],
    }
    told = ending.report({"a": lost("aborted", report=seen), "b": lost()})
    assert told == "a: load 1.50, memory free 2048 MiB, disk free 5 MiB\n  one\n  two"


def test_reports_what_a_host_can_not_say() -> None:
    seen = {"load": [0.0, 0.0, 0.0], "memory_available": None, "disk_free": 0, "log": []}
    assert "memory free ?" in ending.report({"a": lost("aborted", report=seen)})
