"""A scene for alerts: a real Prometheus with quick rules on a page of the test's own, a real
Alertmanager, and a project whose configuration leads to both."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support import observed
from tests.support.project import Project
from tests.support.web import Answer, Site, serve

ERRORS = "job:http_error_ratio:rate5m"
# As those that ship, but quick: so that a test sees one become true, fire and end.
RULES: dict[str, Any] = {
    "HighErrorRate": {"expr": f"{ERRORS} > 0.01", "for": "1s", "severity": "critical"},
    "HighLatency": {"expr": "job:http_latency_seconds:p95_5m > 1", "severity": "warning"},
    "ServiceDown": {"expr": 'up{job="demo"} == 0', "for": "1s", "severity": "critical"},
    "Watchdog": {"expr": "vector(1)", "severity": "info"},
}
LIMIT = 30.0  # seconds for something to come about


def until(holds: Callable[[], Any], what: str, limit: float = LIMIT) -> Any:
    """Wait until `holds()` is true and return what it returned."""
    end = time.monotonic() + limit
    while not (found := holds()):
        assert time.monotonic() < end, f"{what} took too long"
        time.sleep(0.1)
    return found


def rules(said: Mapping[str, Mapping[str, Any]], every: str) -> dict[str, Any]:
    """Return the rule file that says so; every: how often they are looked at."""
    group = [
        {
            "alert": name,
            "expr": rule["expr"],
            "for": rule.get("for", "0s"),
            "labels": {"severity": rule["severity"], "service": "demo"},
            "annotations": {"summary": f"{name} in {{{{ $labels.environment }}}}"},
        }
        for name, rule in said.items()
    ]
    return {"groups": [{"name": "service", "interval": every, "rules": group}]}


@dataclass
class Scene:
    """What a test goes on in. values: what the page says, by series; `tell` changes it."""

    home: Path
    project: Project
    page: Site
    hook: Site | None = None
    prometheus: str = ""
    alertmanager: str = ""
    values: dict[str, float] = field(default_factory=dict)

    def tell(self, **environments: float) -> None:
        """Have each environment's error ratio be so."""
        for environment, ratio in environments.items():
            self.values[f'{ERRORS}{{job="demo",environment="{environment}"}}'] = ratio
        lines = [f"{series} {value}" for series, value in self.values.items()]
        self.page.answers["/metrics"] = Answer(200, "\n".join(lines) + "\n")

    @staticmethod
    def at(url: str) -> str:
        """Return a URL as Prometheus's targets have it."""
        return url.removeprefix("http://")

    def configure(self, **more: Any) -> None:
        """Write invoke.yaml, with `more` keys in it."""
        file = self.project.root / "invoke.yaml"
        said = yaml.safe_load(file.read_text())
        nobody = "http://127.0.0.1:9"
        said["stack"] = {"prometheus": self.prometheus, "alertmanager": self.alertmanager}
        said["stack"] |= {"grafana": nobody}
        file.write_text(yaml.safe_dump(said | more))

    def pages(self, *names: str) -> None:
        """Have a page for each of these alerts."""
        folder = self.project.root / "docs" / "alerts"
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder / f"{name}.md").write_text(f"# {name}\n\nRun `inv monitor --env=ENV`.\n")


@contextmanager
def scene(
    home: Path,
    receivers: Mapping[str, Any],
    said: Mapping[str, Mapping[str, Any]] = RULES,
    past: str = "",
    every: str = "1s",
) -> Iterator[Scene]:
    """Run all of it until the block ends.

    receivers: Alertmanager's configuration (its route and receivers). said: the rules. past:
    OpenMetrics text of what was before. every: how often the rules are looked at.
    """
    with serve({"/metrics": Answer(200, "")}) as page:
        made = Scene(home, Project(home / "project"), page)
        made.tell(sandbox=0.0)
        with observed.alerting(home, receivers) as made.alertmanager:
            (home / "rules.yml").write_text(yaml.safe_dump(rules(said, every)))
            _prometheus(home, made.alertmanager)
            observed.targets(home, "service", made.at(page.url), environment="sandbox")
            if past:
                observed.backfill(home, past)
            with observed.prometheus(home) as made.prometheus:
                made.configure()
                yield made


def _prometheus(home: Path, alertmanager: str) -> None:
    scrape = {
        "job_name": "demo",
        "honor_labels": True,
        "file_sd_configs": [{"files": ["prometheus/targets/service/*.yml"]}],
    }
    told = {"static_configs": [{"targets": [alertmanager.removeprefix("http://")]}]}
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": [told]},
        "scrape_configs": [scrape],
    }
    (home / "prometheus.yml").write_text(yaml.safe_dump(config))
