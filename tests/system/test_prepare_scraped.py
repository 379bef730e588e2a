"""What `inv host --env=…` writes for Prometheus: the real one reaches each host's service by it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.lib.telemetry.prometheus import Prometheus
from tests.support import observed
from tests.support.project import Project
from tests.support.rig import SUPPORT
from tests.system.engine import Engine
from tests.system.servers import HOST, fresh
from tests.system.site import ENVIRONMENT, Site

pytestmark = pytest.mark.system
One = tuple[Site, Project]
NAME = "demo.example.com"
FILE = f"prometheus/targets/service/{ENVIRONMENT}.yml"
LIMIT = 60.0  # seconds; only ever ends a test that has failed


@pytest.fixture(scope="module")
def hosts(docker: Engine, debian: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[One]:
    """Two servers with a name of their own: what is asked by others has Debian's own site."""
    observed.need("prometheus")
    site = Site(docker, debian, count=2)
    try:
        project = fresh(site, tmp_path_factory.mktemp("scraped") / "project", host_header=NAME)
        (project.root / FILE).parent.mkdir(parents=True)
        yield site, project
    finally:
        site.close()


def configure(hosts: One, *metrics_from: str) -> None:
    site, project = hosts
    said = {"host_header": NAME, "url": "", "server": {"metrics_from": list(metrics_from)}}
    project.others = {ENVIRONMENT: site.environment(**said)}
    project.configure()


def test_prometheus_reaches_each_host_by_what_is_written(hosts: One, tmp_path: Path) -> None:
    site, project = hosts
    planned = project.inv(*HOST, "--plan")
    assert FILE in planned.stdout and "name 2 to Prometheus" in planned.stdout
    assert "to themselves alone" in planned.stderr, "who isn't let in is said before"
    assert not (project.root / FILE).exists()
    configure(hosts, "127.0.0.1", f"{site.machines[0].address.rpartition('.')[0]}.1")
    checked = project.inv(*HOST, "--check")
    assert checked.returncode == 1 and FILE in checked.stdout
    done = project.document(*HOST)
    assert done["detail"]["here"]["state"] == "changed"
    assert project.document(*HOST, "--check")["detail"]["here"]["state"] == "holds"
    said = "json.dumps(body)"
    app = (SUPPORT / "app.py").read_text()
    app = app.replace(said, f'("demo_said 1\\n" if self.path == "/metrics" else {said})')
    project.commit("say metrics", **{"app.py": app})
    project.document("deploy", "--watch=0s")

    home = observed.linked(tmp_path / "prometheus")
    (home / "prometheus" / "targets" / "service").mkdir(parents=True)
    (home / FILE).symlink_to(project.root / FILE)
    with observed.prometheus(home) as url, Prometheus(url) as prometheus:
        until = time.monotonic() + LIMIT
        while len(found := prometheus.query(f'up{{environment="{ENVIRONMENT}"}} == 1')) < 2:
            assert time.monotonic() < until, [
                t["lastError"] for t in prometheus.get("targets")["activeTargets"]
            ]
            time.sleep(0.5)
    named = {machine.name for machine in site.machines}
    assert {each.labels["host"] for each in found} == named
    assert {each.labels["instance"] for each in found} == named
    assert {each.labels["job"] for each in found} == {"pi-forge"}
