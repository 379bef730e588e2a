"""The figures, of runs that the tests make up."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.lib.scorecard.changes import Changes, Commit, brought
from tasks.lib.scorecard.exported import points
from tasks.lib.scorecard.figures import WEEK, Figure, Measured, figures, measured
from tasks.lib.scorecard.runs import FAILED, Run
from tests.support.carded import NOTHING, back, deploy


def come(*runs: Run, start: float = 0, end: float = 1000, **more: Any) -> dict[str, Measured]:
    return measured(NOTHING._replace(runs=runs, **more), start, end)


def test_nothing_is_made_of_nothing() -> None:
    for figure in figures(NOTHING, {"coverage": 0.8}, 0, 100):
        assert figure.now.value is None and figure.mean is None, figure.kind.key
        assert figure.met is None and figure.trend == ""


def test_a_success_is_a_deployment_that_closed_and_stayed() -> None:
    runs = [deploy(at) for at in range(100, 800, 100)]
    runs += [
        deploy(800, FAILED, seen=False),
        deploy(810, FAILED, back=True),
        back(820, "r700"),
        back(830, "r600", outcome=FAILED),
    ]
    found = come(*runs)
    assert found["deployment_success"] == Measured(6 / 9, 9, of=9)
    assert found["change_failure_rate"] == Measured(2 / 8, 8, of=8)
    assert found["deployment_frequency"].events == 8
    assert found["deployment_frequency"].value == pytest.approx(8 * WEEK / 1000)


def test_a_deployment_counts_where_it_ended_and_failed_also_when_it_was_rolled_back_later() -> None:
    runs = (deploy(100), back(300, "r100"))
    early = come(*runs, end=200)
    assert early["deployment_success"] == Measured(0.0, 1, of=1)
    late = come(*runs, start=200)
    assert late["deployment_success"].value is None and late["time_to_roll_back"].events == 1
    assert late["deployment_frequency"].value == 0.0, "that is known: it was deployed before"
    assert come(*runs, start=10, end=50)["deployment_frequency"].value is None


def test_the_time_to_deploy_is_that_of_a_tags_first_deployment_that_closed() -> None:
    runs = (
        deploy(100, FAILED, version="v1", name="x"),
        deploy(200, version="v1", name="x"),
        deploy(300, version="v1", name="x"),
        deploy(400, version="untagged"),
        deploy(500, version="v2", name="y", verified=None),
        deploy(600, version="moved", name="z"),
    )
    tags = {("v1", "commit of x"): 50.0, ("v2", "commit of y"): 60.0, ("moved", "another"): 1.0}
    found = come(*runs, changes=Changes(tags, {}))["time_to_deploy"]
    assert found == Measured(147.0, 1, (147.0,), 2)
    assert come(*runs, changes=Changes(tags, {}), start=250)["time_to_deploy"].value is None


def test_rolling_back_takes_from_the_command_until_it_is_verified() -> None:
    runs = (deploy(100), back(200, "r100"), back(300, "", verified=None), back(400, "", begun=396))
    assert come(*runs)["time_to_roll_back"] == Measured(3.5, 2, (6.0, 1.0), 3)


@pytest.mark.parametrize(
    "runs, took",
    [
        pytest.param([deploy(100, FAILED, back=True)], (5.0,), id="taken back"),
        pytest.param([deploy(100), back(200, "r100")], (102.0,), id="rolled back later"),
        pytest.param([deploy(100, FAILED), deploy(150)], (52.0,), id="stuck until the next closed"),
        pytest.param([deploy(100, FAILED), deploy(150, FAILED, seen=False)], (), id="still there"),
        pytest.param([deploy(100, FAILED, seen=False)], (), id="users never had it"),
        pytest.param([deploy(100, FAILED, back=True, switched=None)], (), id="not written down"),
    ],
)
def test_restoring_takes_as_long_as_users_had_it(runs: list[Run], took: tuple[float]) -> None:
    found = come(*runs)["time_to_restore"]
    assert found.values == took and found.of == int(runs[0].seen)


def test_the_spread_is_on_the_side_that_is_bad() -> None:
    tests = [(float(n), n / 10) for n in range(1, 11)]
    (found,) = (
        each
        for each in figures(NOTHING._replace(tests=tests), {"coverage": 0.8}, 0, 100)
        if each.kind.key == "coverage"
    )
    assert (found.now.value, found.met) == (1.0, True), "the newest says how the code is"
    assert (found.median, found.p90, found.worst) == (0.55, 0.2, 0.1)
    assert found.mean == pytest.approx(0.55)


def of(now: float | None, before: float | None, key: str = "alert_response") -> Figure:
    evidence = NOTHING._replace(
        answers=[(at, took) for at, took in ((150.0, now), (50.0, before)) if took is not None],
        tests=[(at, took) for at, took in ((150.0, now), (50.0, before)) if took is not None],
    )
    said = figures(evidence, {"alert_response": 900.0, "coverage": 0.8}, 100, 200)
    return next(each for each in said if each.kind.key == key)


@pytest.mark.parametrize(
    "now, before, key, trend, met",
    [
        pytest.param(800, 700, "alert_response", "worse", True, id="slower"),
        pytest.param(
            900, 1000, "alert_response", "better", False, id="the bound itself is over it"
        ),
        pytest.param(800, 801, "alert_response", "same", True, id="within a hundredth"),
        pytest.param(0.9, 0.7, "coverage", "better", True, id="more is better"),
        pytest.param(0.8, 0.9, "coverage", "worse", False, id="less is worse"),
        pytest.param(800, None, "alert_response", "", True, id="nothing before"),
        pytest.param(None, 800, "alert_response", "", None, id="nothing now"),
    ],
)
def test_the_trend_is_against_the_period_before(
    now: float | None, before: float | None, key: str, trend: str, met: bool | None
) -> None:
    found = of(now, before, key)
    assert (found.trend, found.met) == (trend, met)


def test_false_positives_are_a_share_of_what_was_judged() -> None:
    verdicts = [(10.0, True), (20.0, False), (30.0, False), (2000.0, True)]
    assert come(verdicts=verdicts)["false_positives"] == Measured(1 / 3, 3, of=3)


def test_a_commit_is_brought_by_the_first_deployment_that_has_it() -> None:
    """a ← b ← c, and d beside b, merged by m; e is not deployed."""
    commits = {
        "b": Commit(20, ("a",)),
        "c": Commit(30, ("b",)),
        "d": Commit(25, ("a",)),
        "m": Commit(40, ("c", "d")),
        "e": Commit(50, ("m",)),
    }
    runs = [deploy(at)._replace(commit=name) for at, name in ((100, "c"), (200, "m"), (300, "b"))]
    found = brought(runs, commits)
    assert {run: sorted(times) for run, times in found.items()} == {"r100": [20, 30], "r200": [25]}
    leads = come(*runs, changes=Changes({}, found))["lead_time"]
    assert sorted(leads.values) == [67.0, 77.0, 172.0] and leads.value == pytest.approx(316 / 3)


def test_what_is_known_is_told_as_metrics_and_nothing_else() -> None:
    runs = (deploy(100), deploy(200), back(300, "r200"))
    found = figures(NOTHING._replace(runs=runs), {"time_to_roll_back": 300.0}, 0, 1000)
    told = {
        (each.name.removeprefix("circle.scorecard."), each.labels.get("figure", "")): each
        for each in points(found, "live", 5.0)
    }
    shares = {figure: p.value for (name, figure), p in told.items() if name == "share"}
    assert shares == {"deployment_success": 0.5, "change_failure_rate": 0.5}
    assert {figure for name, figure in told if name == "duration"} == {
        "time_to_roll_back",
        "time_to_restore",
        "watch",
    }
    assert told["target.duration", "time_to_roll_back"].value == 300.0
    assert told["events", "coverage"].value == 0 and told["timestamp", ""].value == 5.0
    assert all(each.labels["environment"] == "live" and not each.added for each in told.values())
