"""A service in the sandbox that a real Prometheus knows, with a past that the test makes up."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import requests
import yaml

from tasks.lib.telemetry import names
from tests.support import observed
from tests.support.flow import Served
from tests.support.past import Past
from tests.support.project import Project

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = "http://127.0.0.1:9"  # the port of "discard", where nobody listens
SERVER = f"{sys.executable} -m uvicorn server.main:app --uds {{socket}} --no-access-log"
AHEAD = 900.0  # seconds
REFERENCE: dict[str, Any] = {"run": SERVER, "smoke": [], "requirements": ""}

WELL = {
    names.RATE: 20.0,
    names.ERROR_RATIO: 0.002,
    names.P50: 0.01,
    names.P95: 0.2,
    names.P99: 0.4,
    names.IN_FLIGHT: 3.0,
    names.CPU: 0.5,
    names.CPU_MAX: 0.3,
    names.MEMORY: 2e8,
    names.MEMORY_MAX: 1.2e8,
}


def reference(project: Project) -> None:
    """Have the project deploy the reference service, which is run by the tests' own Python."""
    shutil.copytree(ROOT / "server", project.root / "server", ignore=lambda *_: {"__pycache__"})
    project.configure(**REFERENCE)
    project.commit("the reference service")


def well(past: Past, instances: int = 2, job: str = "demo", but: Any = None) -> None:
    """Add a service that does well, but for the series in `but` (None: that is not there)."""
    for name, value in {**WELL, **(but or {})}.items():
        if value is not None:
            past.add(name, value, job=job)
    for number in range(instances):
        past.add("up", 1.0, job="pi-forge", instance=f"web{number}:8000")
    if names.UP not in (but or {}):
        past.add(names.UP, float(instances), job="pi-forge")
        past.add(names.INSTANCES, float(instances), job="pi-forge")


@contextlib.contextmanager
def known(home: Path, *pasts: Past, rules: str = "") -> Iterator[dict[str, str]]:
    """Run Prometheus with that past; yield the variables by which `inv` finds it, and no Grafana.

    rules: a file of alert rules of the test's own, in place of those that ship, which wait long.
    """
    observed.linked(home)
    if rules:
        (home / "prometheus" / "rules").unlink()
        (home / "prometheus" / "rules").mkdir()
        (home / "prometheus" / "rules" / "test.yml").write_text(rules)
    observed.backfill(home, "".join(past.text().removesuffix("# EOF\n") for past in pasts))
    with observed.prometheus(home, "--storage.tsdb.retention.time=90d") as url:
        yield variables(url)


def variables(prometheus: str) -> dict[str, str]:
    """The variables by which `inv` asks that Prometheus, and a Grafana that is away."""
    return {
        "INVOKE_STACK_PROMETHEUS": prometheus,
        "INVOKE_STACK_GRAFANA": NOWHERE,
        "INVOKE_STACK_ALERTMANAGER": NOWHERE,
    }


def asked(url: str) -> int:
    """Return how many questions of its API this Prometheus has answered so far."""
    text = requests.get(f"{url}/metrics", timeout=10).text
    told = re.findall(r'^prometheus_http_requests_total\{.*handler="/api/.*\} (\d+)', text, re.M)
    return sum(map(int, told))


def recently(seconds: float = 1800.0, **labels: str) -> Past:
    """A past that reaches so far beyond now that a test may take its time."""
    now = time.time()
    return Past(now - seconds, now + AHEAD, 15.0, **{"environment": "sandbox", **labels})


def boards(
    home: Path, prometheus: str, services: Iterable[Served]
) -> Callable[..., dict[str, Any]]:
    """Return what looks at one of these services by `inv monitor` (or `inv` and other words), and
    expects that exit code.

    home: a directory that becomes a project of which nothing is known but these environments.
    """
    for name in ("tasks.py", "tasks"):
        (home / name).symlink_to(ROOT / name)
    nobody = ["nobody@127.0.0.1:9"]
    said = {each.environment: {"hosts": nobody, "url": each.url} for each in services}
    (home / "invoke.yaml").write_text(yaml.safe_dump({"app": "pi-forge", "environments": said}))

    def board(environment: str, code: int, *words: str) -> dict[str, Any]:
        words = (*(words or ("monitor", "--no-logs")), f"--env={environment}", "--json")
        done = subprocess.run(
            [sys.executable, "-m", "invoke", *words],
            cwd=home,
            env={**os.environ, **variables(prometheus)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == code, done.stdout + done.stderr
        told = json.loads(done.stdout)
        assert isinstance(told, dict)
        return told

    return board
