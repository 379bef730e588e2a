"""The collector that ships: the real program, on the shipped file, given what services send."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.support import collector, golang, otlp
from tests.support.collector import Collector
from tests.support.observed import ROOT


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """A collector that runs as shipped."""
    with collector.collector(tmp_path_factory.mktemp("collector")) as found:
        yield found


def test_the_build_has_what_the_shipped_files_name_and_nothing_else() -> None:
    said = subprocess.run([collector.binary(), "components"], capture_output=True, check=True)
    built = yaml.safe_load(said.stdout)
    has = {(kind, each["name"]) for kind in collector.KINDS for each in built.get(kind) or ()}
    named = collector.components(*(yaml.safe_load(p.read_text()) for p in collector.shipped()))
    assert has == named


def test_what_is_built_is_of_the_version_that_is_pinned() -> None:
    composed = (ROOT / "docker-compose.yml").read_text()
    assert f"otel/opentelemetry-collector-contrib:{collector.VERSION}}}" in composed


def test_a_component_that_nobody_knows_can_not_be_built() -> None:
    wanted = collector.components({"exporters": {"kafka/spare": {}}})
    with pytest.raises(KeyError, match="kafka"):
        collector.manifest(wanted)


@pytest.mark.timeout(1)  # which is not for what it has to wait for once a machine
def test_what_was_built_once_is_not_built_again(tmp_path: Path) -> None:
    made = []

    def make(folder: Path) -> None:
        made.append(folder)
        time.sleep(1.2)
        (folder / "tool").write_text("built")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path))
        first, second = (golang.built("tool-1", "tool", make) for _ in range(2))
    assert first == second and first.read_text() == "built" and len(made) == 1


RESOURCE = {
    "service.name": "pi-forge",
    "service.instance.id": "one",
    "deployment.environment.name": "staging",
    "service.version": "20260101T000000Z-v1-c0ffee",
    "host.name": "a.example",
    "process.pid": "7",
}


def test_three_attributes_of_the_resource_become_labels(running: Collector) -> None:
    sent = otlp.metrics(RESOURCE, otlp.count("pi_forge.usage", 3, feature="digits"))
    otlp.send(running.otlp, "metrics", sent)
    [series] = otlp.scraped(running.metrics, "pi_forge_usage_total")
    labels, value = series
    assert value == 3
    assert labels == {
        "job": "pi-forge",
        "instance": "one",
        "environment": "staging",
        "release": "20260101T000000Z-v1-c0ffee",
        "host": "a.example",
        "feature": "digits",
    }


def test_who_says_no_environment_has_no_such_label(running: Collector) -> None:
    bare = {"service.name": "bare", "service.instance.id": "two"}
    otlp.send(running.otlp, "metrics", otlp.metrics(bare, otlp.count("bare.usage", 1)))
    [(labels, _)] = otlp.scraped(running.metrics, "bare_usage_total")
    assert not {"environment", "release", "host"} & set(labels)


def test_what_is_scraped_has_no_times_of_its_own(running: Collector) -> None:
    otlp.send(running.otlp, "metrics", otlp.metrics(RESOURCE, otlp.count("timed", 1)))
    otlp.scraped(running.metrics, "timed_total")
    text = requests.get(f"http://{running.metrics}/metrics", timeout=10).text
    lines = [line for line in text.splitlines() if line.startswith("timed_total{")]
    assert lines and all(len(line.rpartition("} ")[2].split()) == 1 for line in lines)


def test_recipes_add_to_one_count_whoever_of_them_sends(running: Collector) -> None:
    who = {"service.name": "recipes", "service.instance.id": "laptop"}
    for at in (1_800_000_001, 1_800_000_002, 1_800_000_003):
        added = otlp.count("circle.phase.runs", 1, delta=True, at=at, phase="lint")
        otlp.send(running.recipes, "metrics", otlp.metrics(who, added))

    def counted(found: list[tuple[dict[str, str], float]]) -> bool:
        return [value for _, value in found] == [3]

    otlp.scraped(running.recipes_metrics, "circle_phase_runs_total", counted)


def test_traces_are_taken(running: Collector) -> None:
    span: dict[str, Any] = {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": "eee19b7ec3c1b174",
        "name": "GET /",
        "kind": 2,
        "startTimeUnixNano": "1544712660000000000",
        "endTimeUnixNano": "1544712661000000000",
    }
    scope = {"resource": otlp.resource(RESOURCE), "scopeSpans": [{"spans": [span]}]}
    otlp.send(running.otlp, "traces", {"resourceSpans": [scope]})
    otlp.scraped(running.own, "otelcol_receiver_accepted_spans_total")


def test_it_tells_of_itself_and_whether_it_is_well(running: Collector) -> None:
    assert requests.get(running.health, timeout=10).status_code == 200
    [(_, up)] = otlp.scraped(running.own, "otelcol_process_uptime_seconds_total")
    assert up > 0


def test_it_listens_on_this_machine_alone_unless_told_otherwise() -> None:
    text = collector.CONFIG.read_text()
    hosts = {part.partition("}")[0] for part in text.split("${env:COLLECTOR_HOST")[1:]}
    assert hosts == {":-127.0.0.1"}
    assert "0.0.0.0:" not in text
