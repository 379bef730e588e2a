"""`inv monitor.doctor`: what it prints, how it ends, and which row of the runbook it names."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import tasks
from tasks.lib.telemetry import hops
from tasks.lib.telemetry.flow import Hop
from tests.support.developer import Machine
from tests.support.walked import AWAY, World, walked
from tests.support.web import Answer

Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with walked(tmp_path_factory.mktemp("doctor")) as made:
        yield made


@pytest.fixture
def machine(world: World, tmp_path: Path) -> Machine:
    return configured(Machine(tmp_path / "a project"), world)


def configured(machine: Machine, world: World, **places: str) -> Machine:
    """Have a project's stack be the one of the test."""
    stack = {name: getattr(world.flow.places, name) for name in world.flow.places.__struct_fields__}
    remote = {"hosts": ["deploy@remote.example"], "observability": {"prometheus": AWAY}}
    said: dict[str, Any] = {"app": "pi-forge", "stack": stack | places}
    said["host"] = {"port": int(world.service.url.rpartition(":")[2])}
    said["service"] = {"observability": {"scrape": "1s"}}
    said["environments"] = {"remote": remote}
    (machine.root / "invoke.yaml").write_text(yaml.safe_dump(said))
    return machine


def doctor(machine: Machine, *words: str, env: str = "local") -> Done:
    secret = "a sentinel"
    return machine.inv("monitor.doctor", f"--env={env}", *words, GRAFANA_ADMIN_PASSWORD=secret)


def test_where_all_holds_each_hop_is_told_and_nothing_is_written(machine: Machine) -> None:
    done = doctor(machine)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "From pi-forge in local to who looks at it:"
    assert [line.startswith("  holds ") for line in lines[1:-1]] == [True] * len(hops.ALL), lines
    assert lines[-1] == "Next: inv monitor --env=local"
    assert machine.journal() == [] and "a sentinel" not in done.stdout + done.stderr


def test_json_is_one_document_of_every_hop(machine: Machine) -> None:
    done = doctor(machine, "--json")
    detail = json.loads(done.stdout)["detail"]
    assert [hop["kind"] for hop in detail["hops"]] == [hop.kind for hop in hops.ALL]
    assert {hop["state"] for hop in detail["hops"]} == {"holds"} and detail["broken"] == ""


@pytest.mark.parametrize(
    ("place", "kind", "row"),
    [
        ("collector_health", "collector", "The collector doesn't start"),
        ("prometheus", "prometheus", "Prometheus doesn't answer"),
        ("grafana", "grafana", "Grafana doesn't start"),
        ("alertmanager", "alertmanager", "Alerts don't arrive"),
    ],
)
def test_the_first_broken_hop_is_named_with_its_row(
    machine: Machine, world: World, place: str, kind: str, row: str
) -> None:
    configured(machine, world, **{place: AWAY})
    done = doctor(machine, "--json")
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    assert told["detail"]["broken"] == told["error"]["kind"] == kind
    assert [each["issue"] for each in told["troubleshooting"]] == [row]
    assert f"Runbook: {row}" in done.stderr and "Next: inv preaggregate" in done.stderr
    assert told["detail"]["hops"][-1]["state"] in ("broken", "not looked at")


def test_grafana_without_its_data_source(machine: Machine, world: World) -> None:
    before = world.grafana.answers["/api/datasources"]
    world.grafana.answers["/api/datasources"] = Answer(200, "[]")
    try:
        done = doctor(machine)
    finally:
        world.grafana.answers["/api/datasources"] = before
    assert done.returncode == 1
    assert "  broken     Grafana reaches Prometheus; what is behind it was not" in done.stdout
    assert "Runbook: Grafana shows no data" in done.stderr


def test_where_nothing_can_be_known_that_is_said(machine: Machine) -> None:
    done = doctor(machine, env="remote")
    assert done.returncode == 2
    assert "Nothing can be known of remote from here: Prometheus at" in done.stderr
    assert "not known  the service answers: the address of the service is not" in done.stdout


def test_an_environment_that_is_not_there_is_refused(machine: Machine) -> None:
    done = doctor(machine, env="nowhere")
    assert done.returncode == 2 and "There is no environment 'nowhere'" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("hop", hops.ALL, ids=lambda hop: hop.kind)
def test_every_hop_has_a_row_of_the_runbook(hop: Hop) -> None:
    rows = getattr(tasks, "preaggregate").PHASE.troubleshooting
    assert sum(hop.kind in row.kinds for row in rows) == 1
