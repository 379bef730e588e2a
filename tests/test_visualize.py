"""`inv visualize` against a real Prometheus: what it asks, and what it says of the answers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.lib.telemetry import names
from tests.support import grafana as stand_in
from tests.support import observed
from tests.support.grafana import Grafana
from tests.support.shown import Shown, metrics, recent


def bad(at: float) -> float:
    return 0.9


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = observed.linked(tmp_path_factory.mktemp("prometheus"))
    now = time.time()
    observed.backfill(home, recent())
    # One environment of which nothing came for half an hour, and one that lacks two series.
    observed.backfill(home, metrics(now - 3600, now - 1800, "ended"))
    observed.backfill(home, recent(environment="lacking", but=(names.RATE, names.CPU)))
    observed.backfill(home, recent(environment="halting", but=(names.CPU,)))
    observed.backfill(home, metrics(now - 3600, now - 600, "halting", only=(names.CPU,)))
    observed.backfill(home, recent(environment="adopted", job="demo"))
    other = recent(environment="adopted", job="other", only=(names.ERROR_RATIO,), error_ratio=bad)
    observed.backfill(home, other)  # a neighbour that is in trouble
    with observed.prometheus(home) as url:
        yield url


@pytest.fixture
def grafana(prometheus: str) -> Iterator[Grafana]:
    with stand_in.serve(prometheus) as served:
        yield served


@pytest.fixture
def shown(prometheus: str, grafana: Grafana, tmp_path: Path) -> Shown:
    return Shown(tmp_path / "a project", prometheus, grafana.url)


def test_it_closes_where_every_panel_has_data(shown: Shown) -> None:
    done = shown.inv("visualize")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^sre +Pi Forge: service +\d+ +\d+ +1 +0 +\d+ms$", done.stdout, re.M)
    assert "Alerts: No alert is pending or firing" in done.stdout, "what shows nothing says why"
    link = rf"sre: {shown.grafana}/d/pi-forge/pi-forge-service\?var-environment=local"
    assert re.search(link, done.stdout)
    assert done.stdout.endswith("Next: inv alert\n") and done.stderr == ""
    assert max(map(len, done.stdout.splitlines())) <= 80 + len(shown.grafana)


def test_an_app_of_another_name_has_its_data_too(
    prometheus: str, grafana: Grafana, tmp_path: Path
) -> None:
    demo = Shown(tmp_path / "demo", prometheus, grafana.url, {"app": "demo"})
    done = demo.inv("visualize", "--env=adopted")
    assert done.returncode == 0, done.stderr
    done = demo.inv("visualize.report", "--since=30m", "--env=adopted", "--json")
    told = json.loads(done.stdout)["detail"]
    assert "nothing was measured" not in Path(told["file"]).read_text()
    (errors,) = [each for each in told["figures"] if each["name"] == "error ratio"]
    assert errors["highest"] < 0.01, "its neighbour's are none of its own"


def test_an_environment_may_have_a_stack_of_its_own(
    prometheus: str, grafana: Grafana, tmp_path: Path
) -> None:
    own = {"prometheus": prometheus, "grafana": grafana.url}
    about = {"hosts": ["deploy@a.invalid"], "observability": own}
    nobody = "http://127.0.0.1:1"
    more = {"app": "demo", "environments": {"adopted": about}}
    project = Shown(tmp_path / "a project", nobody, nobody, more)
    done = project.inv("visualize", "--env=adopted")
    assert done.returncode == 0 and f"{grafana.url}/d/pi-forge/" in done.stdout, done.stderr
    assert "var-environment=adopted" in done.stdout


def test_one_document_has_it_all(shown: Shown) -> None:
    done = shown.inv("visualize", "--json")
    told = json.loads(done.stdout)
    assert (told["phase"], told["outcome"], told["next"]) == ("visualize", "closed", "inv alert")
    board = next(each for each in told["detail"]["boards"] if each["role"] == "sre")
    assert board["states"]["data"] == board["queries"] - 1
    (excused,) = [each for each in told["detail"]["findings"] if each["board"] == "pi-forge"]
    assert (excused["panel"], excused["state"]) == ("Alerts", "nothing")
    assert "sre: http" in done.stderr


def test_the_check_changes_nothing(shown: Shown) -> None:
    done = shown.inv("visualize", "--check")
    assert done.returncode == 0 and done.stdout.count("holds") == 5
    assert not (shown.root / ".circle").exists()


def test_without_grafana_prometheus_is_asked(shown: Shown, grafana: Grafana) -> None:
    done = shown.inv("visualize.check", INVOKE_STACK_GRAFANA="http://127.0.0.1:1")
    assert done.returncode == 0, done.stderr
    assert "Pi Forge: service" in done.stdout and grafana.asked == []


class TestPrerequisites:
    """Refused with exit 2, all that is missing named together, each with what mends it."""

    def test_metrics_have_to_arrive(self, shown: Shown) -> None:
        done = shown.inv("visualize", INVOKE_STACK_PROMETHEUS=f"http://127.0.0.1:{port()}")
        assert done.returncode == 2 and "missing: metrics arrive." in done.stderr
        assert "start it with `inv preaggregate`" in done.stderr

    def test_of_this_environment(self, shown: Shown) -> None:
        done = shown.inv("visualize", "--env=ended")
        assert done.returncode == 2 and "no data of ended just now" in done.stderr
        assert "local" in done.stderr, "what there is, is named"

    def test_nobody_knows_of_that_environment(self, shown: Shown) -> None:
        done = shown.inv("visualize", "--env=nowhere")
        assert done.returncode == 2 and "no environment 'nowhere'" in done.stderr

    def test_grafana_has_to_be_there(self, shown: Shown) -> None:
        done = shown.inv("visualize", INVOKE_STACK_GRAFANA=f"http://127.0.0.1:{port()}")
        assert done.returncode == 2 and "missing: Grafana answers." in done.stderr
        assert "start it with `inv preaggregate`" in done.stderr

    def test_and_take_the_password(self, shown: Shown) -> None:
        done = shown.inv("visualize", GRAFANA_ADMIN_PASSWORD="sentinel-4711")
        assert done.returncode == 2 and "GRAFANA_ADMIN_PASSWORD" in done.stderr
        journal = (shown.root / ".circle/journal.jsonl").read_text()
        assert "sentinel" not in done.stdout + done.stderr + journal

    def test_there_have_to_be_dashboards(self, shown: Shown) -> None:
        done = shown.inv("visualize", INVOKE_VISUALIZE_DIRECTORY="none")
        assert done.returncode == 2 and "dashboards to load" in done.stderr
        assert "git restore grafana" in done.stderr

    def test_that_can_be_read(self, shown: Shown) -> None:
        shown.board().write_text("{")
        done = shown.inv("visualize")
        assert done.returncode == 2 and "pi-forge-dashboard.json can't be read" in done.stderr


class TestValidation:
    """Exit 1, the panel named, with the runbook's row and `inv monitor` as the next step."""

    def test_a_board_that_is_not_loaded(self, shown: Shown, grafana: Grafana) -> None:
        del grafana.boards["pi-forge"]
        done = shown.inv("visualize")
        assert done.returncode == 1
        assert "every dashboard loads: pi-forge: Grafana has not loaded it" in done.stderr
        assert done.stderr.endswith("Next: inv monitor --env=local\n")

    def test_an_unsound_board(self, shown: Shown, grafana: Grafana) -> None:
        model = grafana.model("pi-forge")
        model["panels"][1]["gridPos"] = model["panels"][0]["gridPos"]
        model["panels"][2]["type"] = "graph"
        done = shown.inv("visualize")
        assert done.returncode == 1
        first, second = (panel["title"] for panel in model["panels"][:2])
        assert f"{second!r} and {first!r} overlap" in done.stderr
        assert "of a type of Angular's: graph" in done.stderr

    def test_panels_without_data(self, shown: Shown) -> None:
        done = shown.inv("visualize", "--env=lacking")
        assert done.returncode == 1
        assert "CPU (A): no data, its answer is empty" in done.stderr
        assert "Runbook: Panels have no data" in done.stderr
        assert "inv monitor.doctor" in done.stderr

    def test_a_data_source_that_does_not_work(self, shown: Shown, grafana: Grafana) -> None:
        grafana.hosts["prometheus:9090"] = f"http://127.0.0.1:{port()}"
        done = shown.inv("visualize")
        assert done.returncode == 1 and "http://prometheus:9090" in done.stderr
        assert "Runbook: Panels have no data" in done.stderr

    def test_no_data_source(self, shown: Shown, grafana: Grafana) -> None:
        del grafana.sources["prometheus"]
        done = shown.inv("visualize", "--check")
        assert done.returncode == 1 and "has no data source Prometheus" in done.stderr

    def test_a_query_that_is_wrong(self, shown: Shown, grafana: Grafana) -> None:
        grafana.model("pi-forge")["panels"][0]["targets"][0]["expr"] = "sum by ("
        done = shown.inv("visualize")
        assert done.returncode == 1 and "parse error" in done.stderr
        assert "Runbook: A query fails" in done.stderr
        assert "inv visualize.save pi-forge" in done.stderr, "it is not as its file"

    def test_a_variable_that_stands_for_nothing(self, shown: Shown, grafana: Grafana) -> None:
        panel = grafana.model("pi-forge")["panels"][0]
        panel["targets"][0]["expr"] = 'up{instance="$instance"}'
        done = shown.inv("visualize")
        assert done.returncode == 1 and "$instance stands for nothing" in done.stderr

    def test_a_query_that_is_slow(self, shown: Shown, grafana: Grafana) -> None:
        grafana.delay = 0.03
        done = shown.inv("visualize", INVOKE_VISUALIZE_SLOW="20ms")
        assert done.returncode == 1 and re.search(r": slow, it took \d+ms", done.stderr)
        assert "Runbook: A dashboard is slow" in done.stderr

    def test_a_query_that_never_ends(self, shown: Shown, grafana: Grafana) -> None:
        grafana.delay, grafana.delayed = 3, names.IN_FLIGHT
        done = shown.inv("visualize", INVOKE_VISUALIZE_SLOW="400ms")
        assert done.returncode == 1, done.stderr
        assert re.search(r"In flight \(A\): slow, timed out after 2(\.\d+)?s", done.stderr)
        assert "Runbook: A dashboard is slow" in done.stderr

    def test_prometheus_that_goes_while_it_is_asked(self, shown: Shown, grafana: Grafana) -> None:
        grafana.delay = 3
        done = shown.inv("visualize", INVOKE_VISUALIZE_SLOW="100ms")
        assert done.returncode == 1 and "did not answer" in done.stderr
        assert "Runbook: Panels have no data" in done.stderr

    def test_old_data(self, shown: Shown) -> None:
        done = shown.inv("visualize", "--env=halting")
        assert done.returncode == 1
        assert re.search(r"CPU \(A\): stale, its newest sample is \d+m", done.stderr)
        assert "Runbook: Panels show old data" in done.stderr

    def test_a_board_that_does_not_refresh_is_a_warning(
        self, shown: Shown, grafana: Grafana
    ) -> None:
        grafana.model("pi-forge").update(refresh="", time={"from": "now-2h", "to": "now-1h"})
        done = shown.inv("visualize.check")
        assert "warning" not in done.stderr, "the file is sound"
        done = shown.inv("visualize", "--check")
        assert "its range ends at now-1h" in done.stderr
        assert "does not refresh by itself" in done.stderr

    def test_a_bound_that_does_not_count_is_a_warning(self, shown: Shown) -> None:
        done = shown.inv("visualize", INVOKE_SERVICE_THRESHOLDS_ERROR_RATIO="0.05")
        assert done.returncode == 0
        assert "Error ratio draws (0.01,), not 0.05" in done.stderr


def test_the_boards_open_in_a_browser(shown: Shown, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/opened\n')
    browser.chmod(0o755)
    done = shown.inv("visualize", "--open", BROWSER=f"{browser} %s")
    assert done.returncode == 0, done.stderr
    opened = (tmp_path / "opened").read_text().split()
    assert [link.split("/d/")[1].split("/")[0] for link in opened] == [
        "pi-forge-business",
        "pi-forge-developer",
        "pi-forge",
    ]


def test_ctrl_c_ends_it_at_once(shown: Shown, grafana: Grafana) -> None:
    grafana.delay = 20
    environment = os.environ | {"GRAFANA_ADMIN_PASSWORD": stand_in.PASSWORD}
    running = subprocess.Popen(
        [sys.executable, "-m", "invoke", "visualize"],
        cwd=shown.root,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not any("/proxy/" in each for each in grafana.asked):
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=15)
    assert running.returncode == 130 and "inv visualize --check" in said


def port() -> int:
    return observed.port()
