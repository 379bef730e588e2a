"""What is thought of an answer, of a board's form, and of what stands in for its variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.lib.errors import Refused
from tasks.lib.settings import Thresholds
from tasks.lib.telemetry.settings import Stack
from tasks.lib.visualize import asking, boards, closure, events, variables
from tasks.lib.visualize.asking import DATA, EMPTY, EXCUSED, SLOW, STALE, Asked
from tasks.lib.visualize.boards import Board, Query
from tasks.lib.visualize.settings import Visualize, faults
from tasks.lib.visualize.variables import Range
from tasks.lib.visualize.world import Seen, World

END = 10_000.0


def query(nothing: str = "") -> Query:
    return Query("Rate", "A", "up", nothing, "prometheus", "${datasource}", False)


@pytest.mark.parametrize(
    ("ages", "seconds", "nothing", "state"),
    [
        pytest.param([0.0], 0.1, "", DATA, id="new"),
        pytest.param([500.0, 0.0], 0.1, "", DATA, id="one of them new"),
        pytest.param([120.0], 0.1, "", DATA, id="just new enough"),
        pytest.param([121.0], 0.1, "", STALE, id="old"),
        pytest.param([121.0], 0.1, "No requests", DATA, id="old, as it may be"),
        pytest.param([], 0.1, "", EMPTY, id="empty"),
        pytest.param([], 0.1, "No requests", EXCUSED, id="empty, as it may be"),
        pytest.param([0.0], 2.1, "", SLOW, id="slow"),
    ],
)
def test_an_answer_is_judged(ages: list[float], seconds: float, nothing: str, state: str) -> None:
    asked = Asked("b", query(nothing), "up", DATA, seconds=seconds)
    found = asking.judged(asked, [END - age for age in ages], END, Visualize())
    assert found.state == state and bool(found.why) == (state != DATA)


@pytest.mark.parametrize(
    ("skew", "said"),
    [
        (0.5, ""),
        (-4.9, ""),
        (42, "Prometheus's clock is 42s ahead of this machine's: all looks stale"),
        (-42, "Prometheus's clock is 42s behind this machine's: all looks stale"),
    ],
    ids=str,
)
def test_clocks_have_to_agree(skew: float, said: str) -> None:
    world = World("e", "j", Path(), Visualize(), Stack(), Thresholds(), (), seen=(), skew=skew)
    assert closure.in_time(world) == said


def test_many_findings_are_not_all_told() -> None:
    asked = [Asked("b", query(), "up", EMPTY, "its answer is empty")] * 13
    seen = (Seen(Board({"uid": "b"}, "sre"), asked=tuple(asked)),)
    world = World("e", "j", Path(), Visualize(), Stack(), Thresholds(), (), seen=seen)
    assert closure.has_data(world).endswith("; and 3 more (--json has all)")


PANEL = {
    "id": 1,
    "title": "One",
    "type": "timeseries",
    "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8},
}
SOUND = {
    "uid": "u",
    "title": "T",
    "schemaVersion": 39,
    "templating": {"list": [{"name": "datasource", "type": "datasource"}]},
    "panels": [PANEL],
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({}, [], id="sound"),
        pytest.param({"title": ""}, ["it has no title"], id="no title"),
        pytest.param({"schemaVersion": 16}, ["schemaVersion is older"], id="old"),
        pytest.param({"templating": {}}, ["no variable `datasource`"], id="no variable"),
        pytest.param(
            {"panels": [PANEL, PANEL | {"gridPos": {"x": 12, "y": 0, "w": 12, "h": 8}}]},
            ["panel id 1 is given more than once"],
            id="an id twice",
        ),
        pytest.param(
            {"panels": [PANEL, PANEL | {"id": 2, "title": "Two"}]},
            ["panels 'Two' and 'One' overlap"],
            id="overlap",
        ),
        pytest.param(
            {"panels": [PANEL | {"gridPos": {"x": 20, "y": 0, "w": 8, "h": 8}}]},
            ["lies outside of the grid"],
            id="outside",
        ),
        pytest.param({"panels": [{**PANEL, "gridPos": None}]}, ["outside"], id="no place"),
        pytest.param({"panels": [PANEL | {"type": "graph"}]}, ["Angular"], id="angular"),
        pytest.param(
            {
                "panels": [
                    {
                        "type": "row",
                        "id": 9,
                        "gridPos": {"x": 0, "y": 0, "w": 24, "h": 1},
                        "panels": [
                            PANEL | {"targets": [{"refId": "A", "datasource": {"uid": "fixed"}}]}
                        ],
                    }
                ]
            },
            ["One (A) names the data source 'fixed'"],
            id="fixed source in a closed row",
        ),
    ],
)
def test_a_board_is_sound_or_says_why_not(change: dict[str, Any], said: list[str]) -> None:
    found = [*boards.faults({**SOUND, **change})]
    assert len(found) == len(said)
    assert all(expected in each for expected, each in zip(said, found)), found


@pytest.mark.parametrize(
    ("time", "refresh", "said"),
    [
        ("now", "30s", []),
        ("now", "1m", []),
        ("now", "5m", ["refreshes every 5m, which is more than 1m"]),
        ("now", "", ["does not refresh"]),
        ("now-1h", False, ["ends at now-1h", "does not refresh"]),
    ],
    ids=str,
)
def test_a_board_shows_what_is_now(time: str, refresh: Any, said: list[str]) -> None:
    found = [*boards.timing({"time": {"to": time}, "refresh": refresh}, 60)]
    assert len(found) == len(said) and all(a in b for a, b in zip(said, found)), found


@pytest.mark.parametrize(
    ("text", "filled", "left"),
    [
        ('up{e="$environment"}', 'up{e="staging"}', []),
        ("rate(x[${__rate_interval}])", "rate(x[60s])", []),
        ('up{e=~"${environment:regex}"}', 'up{e=~"staging"}', []),
        ("up{e='[[environment]]'}", "up{e='staging'}", []),
        ('up{i="$instance"}', 'up{i="$instance"}', ["$instance"]),
        ("up[$__range]", "up[3600s]", []),
    ],
    ids=str,
)
def test_variables_are_filled_in(text: str, filled: str, left: list[str]) -> None:
    values = {"environment": "staging"} | Range(0, 3600, 15).words(15)
    assert variables.filled(text, values) == filled
    assert variables.left(filled) == left


def test_a_day_ends_with_a_point_that_is_now() -> None:
    reach = asking.shown(Board({"time": {"from": "now-24h"}}, "sre"), END * 100)
    points = (reach.end - reach.start) / reach.step
    assert points == int(points) and 200 < points < 300


def test_two_files_of_one_uid_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.json").write_text('{"uid": "u", "panels": []}')
    with pytest.raises(Refused, match="both have the uid u"):
        boards.read(tmp_path)


@pytest.mark.parametrize("text", ["[]", "{}", '{"uid": "u"}'])
def test_what_is_no_board_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.json").write_text(text)
    with pytest.raises(Refused, match="is no dashboard"):
        boards.read(tmp_path)


def test_an_alert_that_pauses_fired_twice() -> None:
    at = [0, 15, 30, 90, 105]
    assert [*events.pieces([(float(t), 1.0) for t in at], 15)] == [(0, 30), (90, 105)]
    assert [*events.pieces([], 15)] == []


def test_bounds_that_mean_nothing_are_refused() -> None:
    wrong = Visualize(directory="../elsewhere", slow=0, stale=-1, refresh=0, skew=0)
    assert [key for key, _, _ in faults(wrong)] == ["directory", "slow", "stale", "refresh", "skew"]
    assert [*faults(Visualize())] == []
