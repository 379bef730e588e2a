"""`inv visualize.save`: what was drawn in Grafana becomes a file that can be reviewed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.lib.visualize import saving
from tests.support import grafana as stand_in
from tests.support.grafana import Grafana
from tests.support.shown import Shown

NOBODY = "http://127.0.0.1:1"


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    with stand_in.serve(NOBODY) as served:
        yield served


@pytest.fixture
def shown(grafana: Grafana, tmp_path: Path) -> Shown:
    return Shown(tmp_path / "a project", NOBODY, grafana.url)


def test_nothing_is_written_where_nothing_changed(shown: Shown) -> None:
    done = shown.inv("visualize.save", "pi-forge")
    assert done.returncode == 0 and "already is as in Grafana" in done.stdout, done.stderr
    assert shown.git("status", "--porcelain") == ""


def test_what_changed_is_one_line_of_a_diff(shown: Shown, grafana: Grafana) -> None:
    grafana.model("pi-forge")["panels"][0]["title"] = "How often up"
    grafana.model("pi-forge") | {"version": 9, "iteration": 5}
    grafana.model("pi-forge")["panels"].reverse()
    done = shown.inv("visualize.save", "pi-forge")
    assert done.returncode == 0, done.stderr
    assert "git diff" in done.stdout and done.stdout.endswith("Next: inv visualize.check\n")
    assert shown.git("diff", "--numstat").split()[:2] == ["1", "1"]


def test_changes_that_git_does_not_have_are_kept(shown: Shown, grafana: Grafana) -> None:
    grafana.model("pi-forge")["title"] = "Another"
    shown.edit(shown.board(), title="mine")
    mine = shown.board().read_text()
    done = shown.inv("visualize.save", "pi-forge")
    assert done.returncode == 2 and "changes that git doesn't have" in done.stderr
    assert shown.board().read_text() == mine


def test_a_board_of_nobody_is_refused(shown: Shown) -> None:
    done = shown.inv("visualize.save", "nobody")
    assert (
        done.returncode == 2
        and "no dashboard nobody; it has: pi-forge, pi-forge-business" in done.stderr
    )


@pytest.mark.parametrize("uid", ["../../etc", "a/b?c", ""], ids=["up", "path", "empty"])
def test_a_uid_that_is_none_is_refused(shown: Shown, uid: str) -> None:
    done = shown.inv("visualize.save", "--uid", uid)
    assert done.returncode == 2 and "is no uid" in done.stderr, done.stderr
    assert shown.git("status", "--porcelain") == ""


def drawn(grafana: Grafana, folder: str) -> dict[str, Any]:
    """Draw a board in Grafana, as somebody does by hand, and return its model."""
    model = {
        "id": 77,
        "uid": "orders",
        "version": 3,
        "title": "Orders",
        "schemaVersion": 41,
        "time": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"},
        "panels": [
            {
                "id": 1,
                "title": "Orders",
                "type": "timeseries",
                "datasource": {"type": "prometheus", "uid": "PBFA97CFB590B2093"},
                "gridPos": {"x": 0, "y": 0, "w": 24, "h": 8},
                "targets": [{"refId": "A", "expr": "job:http_requests:rate5m"}],
            }
        ],
    }
    meta = {"url": "/d/orders/orders", "folderTitle": folder}
    grafana.boards["orders"] = {"dashboard": model, "meta": meta}
    return model


def test_a_new_board_goes_where_grafana_has_it(shown: Shown, grafana: Grafana) -> None:
    drawn(grafana, "Business")
    done = shown.inv("visualize.save", "orders", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["detail"]["file"] == "grafana/dashboards/business/orders.json"
    model = json.loads(shown.board("business/orders.json").read_text())
    assert model["panels"][0]["datasource"]["uid"] == "${datasource}"
    assert model["templating"]["list"][0]["type"] == "datasource"
    assert (model["time"]["to"], model["refresh"]) == ("now", "30s")
    assert not {"id", "version"} & set(model)
    assert shown.inv("visualize.save", "orders").stdout.startswith("grafana/dashboards/business")


def test_one_in_no_folder_needs_a_role(shown: Shown, grafana: Grafana) -> None:
    drawn(grafana, "")
    done = shown.inv("visualize.save", "orders")
    assert done.returncode == 2 and "--role=sre" in done.stderr
    assert shown.inv("visualize.save", "orders", "--role=sre").returncode == 0
    assert shown.board("sre/orders.json").is_file()


def test_an_unsound_board_is_not_kept(shown: Shown, grafana: Grafana) -> None:
    drawn(grafana, "SRE")["panels"][0]["type"] = "graph"
    done = shown.inv("visualize.save", "orders")
    assert done.returncode == 2 and "Angular" in done.stderr
    assert not shown.board("sre/orders.json").exists()


def test_a_board_of_the_newer_schema_is_not_kept_as_an_empty_one(
    shown: Shown, grafana: Grafana
) -> None:
    model = drawn(grafana, "SRE")
    model["elements"] = {"panel-1": model.pop("panels")[0]}
    done = shown.inv("visualize.save", "orders")
    assert done.returncode == 2 and "export it as classic JSON" in done.stderr
    assert not shown.board("sre/orders.json").exists()


def test_an_old_name_of_the_data_source_becomes_the_variable() -> None:
    panel = {"datasource": "Prometheus", "targets": [{"datasource": "${DS_PROMETHEUS}"}]}
    marks = {"datasource": "-- Grafana --"}
    kept = saving.normalised({"panels": [panel], "annotations": {"list": [marks]}})
    wanted = {"type": "prometheus", "uid": "${datasource}"}
    assert kept["panels"][0]["datasource"] == wanted
    assert kept["panels"][0]["targets"][0]["datasource"] == wanted
    assert kept["annotations"]["list"] == [marks], "what Grafana itself knows it is asked for"
