from __future__ import annotations

from typing import Any

import pytest

from tasks.lib.alert.acks import comment
from tasks.lib.alert.episodes import Episode
from tasks.lib.incident import page, timeline
from tasks.lib.incident.timeline import Happened
from tasks.lib.moment import iso, unix
from tasks.lib.telemetry.alertmanager import Matcher, Silence

NOON = unix("2026-11-25T12:00:00Z")


def silence(at: float, text: str) -> Silence:
    matchers = (Matcher("alertname", "HighErrorRatio"),)
    return Silence("1", matchers, at, at + 3600, "ada@laptop", text, "active")


def fired(over: float | None) -> Episode:
    labels = {"alertname": "HighErrorRatio"}
    return Episode("HighErrorRatio", "production", "critical", NOON, over, labels)


def test_an_alert_fires_is_answered_and_is_over() -> None:
    answer = silence(NOON + 60, comment("actionable", "rolling back"))
    found = [*timeline.fired([fired(NOON + 300)], [answer], NOON + 900)]
    assert [(each.at - NOON, each.text, each.by) for each in found] == [
        (0, "alert HighErrorRatio (critical) fired", ""),
        (300, "alert HighErrorRatio (critical) was over after 5m", ""),
        (60, "alert HighErrorRatio was acknowledged (actionable rolling back)", "ada@laptop"),
    ]
    (still,) = timeline.fired([fired(None)], [], NOON + 900)
    assert (still.kind, still.end) == ("alert", NOON + 900)


def line(phase: str, outcome: str = "closed", env: str = "production", **detail: Any) -> Any:
    detail = {"environment": env, **detail}
    return {"phase": phase, "outcome": outcome, "at": iso(NOON), "who": "me", "detail": detail}


@pytest.mark.parametrize(
    ("entry", "hosts", "text"),
    [
        (line("rollback", release="r1", reason="bad"), False, "rollback r1: closed (bad)"),
        (
            line("rollback", release="r", reason="of a@b.invalid"),
            False,
            "rollback r: closed (of a)",
        ),
        (line("monitor.note", text="bob@example.invalid waits"), True, "note: bob waits"),
        (line("rollback", release="r1"), True, ""),
        (line("deploy", "refused", release="r1"), False, ""),
        (
            line("deploy", "troubled", release="r1", error="late"),
            False,
            "deploy r1: troubled (late)",
        ),
        (line("monitor.note", text="slow"), True, "note: slow"),
        (line("monitor", "troubled", error="it is down"), True, "inv monitor: it is down"),
        (line("monitor.note", env="staging", text="slow"), True, ""),
        (line("lint"), True, ""),
        ({**line("monitor.note", text="x"), "at": "garbled"}, True, ""),
        ({"phase": "monitor.note", "detail": []}, True, ""),
    ],
)
def test_of_this_clones_journal_what_is_about_it(entry: Any, hosts: bool, text: str) -> None:
    found = [*timeline.here([entry], "production", hosts)]
    assert [each.text for each in found] == [text] * bool(text)


def test_only_what_lies_within_the_time_is_told_in_its_order() -> None:
    found = [Happened(at, at + 5, "", str(at)) for at in (30.0, 5.0, 10.0, 41.0)]
    assert [each.at for each in timeline.ordered(found, (10, 40))] == [5.0, 10.0, 30.0]


def test_of_who_gave_a_reason_no_address_is_told_but_hosts_are_named() -> None:
    ends = {"deploy@a.example.invalid": "closed", "deploy@b.example.invalid": "kept"}
    run = {"run": "1", "kind": "rollback", "release": "r1", "at": iso(NOON), "outcome": ends}
    (found,) = timeline.on_hosts([{**run, "reason": "bob@example.invalid says so"}])
    assert "kept on deploy@b.example.invalid" in found.text and "(bob says so)" in found.text


NEW = (Happened(NOON, NOON, "note", "old"), Happened(NOON + 60, NOON + 60, "note", "new"))
TABLE = f"# T\n\n## Timeline\n\n{page.HEAD}\n| --- | --- | --- |\n"
ROW, LATER = "| 2026-11-25 12:00:00 | old | |\n", "| 2026-11-25 12:01:00 | new |  |\n"


EDITED = ROW.replace("old", "as edited")
PROSE = "## Timeline\n\nProse.\n## X\n"
OTHER = "# T\n\n## What happened\n"


@pytest.mark.parametrize(
    ("text", "after", "added"),
    [
        pytest.param(TABLE + ROW + "\n## X\n", TABLE + ROW + LATER + "\n## X\n", 1, id="later"),
        pytest.param(TABLE + EDITED, TABLE + EDITED + LATER, 1, id="edited"),
        pytest.param(TABLE + ROW + LATER, TABLE + ROW + LATER, 0, id="all there"),
        pytest.param(OTHER, OTHER, 0, id="no heading"),
        pytest.param(PROSE, PROSE, 0, id="no table"),
    ],
)
def test_a_timeline_is_continued_as_people_left_it(text: str, after: str, added: int) -> None:
    assert page.continued(text, NEW, ()) == (after, added)
