"""End to end with the real programs: service, collector, and Prometheus on the shipped rules."""

import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tasks.lib.scorecard import exported, figures
from tasks.lib.telemetry import names, recipes
from tasks.lib.visualize import asking, boards
from tasks.lib.visualize.boards import Board
from tasks.lib.visualize.settings import Visualize
from tests.support import flow as flows
from tests.support import carded, promql, watched
from tests.support.flow import Flow
from tests.support.observed import ROOT
from tests.support.promql import Documented

REQUESTS = names.REQUESTS
ALL = sorted(value for key, value in vars(names).items() if key.isupper() and key != "SCRAPED")
# Of an Alertmanager, and of the rules that ship switched off.
ALL = [name for name in ALL if not name.startswith(("integration:", "slo:"))]
# What every series of a section of docs/METRICS.md has, beside job and instance.
OF_SECTION = {
    "By the service, through the collector": {"environment", "release", "host"},
    "By the service itself, at `/metrics`": {"environment"},
}
BROKEN = """
from server.main import app

@app.get("/broken/{number}")
async def broken(number: int) -> None:
    raise RuntimeError("as a user would meet it")
"""


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flow]:
    """Two environments with some traffic; all that staging is asked for fails."""
    home = tmp_path_factory.mktemp("flow")
    (home / "broken.py").write_text(BROKEN)
    with flows.flow(home, ("staging", "production"), application="broken:app") as running:
        for times in (1, 5):  # the first of a series is no increase yet
            running.services["staging"].ask("/broken/1", times)
            running.services["production"].ask("/", times)
            running.until(f"count({REQUESTS} >= {times}) == 2")
        yield running


def test_every_request_is_counted_once_in_its_environment(flow: Flow) -> None:
    count = 'sum by (environment) (http_server_request_duration_seconds_count{job="pi-forge"})'
    before = {each.labels["environment"]: each.value for each in flow.prometheus.query(count)}
    flow.services["production"].ask("/", 7)
    flow.services["production"].ask("/api/health", 3)  # who looks whether it lives is no user
    flow.services["staging"].ask("/broken/2", 5)
    expected = {"production": before["production"] + 7, "staging": before["staging"] + 5}
    flow.until(count, lambda found: {e.labels["environment"]: e.value for e in found} == expected)


def test_a_series_says_what_was_asked_for_and_which_release_answered_where(flow: Flow) -> None:
    query = f'{REQUESTS}{{environment="staging",http_response_status_code="500"}}'
    [found] = flow.until(query)
    one = flow.services["staging"]
    assert found.labels.pop("instance")  # type: ignore[attr-defined]
    assert found.labels == {
        "__name__": REQUESTS,
        "job": "pi-forge",
        "environment": "staging",
        "release": one.release,
        "host": one.host,
        "http_request_method": "GET",
        "http_response_status_code": "500",
        "http_route": "/broken/{number}",
        "error_type": "RuntimeError",
        "network_protocol_version": "1.1",
        "url_scheme": "http",
    }


def test_staging_that_fails_wholly_is_nothing_to_production(flow: Flow) -> None:
    flow.until(
        names.WATCH_ERROR_RATIO,
        lambda found: {e.labels["environment"]: e.value for e in found}
        == {"staging": 1.0, "production": 0.0},
    )
    [watched] = flow.prometheus.query(f'{names.WATCH_ERROR_RATIO}{{environment="staging"}}')
    one = flow.services["staging"]
    assert (watched.labels["release"], watched.labels["host"]) == (one.release, one.host)
    flow.until(
        names.ERROR_RATIO,
        lambda found: {e.labels["environment"]: e.value for e in found}
        == {"staging": 1.0, "production": 0.0},
    )


def test_the_business_is_counted(flow: Flow) -> None:
    one = flow.services["production"]
    for count in ("pi_forge_usage_total", "pi_forge_conversions_total"):
        flow.until(f'{count}{{environment="production"}}', lambda found: len(found) > 0)
    one.ask("/api/pi?digits=30", 4)
    one.ask("/api/orders", 2, method="POST", json={"plan": "pro"})
    one.ask("/api/orders", method="POST", json={"plan": "none of these"})  # and no conversion
    flow.until('pi_forge_usage_total{environment="production",feature="digits"} == 4')
    flow.until('pi_forge_conversions_total{environment="production",plan="pro"} == 2')
    assert flow.total('pi_forge_usage_total{environment="staging"}') == 0


@pytest.mark.parametrize("name", ALL)
def test_the_vocabulary_has_data(flow: Flow, name: str) -> None:
    found = flow.until(f'{name}{{job="pi-forge",environment="production"}}')
    assert len(found) >= 1 and all(each.value >= 0 for each in found)


def test_the_board_shows_each_environment_as_it_is(flow: Flow, tmp_path: Path) -> None:
    for name in names.RATE, names.CPU_MAX, names.P95:
        flow.until(name, lambda found: len(found) == 2)
    board = watched.boards(tmp_path, flow.prometheus.url, flow.services.values())
    told = board("production", 0)
    readings = told["detail"]["readings"]
    for key in ("rate", "p50", "p95", "p99", "cpu", "memory", "error_ratio", "in_flight"):
        assert readings[key]["value"] is not None, key
    assert readings["rate"]["value"] > 0 and readings["error_ratio"]["value"] == 0
    assert readings["instances"]["text"] == "1 of 1"
    assert told["detail"]["release"]["releases"] == [flow.services["production"].release]
    told = board("staging", 1)
    assert told["detail"]["readings"]["error_ratio"]["value"] == 1
    assert told["error"]["kind"] == "errors" and told["next"] == "inv rollback --env=staging"
    told = board("staging", 0, "monitor.review", "--since=10m")
    unknown = [key for key, each in told["figures"].items() if each["now"] is None]
    assert not unknown and told["figures"]["error_ratio"]["now"] == 1
    assert [each["route"] for each in told["routes"]] == ["/broken/{number}"]
    assert len(told["restarts"]) == 1, "it was started within these ten minutes"


def test_the_recipes_look_at_the_same_collector(flow: Flow) -> None:
    up = flow.until('up{job="otel-collector"} == 1', lambda found: len(found) == 3)
    assert {each.labels["instance"] for each in up} == {
        flow.collector.metrics,
        flow.collector.recipes_metrics,
        flow.collector.own,
    }


def test_what_recipes_tell_is_kept_and_counted(flow: Flow) -> None:
    tests = {"tests": 3, "passed": 2, "failed": 1, "errors": 0, "skipped": 0, "pytest_seconds": 4}
    detail = {**tests, "coverage": [{"percent": 81.5}]}
    for outcome in ("closed", "closed", "troubled"):
        entry = {"phase": "test", "outcome": outcome, "seconds": 5.5, "detail": detail}
        assert not recipes.tell(entry, flow.collector.recipes, limit=10).is_alive()
    recipes.tell({**entry, "phase": "deploy"}, flow.collector.recipes, "staging", 10)
    flow.until('circle_phase_runs_total{job="recipes",phase="test",outcome="closed"} == 2')
    flow.until('circle_phase_duration_seconds{phase="deploy",environment="staging"} == 5.5')
    flow.until('circle_test_results{result="passed"} == 2')
    flow.until("circle_test_coverage_ratio == 0.815")


def test_the_scorecard_is_kept(flow: Flow) -> None:
    runs = [carded.deploy(at) for at in (100.0, 200.0)] + [carded.back(300.0, "r200")]
    tests, answers = [(100.0, 0.9)], [(100.0, 60.0)]
    evidence = carded.NOTHING._replace(runs=runs, tests=tests, answers=answers)
    card = figures.figures(evidence, {"alert_response": 900.0, "coverage": 0.8}, 0, 1000)
    made = partial(exported.points, card, "production")
    assert not recipes.send(made, flow.collector.recipes, 10).is_alive()
    said = 'figure="alert_response",environment="production"'
    flow.until(f'circle_scorecard_duration_seconds{{stat="p90",{said}}} == 60')
    flow.until(f"circle_scorecard_target_duration_seconds{{{said}}} == 900")
    flow.until('circle_scorecard_share_ratio{figure="deployment_success"} == 0.5')
    flow.until("circle_scorecard_weekly_deployments > 1000")


# What goes wrong is counted from the first time on.
ONCE = "otelcol_exporter_send_failed_metric_points_total"
MADE = ("By the service", "By the recipes", "By the collector")


@pytest.mark.parametrize(
    "metric",
    [e for e in promql.documented() if e.section.startswith(MADE) and e.name != ONCE],
    ids=lambda metric: metric.name,
)
def test_what_is_documented_is_stored_as_it_says(flow: Flow, metric: Documented) -> None:
    """Each has the labels that docs/METRICS.md says, and no others."""
    given = {"__name__", "job", "instance"} | OF_SECTION.get(metric.section, set())
    for name in promql.stored(metric):
        for found in flow.until(name):
            more = {"le"} if name.endswith("_bucket") else set()
            labels = set(found.labels) - given - more
            if metric.name == "target_info":
                continue  # whatever else the resource has
            assert metric.labels <= labels <= metric.labels | metric.optional, found.labels


@pytest.mark.parametrize(
    "board", boards.read(ROOT / "grafana/dashboards"), ids=lambda board: board.uid
)
def test_every_query_of_every_panel_has_data(flow: Flow, board: Board) -> None:
    """What may be empty anywhere else has no excuse here, but that no alert is pending."""
    given, patient = {"environment": "production", "job": "pi-forge"}, Visualize(slow=60)
    until, lacking = time.monotonic() + flows.LIMIT, [board.uid]
    while lacking:
        asked = asking.ask(board, flow.prometheus, given, patient)
        lacking = [f"{e.query.name}: {e.state}, {e.why}" for e in asked if e.state != asking.DATA]
        lacking = [each for each in lacking if not each.startswith("Alerts (")]
        assert not lacking or time.monotonic() < until, lacking
        time.sleep(0.5 if lacking else 0)


def test_who_was_killed_is_down_and_the_other_is_not(flow: Flow) -> None:
    up = "up{job='pi-forge'}"
    flow.until(up, lambda found: [each.value for each in found] == [1, 1])
    os.kill(flow.services["staging"].pid, signal.SIGKILL)
    flow.until('up{job="pi-forge",environment="staging"} == 0')
    flow.until('job:up:sum{environment="staging"} == 0')
    assert flow.total('up{job="pi-forge",environment="production"}') == 1
    # What it counted stays with the collector for a while: nobody may judge by that alone.
    assert flow.prometheus.query(f'{REQUESTS}{{environment="staging"}}')
