"""The dashboards and the provisioning that ship: sound, explained, and of the one vocabulary."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import tasks
from tasks.lib import duration
from tasks.lib.telemetry import names
from tasks.lib.visualize import asking, boards, saving
from tasks.lib.visualize.boards import Board

ROOT = Path(__file__).resolve().parents[1]
GRAFANA = ROOT / "grafana"
BOARDS = boards.read(GRAFANA / "dashboards")
PANELS = [
    pytest.param(board, panel, id=f"{board.uid}-{panel['title']}")
    for board in BOARDS
    for panel in boards.panels(board.model)
]
ALONE = 'environment="$environment"'
THRESHOLDS = tasks.DEFAULTS["service"]["thresholds"]


def provisioning(kind: str) -> list[dict[str, Any]]:
    (file,) = (GRAFANA / "provisioning" / kind).glob("*.yml")
    said = yaml.safe_load(file.read_text())
    found = said["datasources" if kind == "datasources" else "providers"]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
class TestBoards:
    """Each as it would be reviewed."""

    def test_it_is_sound(self, board: Board) -> None:
        assert [*boards.faults(board.model)] == []
        assert [*boards.timing(board.model, 60)] == []

    def test_it_refreshes_every_thirty_seconds(self, board: Board) -> None:
        assert board.model["refresh"] == "30s"

    def test_it_is_kept_as_it_would_be_saved(self, board: Board) -> None:
        assert board.path is not None
        assert board.path.read_text() == saving.text(saving.normalised(board.model))

    def test_it_says_what_it_is_for(self, board: Board) -> None:
        assert board.model["description"].endswith(".") and "pi-forge" in board.model["tags"]

    def test_deploys_and_rollbacks_of_the_environment_are_marked(self, board: Board) -> None:
        marks = [
            each["target"]["tags"]
            for each in board.model["annotations"]["list"]
            if "tags" in each.get("target", {})
        ]
        assert marks == [[kind, "$environment"] for kind in ("deploy", "rollback", "note")]

    def test_nothing_is_filled_in_that_grafana_would_not_fill_in(self, board: Board) -> None:
        text = json.dumps(board.model)
        assert "$$" not in text, "only the YAML of provisioning is written so"
        assert "${DS_" not in text and "__inputs" not in text

    def test_rates_reach_as_far_as_grafana_says(self, board: Board) -> None:
        for query in boards.queries(board.model):
            ranges = re.findall(r"\[([^\]]+)\]", query.expression)
            assert set(ranges) <= {"$__rate_interval", "$__range"}, query.name

    def test_every_query_is_of_one_environment(self, board: Board) -> None:
        for query in boards.queries(board.model):
            # Tests are of a commit, and phases as lint are of no environment.
            said = 'environment=~"$environment|"' if "circle_" in query.expression else ALONE
            assert said in query.expression or "circle_test_" in query.expression, query.name


@pytest.mark.parametrize(("board", "panel"), PANELS)
def test_a_panel_explains_itself(board: Board, panel: dict[str, Any]) -> None:
    assert panel["title"] and panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"], "it asks something"


def test_the_bounds_that_are_drawn_are_those_of_the_configuration() -> None:
    wanted = {
        names.ERROR_RATIO: THRESHOLDS["error_ratio"],
        names.P95: duration.parse(THRESHOLDS["p95"]),
    }
    drawn = [
        (name, bounds)
        for board in BOARDS
        for _, name, bounds in boards.drawn(board.model, tuple(wanted))
    ]
    assert {name for name, _ in drawn} == set(wanted)
    assert [bounds for name, bounds in drawn if bounds != (wanted[name],)] == []


def test_the_coverage_that_is_wanted_is_drawn() -> None:
    wanted = tasks.DEFAULTS["test"]["coverage"] / 100
    drawn = [
        bounds
        for board in BOARDS
        for _, _, bounds in boards.drawn(board.model, ("circle_test_coverage_ratio",))
    ]
    assert drawn == [(wanted,)] * 2


def test_each_role_has_a_folder_and_the_sre_a_home() -> None:
    said = {each["options"]["path"]: each for each in provisioning("dashboards")}
    folders = {f"/etc/grafana/dashboards/{board.role}" for board in BOARDS}
    assert folders == set(said)
    assert [each["folder"] for each in said.values()] == ["SRE", "Developer", "Business"]
    assert tasks.DEFAULTS["notify"]["board"] in {board.uid for board in BOARDS}
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]
    home = compose["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (GRAFANA / Path(home).relative_to("/etc/grafana")).is_file()
    assert compose["environment"]["GF_UNIFIED_ALERTING_ENABLED"] == "false"
    assert "./grafana/dashboards:/etc/grafana/dashboards:ro" in compose["volumes"]


def test_the_data_source_is_as_often_new_as_prometheus_asks() -> None:
    prometheus, alertmanager = provisioning("datasources")
    asked = yaml.safe_load((ROOT / "prometheus.yml").read_text())["global"]["scrape_interval"]
    export = tasks.DEFAULTS["service"]["observability"]["export"]
    slowest = max(map(duration.parse, (asked, export)))
    assert duration.parse(prometheus["jsonData"]["timeInterval"]) == slowest == asking.INTERVAL
    assert (prometheus["uid"], prometheus["url"]) == ("prometheus", "http://prometheus:9090")
    assert (alertmanager["uid"], alertmanager["type"]) == ("alertmanager", "alertmanager")
    assert prometheus["jsonData"]["manageAlerts"] is False


def test_uptime_errors_latency_and_what_changed_are_on_the_home() -> None:
    (home,) = [board for board in BOARDS if board.uid == "pi-forge"]
    asked = " ".join(query.expression for query in boards.queries(home.model))
    recorded = [names.AVAILABILITY, names.ERROR_RATIO, names.P50, names.P95, names.P99, names.RATE]
    recorded += [names.IN_FLIGHT, names.CPU, names.MEMORY, names.UP, names.INSTANCES]
    recorded += [names.ROUTE_P95, names.WATCH_REQUESTS]
    assert [
        name for name in (*recorded, "process_start_time_seconds", "ALERTS") if name not in asked
    ] == []
