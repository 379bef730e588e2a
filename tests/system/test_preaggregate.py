"""`inv preaggregate` on the shipped stack, on a real engine: the service on this machine listens on
loopback alone, and Prometheus in its container scrapes it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
import requests
import yaml

from tests.support import composing, observed
from tests.support.flow import SCRAPE
from tests.support.walked import pages
from tests.support.web import serve
from tests.system import stacked
from tests.system.engine import Engine
from tests.system.stacked import ROOT, Stacked

Done = subprocess.CompletedProcess[str]


class Project:
    """The copy of the shipped files with the recipes and the service beside them."""

    def __init__(self, stack: Stacked, grafana: str) -> None:
        self.stack, self.root = stack, stack.home
        for name in ("tasks.py", "tasks", "server"):
            (self.root / name).symlink_to(ROOT / name)
        self.port = observed.port()
        target = {"targets": [f"host.docker.internal:{self.port}"]}
        target["labels"] = {"environment": "local", **SCRAPE}  # type: ignore[assignment]
        (self.root / "prometheus/targets/service/local.yml").write_text(yaml.safe_dump([target]))
        collector = self.root / "prometheus/targets/collector/stack.yml"
        said = yaml.safe_load(collector.read_text())
        collector.write_text(yaml.safe_dump([{**said[0], "labels": SCRAPE}]))
        places = {
            name.lower(): stack.url(name)
            for name in ("OTLP", "RECIPES", "COLLECTOR", "COLLECTOR_METRICS", "COLLECTOR_HEALTH")
        }
        places |= {name.lower(): stack.url(name) for name in ("PROMETHEUS", "ALERTMANAGER")}
        command = f"{sys.executable} -m uvicorn server.main:app --no-access-log --port {{port}}"
        config: dict[str, Any] = {
            "app": "pi-forge",
            "stack": places | {"grafana": grafana},
            "host": {"port": self.port, "serve": command},
            "service": {"observability": {"export": "1s", "scrape": "1s"}},
        }
        (self.root / "invoke.yaml").write_text(yaml.safe_dump(config))

    def inv(self, *words: str) -> Done:
        argv = [sys.executable, "-m", "invoke", *words]
        return subprocess.run(
            argv,
            cwd=self.root,
            env={**os.environ, **self.stack.variables, "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=200,
        )


@pytest.fixture(scope="module")
def project(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    if wrong := stacked.missing():
        pytest.skip(wrong)
    home = tmp_path_factory.mktemp("preaggregate")
    config = str(composing.configured(home / "docker"))
    with stacked.images(docker), serve(pages()) as grafana:
        made = Stacked(docker, home / "project", {"DOCKER_CONFIG": config})
        found = Project(made, grafana.url)
        try:
            yield found
        finally:
            found.inv("preaggregate.down")
            made.remove()


def test_a_wrong_configuration_is_told_by_the_collector_of_the_image(project: Project) -> None:
    file = project.root / "otel-collector-config.yaml"
    text = file.read_text()
    file.write_text(text.replace("processors:\n", "processors:\n  bunch:\n", 1))
    try:
        refused = project.inv("preaggregate")
    finally:
        file.write_text(text)
    assert refused.returncode == 2, refused.stderr
    assert "bunch" in refused.stdout + refused.stderr
    assert "Runbook: The collector doesn't start" in refused.stderr
    assert project.stack.container("otel-collector") == ""


def test_the_whole_way(project: Project) -> None:
    done = project.inv("preaggregate", "--json")
    assert done.returncode == 0, done.stderr
    detail = json.loads(done.stdout)["detail"]
    assert {hop["state"] for hop in detail["hops"]} == {"holds"}, detail
    assert "Containers, and nobody else, reach the service as host.docker.internal" in done.stderr
    again = project.inv("preaggregate")
    assert again.returncode == 0 and "Starting the service at" not in again.stdout, again.stderr
    doctor = project.inv("monitor.doctor", "--env=local")
    assert "  holds      Prometheus tells Alertmanager" in doctor.stdout, doctor.stdout


def test_nobody_but_containers_reaches_the_service(project: Project) -> None:
    """From this machine's own addresses neither the service nor the way to it answers."""
    own = {
        each.address
        for some in psutil.net_if_addrs().values()
        for each in some
        if each.family == socket.AF_INET
    }
    listening = {
        each.laddr.ip
        for each in psutil.net_connections("tcp4")
        if each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port == project.port
    }
    assert "0.0.0.0" not in listening and "127.0.0.1" in listening and len(listening) == 2
    for address in own - {"127.0.0.1"}:
        with pytest.raises(requests.RequestException):
            requests.get(f"http://{address}:{project.port}/api/health", timeout=5)


def test_it_ends_what_it_started(project: Project) -> None:
    done = project.inv("preaggregate.down")
    assert done.returncode == 0 and "Ended the stack" in done.stdout, done.stderr
    assert project.stack.container("prometheus") == ""
    with pytest.raises(requests.RequestException):
        requests.get(f"http://127.0.0.1:{project.port}/api/health", timeout=5)
