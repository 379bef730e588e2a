"""What this clone's journal says is live."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.lib.monitor.released import Live, journalled


def line(phase: str = "deploy", outcome: str = "closed", **detail: Any) -> dict[str, Any]:
    at = "1970-01-01T00:10:00.500Z"
    return {"phase": phase, "outcome": outcome, "at": at, "detail": {"environment": "x", **detail}}


@pytest.mark.parametrize(
    ("entries", "releases"),
    [
        pytest.param([], (), id="nothing"),
        pytest.param([line(release="r1"), line(release="r2")], ("r2",), id="the newest"),
        pytest.param([line(release="r2"), line("rollback", release="r1")], ("r1",), id="rollback"),
        pytest.param(
            [line(release="r1"), line(outcome="troubled", release="r2")], ("r1",), id="one closed"
        ),
        pytest.param(
            [line(release="r1"), line(release="r2", environment="y")], ("r1",), id="elsewhere"
        ),
        pytest.param([line("deploy.status"), line("deploy")], (), id="no release named"),
        pytest.param([{"phase": "deploy", "outcome": "closed"}], (), id="no detail"),
    ],
)
def test_the_newest_that_closed_there(
    entries: list[dict[str, Any]], releases: tuple[str, ...]
) -> None:
    assert journalled(entries, "x").releases == releases


def test_it_says_since_when() -> None:
    assert journalled([line(release="r1")], "x") == Live(("r1",), 600.5, "the journal")
    assert journalled([{**line(release="r1"), "at": "soon"}], "x").since is None
