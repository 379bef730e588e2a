"""What was seen against its bounds."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.lib.monitor import decide
from tasks.lib.monitor.asked import Answer
from tasks.lib.monitor.board import OK, OUT, UNKNOWN, Board, Seen
from tasks.lib.monitor.hosts import Told
from tasks.lib.monitor.loglines import Found
from tasks.lib.monitor.measured import Firing, Measured
from tasks.lib.monitor.released import Live
from tasks.lib.monitor.settings import Monitor
from tasks.lib.settings import Environment
from tasks.lib.telemetry import names

WELL = {
    names.RATE: 10.0,
    names.ERROR_RATIO: 0.001,
    names.P95: 0.2,
    names.CPU: 1.0,
    names.CPU_MAX: 0.5,
    names.MEMORY: 3e8,
    names.MEMORY_MAX: 2e8,
    names.UP: 2.0,
    names.INSTANCES: 2.0,
}
FACT: dict[str, Any] = {"current": "r1", "running": {"r1": ["web"]}, "lock": None, "closed": []}


def look(
    but: dict[str, float | None] | None = None, monitor: Monitor = Monitor(), **seen: Any
) -> Board:
    """The board of what is well, but for this; None takes a series away."""
    values = {k: v for k, v in {**WELL, **(but or {})}.items() if v is not None}
    usual: dict[str, Any] = {
        "at": 1000.0,
        "measured": Measured(at=1000.0, values=values, age=3.0, rules=9),
        "health": Answer(),
        "metrics": Answer(),
        "told": None,
    }
    return decide.board(Seen(**{**usual, **seen}), Environment(name="staging"), monitor, 15.0)


def test_all_is_well() -> None:
    board = look()
    assert board.verdict == OK
    assert not board.those(OUT) and not board.those(UNKNOWN)


@pytest.mark.parametrize(
    ("but", "key", "state", "why"),
    [
        ({names.ERROR_RATIO: 0.01}, "error_ratio", OK, ""),
        ({names.ERROR_RATIO: 0.0101}, "error_ratio", OUT, "error ratio is 1.01 %, over 1 %"),
        ({names.ERROR_RATIO: None}, "error_ratio", UNKNOWN, "no data"),
        ({names.ERROR_RATIO: None, names.RATE: None}, "error_ratio", OK, ""),
        ({names.ERROR_RATIO: None, names.RATE: 0.0}, "error_ratio", OK, ""),
        ({names.P95: None, names.RATE: 0.0}, "p95", OK, ""),
        ({names.P95: 1.2}, "p95", OUT, "p95 is 1.2 s, over 1 s"),
        (
            {n: None for n in (names.ERROR_RATIO, names.RATE, names.MEMORY)},
            "error_ratio",
            UNKNOWN,
            "no data",
        ),
        ({names.CPU_MAX: 0.95}, "cpu", OUT, "processors is 0.95, over 0.9"),
        ({names.CPU_MAX: None, names.RATE: 0.0}, "cpu", UNKNOWN, "no data"),
        ({names.UP: 1.0}, "instances", OUT, "1 of 2 are down"),
        ({names.UP: 0.0}, "instances", OUT, "2 of 2 are down"),
        ({names.UP: None, names.INSTANCES: None}, "instances", UNKNOWN, "scrapes no instance"),
    ],
)
def test_a_series_against_its_bound(
    but: dict[str, float | None], key: str, state: str, why: str
) -> None:
    board = look(but)
    found = board.named(key)
    assert found.state == state and why in found.why
    assert board.verdict == state


def test_a_bound_that_is_not_set_holds_nothing() -> None:
    free = Monitor(cpu=0.0)
    assert look({names.CPU_MAX: 9.0}, free).verdict == OK
    assert look({names.CPU_MAX: None, names.MEMORY: None}, free).verdict == OK
    assert look(monitor=Monitor(memory="100M")).named("memory").state == OUT


def test_prometheus_that_is_away_is_never_read_as_the_service() -> None:
    board = look(measured=Measured(trouble="it is away"))
    assert board.verdict == UNKNOWN and not board.those(OUT)
    assert {r.why for r in board.those(UNKNOWN)} == {"it is away"}


def test_out_of_bounds_speaks_louder_than_what_is_not_known() -> None:
    board = look(measured=Measured(trouble="it is away"), health=Answer("it answered 503"))
    assert board.verdict == OUT


def test_a_sample_that_is_old_is_not_known() -> None:
    board = look(measured=Measured(values=WELL, age=61.0, rules=9))
    assert board.verdict == UNKNOWN and "stale" in board.named("samples").why


@pytest.mark.parametrize(("severity", "state"), [("critical", OUT), ("", OUT), ("info", OK)])
def test_alerts_that_wake_somebody_are_out_of_bounds(severity: str, state: str) -> None:
    firing = (Firing("A", severity, 900.0, "it is so"),)
    assert look(measured=Measured(values=WELL, age=1.0, alerts=firing, rules=9)).verdict == state


def test_without_a_rule_nobody_is_told() -> None:
    found = look(measured=Measured(values=WELL, age=1.0)).named("alerts")
    assert found.state == UNKNOWN and "no alert rule is loaded" in found.why


@pytest.mark.parametrize(
    ("told", "state", "why"),
    [
        (Told({"a": FACT}, {"a": Found()}), OK, ""),
        (Told({"a": FACT}, {"a": Found(1, "boom")}), OUT, "log of a tells of an error: boom"),
        (Told({"a": FACT}, {"a": Found()}, {"b": "it is away"}), UNKNOWN, "b can't be read"),
        (Told({"a": FACT}, {"a": Found(1, "x")}, {"b": "it is away"}), OUT, "an error: x"),
    ],
)
def test_the_logs_of_hosts(told: Told, state: str, why: str) -> None:
    found = look(told=told).named("log")
    assert found.state == state and why in found.why


def test_hosts_that_differ_are_out_of_bounds_unless_a_run_is_under_way() -> None:
    other = {**FACT, "current": "r2", "running": {"r2": ["web"]}}
    told = Told({"a": FACT, "b": other}, {"a": Found()})
    assert look(told=told).named("release").state == OUT
    busy = Told({"a": {**FACT, "lock": {"who": "x"}}, "b": other}, {"a": Found()})
    assert look(told=busy).named("release").state == OK


def test_what_is_live_is_said_by_the_hosts_then_the_journal_then_the_metrics() -> None:
    closed = {**FACT, "closed": [{"release": "r1", "at": "1970-01-01T00:10:00Z"}]}
    assert look(told=Told({"a": closed}, {"a": Found()})).live == Live(("r1",), 600.0, "the hosts")
    journal = Live(("r0",), 1.0, "the journal")
    assert look(live=journal).live == journal
    measured = Measured(values=WELL, age=1.0, rules=9, releases={"r3": 5.0, "r2": 0.0})
    assert look(measured=measured).live.releases == ("r3",)
