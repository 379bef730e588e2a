"""What follows on a look that found something out of bounds."""

from __future__ import annotations

import pytest

from tasks.lib.errors import NotClosed
from tasks.lib.monitor.board import OUT, Board, Reading
from tasks.lib.monitor.closure import conclude
from tasks.lib.monitor.loglines import Found
from tasks.lib.monitor.released import Live


@pytest.mark.parametrize(
    ("out", "env", "following"),
    [
        ("alerts", "local", "inv alert"),
        ("alerts", "production", "inv alert"),
        ("health", "local", "inv host.serve"),
        ("instances alerts", "local", "inv monitor.doctor --env=local"),
        ("p95 alerts", "production", "inv rollback --env=production"),
        ("log", "production", "inv deploy.logs --env=production"),
        ("health", "production", "inv deploy.status --env=production"),
    ],
)
def test_what_is_out_of_bounds_leads_on(out: str, env: str, following: str) -> None:
    readings = tuple(Reading(key, key, "-", OUT, "it is out") for key in out.split())
    board = Board(env, 0.0, 0.0, 60.0, readings, (), Found(), Live())
    with pytest.raises(NotClosed) as told:
        conclude(board)
    assert told.value.next == following
