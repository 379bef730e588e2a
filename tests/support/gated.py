"""A project whose deploys are gated, and who its gates ask: git, GitHub, Prometheus, incidents."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from invoke.config import Config
from invoke.context import Context
from invoke.exceptions import Exit

import tasks
from tasks.lib import console
from tasks.lib.telemetry import names
from tests.support import observed, web
from tests.support.github import GitHub
from tests.support.past import Past
from tests.support.project import Project

NAME = "2026-11-25-checkout-fails"  # of an incident


class Ground(NamedTuple):
    """What the gates are asked about: a project with two hosts, and those that they ask."""

    project: Project
    hub: GitHub
    prometheus: str
    site: web.Site
    said: pytest.CaptureFixture[str]

    @property
    def commit(self) -> str:
        return self.project.git("rev-parse", "HEAD")

    def configure(self, *gates: str, **staging: Any) -> None:
        """Have an environment staging with those gates, after `first`, which has none."""
        project = self.project
        own = {"gates": list(gates), **staging}
        project.others = {"first": project.at(2), "staging": project.at(1, **own)}
        project.configure()
        path = project.root / "invoke.yaml"
        said = yaml.safe_load(path.read_text())
        said["test"] = {"checks": ["unit", "system"]}
        said["notify"] = {"environments": ["staging"]}
        path.write_text(yaml.safe_dump(said))

    def deploy(self, code: int = 0, **options: Any) -> dict[str, Any]:
        """Run `inv deploy --json` in this process; its document."""
        config = Config(project_location=self.project.root)
        config.load_project()
        config.load_collection(tasks.DEFAULTS)
        self.said.readouterr()
        ended = 0
        try:
            tasks.deploy.deploy.body(Context(config), **{"env": "staging", **options, "json": True})
        except Exit as error:
            ended = int(error.code)
        finally:
            console.set_json(False)
        out, err = self.said.readouterr()
        assert ended == code, out + err
        told = json.loads(out)
        assert isinstance(told, dict)
        return {**told, "said": err}

    def state(self) -> tuple[str, list[dict[str, Any]], set[str]]:
        """All that a deploy changes on the host."""
        there = (self.project.host(1) / "releases").is_dir()
        releases = self.project.releases(1) if there else set()
        return self.project.current(1), self.project.journal(1), releases

    def page(self, state: str) -> None:
        """Have an incident of staging in that state."""
        file = self.project.root / "docs" / "incidents" / f"{NAME}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        head = f"---\nenvironment: staging\nstate: {state}\nopened: 2026-11-25T10:00:00Z\n---\n"
        file.write_text(f"{head}\n# Checkout fails\n")


@contextmanager
def spent(home: Path) -> Iterator[str]:
    """Run a Prometheus that knows of a day on which half of the requests failed; its URL."""
    observed.linked(home)
    now = time.time()
    about = {"job": "demo", "environment": "staging"}
    past = Past(now - 2 * 86400, now + 900, 60.0)
    past.add(names.RATE, 10.0, **about)
    past.add(names.ERRORS, lambda at: 5.0 if at < now - 86400 else 0.001, **about)
    past.add(names.OBJECTIVE, 0.001)
    observed.backfill(home, past.text())
    with observed.prometheus(
        home, "--web.enable-admin-api", "--storage.tsdb.retention.time=90d"
    ) as url:
        yield url
