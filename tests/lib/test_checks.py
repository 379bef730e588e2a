"""What a watch says beforehand and at each check."""

from __future__ import annotations

import pytest

from tasks.lib import checks, console
from tasks.lib.config import Environment
from tasks.lib.telemetry.settings import Observability
from tasks.lib.watch import Measured

ASKED = Observability(prometheus="http://x", watch=True)
READINGS = {"probes": {"": Measured(60, 1, 0.012)}}


def test_how_soon_a_bad_release_is_known_is_said_beforehand() -> None:
    said = checks.beforehand(Environment(name="x"), 900)
    assert said == (
        "  15m: error ratio at most 0.01, p95 at most 1s;\n"
        "  a bad release is known after about 3s"
    )
    asked = checks.beforehand(Environment(name="x", observability=ASKED), 900)
    assert asked.endswith("about 3s (by Prometheus 33s to 1m3s)")
    assert all(len(line) <= 80 for line in asked.splitlines())


def test_where_lines_stay_a_long_watch_shows_some_of_its_checks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for seconds, lines in ((1e-9, 3), (900.0, 1)):  # checks follow at once
        shown = checks.Shown(seconds)
        for spent in (1.0, 2.0, 3.0):
            shown.check(READINGS, spent)
        shown.end()
        assert capsys.readouterr().out.count("probes 1/60 bad p95 12ms\n") == lines


def test_on_a_terminal_one_line_is_written_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "terminal", lambda stream: True)
    monkeypatch.setenv("COLUMNS", "30")
    shown = checks.Shown(900.0)
    for spent in (1.0, 2.0):
        shown.check(READINGS, spent)
    shown.end()
    out = capsys.readouterr().out
    assert out == "\r\x1b[K    1s  probes 1/60 bad p95 1\r\x1b[K    2s  probes 1/60 bad p95 1\n"


def test_a_watch_that_is_over_before_its_first_check_leaves_no_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "terminal", lambda stream: True)
    checks.Shown(900.0).end()
    assert capsys.readouterr().out == ""
