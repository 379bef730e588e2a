"""A project with the dashboards that ship, a Prometheus with what they ask for, and a Grafana."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tasks.lib.telemetry import names
from tests.support.project import GIT

ROOT = Path(__file__).parents[2]
STEP = 15
AHEAD = 900  # seconds: samples reach so far beyond now, that a test may take its time
ROUTES = ("/", "/api/health", "/api/orders/{id}")

COUNTED = (  # one each so many seconds
    ("pi_forge_usage_total", 'feature="digits"', 2),
    ("pi_forge_conversions_total", 'plan="starter"', 60),
    ("pi_forge_conversions_total", 'plan="pro"', 300),
)

TOLD = (  # by the recipes about themselves
    ("circle_phase_duration_seconds", 'phase="lint",outcome="closed"', 3.5),
    ("circle_phase_duration_seconds", 'phase="deploy",outcome="closed",environment="local"', 42),
    ("circle_phase_last_run_timestamp_seconds", 'phase="lint",outcome="closed"', 1.7e9),
    ("circle_phase_runs_total", 'phase="lint",outcome="closed"', 12),
    ("circle_phase_runs_total", 'phase="lint",outcome="troubled"', 2),
    ("circle_test_results", 'result="passed"', 240),
    ("circle_test_results", 'result="failed"', 1),
    ("circle_test_duration_seconds", "", 12.5),
    ("circle_test_coverage_ratio", "", 0.91),
)

Value = Callable[[float], float | None]


def _wave(middle: float, swing: float, seconds: float) -> Value:
    return lambda at: middle + swing * math.sin(at / seconds)


def _always(value: float) -> Value:
    return lambda at: value


def _count(start: float, every: float) -> Value:
    return lambda at: (at - start) // every


# A day of a service: a value for each recorded name at a time.
RECORDED: dict[str, Value] = {
    names.RATE: _wave(12, 4, 900),
    names.ERROR_RATIO: _wave(0.002, 0.002, 700),
    names.P50: _wave(0.05, 0.01, 600),
    names.P95: _wave(0.2, 0.05, 600),
    names.P99: _wave(0.4, 0.1, 600),
    names.IN_FLIGHT: _always(3),
    names.CPU: _always(0.2),
    names.MEMORY: _always(9e7),
    names.UP: _always(2),
    names.INSTANCES: _always(2),
    names.AVAILABILITY: _always(1),
}


def metrics(
    start: float,
    end: float,
    environment: str = "local",
    but: Collection[str] = (),
    only: Collection[str] = (),
    step: int = STEP,
    job: str = "pi-forge",
    **over: Value,
) -> str:
    """Return OpenMetrics of a service between two times, without the names in `but`, or just
    those in `only`.

    job: the app. over: what other values are, by the last word of a name: `error_ratio`, `p95`.
    """
    labels, scraped = f'job="{job}",environment="{environment}"', f'environment="{environment}"'
    scraped = f'job="pi-forge",{scraped}'  # the job of the scrape, whatever the app is called
    series = {
        (name, scraped if name.startswith("job:up:") else labels): value
        for name, value in RECORDED.items()
    }
    series |= {(getattr(names, key.upper()), labels): value for key, value in over.items()}
    for number, route in enumerate(ROUTES, 1):
        of = f'{labels},http_route="{route}"'
        series[names.ROUTE_RATE, of] = _always(4)
        series[names.ROUTE_P95, of] = _always(0.1 * number)
    of = f'{labels},release="20260101T000000Z-v1.4.0-abcdef0",host="a"'
    series[names.WATCH_REQUESTS, of] = _always(600)
    for counter, of, every in COUNTED:
        series[counter, f"{labels},{of}"] = _count(start, every)
    told = 'job="recipes",instance="laptop"'
    series["process_start_time_seconds", f'{scraped},instance="a:8000"'] = _always(start)
    for name, of, said in TOLD:
        series[name, f"{told},{of}".rstrip(",")] = _always(said)
    of = f'alertname="HighLatency",alertstate="firing",severity="warning",{labels}'
    middle = (start + end) / 2
    series["ALERTS", of] = lambda at: 1 if middle < at < middle + 600 else None
    lines: list[str] = []
    for name in dict.fromkeys(
        name for name, _ in series if name in (only or {name}) and name not in but
    ):
        lines.append(f"# TYPE {name} gauge")
        for (own, of), value in series.items():
            if own == name:
                found = ((at, value(at)) for at in range(int(start), int(end), step))
                lines += [f"{name}{{{of}}} {v:.6g} {at}" for at, v in found if v is not None]
    return "\n".join(lines) + "\n"


def recent(hours: float = 1, **about: Any) -> str:
    """Return the same from some hours ago to a while from now."""
    now = time.time()
    return metrics(now - hours * 3600, now + AHEAD, **about)


@dataclass
class Shown:
    """A repository at `root` with the recipes and grafana/, asking the two given addresses."""

    root: Path
    prometheus: str
    grafana: str
    more: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True)
        for name in ("tasks.py", "tasks"):
            (self.root / name).symlink_to(ROOT / name)
        shutil.copytree(ROOT / "grafana", self.root / "grafana")
        stack = {"prometheus": self.prometheus, "grafana": self.grafana}
        # A busy machine is no slow dashboard.
        said = {"app": "pi-forge", "stack": stack, "visualize": {"slow": "20s"}, **self.more}
        (self.root / "invoke.yaml").write_text(yaml.safe_dump(said))
        self.git("init", "-q")
        (self.root / ".git" / "info" / "exclude").write_text("tasks\ntasks.py\n.circle\n")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "first")

    def git(self, *words: str) -> str:
        done = subprocess.run([*GIT, *words], cwd=self.root, check=True, capture_output=True)
        return done.stdout.decode().strip()

    def inv(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run `inv words…` to its end, with these variables in its environment."""
        usual = {k: v for k, v in os.environ.items() if not k.startswith(("INVOKE_", "GRAFANA_"))}
        return subprocess.run(
            [sys.executable, "-m", "invoke", *words],
            cwd=self.root,
            env=usual | {"GRAFANA_ADMIN_PASSWORD": "correct horse"} | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def board(self, name: str = "sre/pi-forge-dashboard.json") -> Path:
        return self.root / "grafana" / "dashboards" / name

    def edit(self, path: Path, **panels: Any) -> None:
        """Change keys of the board's first panel."""
        model = json.loads(path.read_text())
        model["panels"][0] |= panels
        path.write_text(json.dumps(model))
