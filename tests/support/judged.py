"""Three sandbox hosts with the reference service, whose telemetry goes the whole way: SDK,
collector, Prometheus. Releases of it are good, fail or are slow, and the watch of their deploy has
to judge them.

Users ask /work. Probes ask it, too, or / alone: then only Prometheus can see what is wrong there.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from scripts.load import Load
from tests.support import collector as collectors
from tests.support import observed
from tests.support.project import ROOT, Project

HOSTS = 3
RATE = 30.0  # of users, requests a second on all hosts together
GOOD, FAILING, SLOW = "", "errors=0.05", "slow=2"
THRESHOLDS = {"interval": "1s", "failures": 3, "paths": ["/work"]}

SERVICE = """
import asyncio, os, random

from fastapi import HTTPException

from server.main import app

words = open("BEHAVIOUR", encoding="utf-8").read().split()
said = {key: float(value) for key, _, value in (word.partition("=") for word in words)}


@app.get("/work")
async def work() -> dict[str, str]:
    await asyncio.sleep(said.get("slow", 0.0))
    if random.random() < said.get("errors", 0.0):
        raise HTTPException(500)
    return {"release": app.release.id}
"""


class Ground(NamedTuple):
    """The project whose default environment these hosts are, and Prometheus's URL.

    every: seconds between two exports, and between two scrapes. stop: ends Prometheus.
    """

    project: Project
    prometheus: str
    every: float
    stop: Callable[[], None]

    def configure(self, prometheus: bool, paths: Sequence[str] = ("/work",), **said: Any) -> None:
        """Have the watch ask Prometheus, or not, and the probes these paths."""
        thresholds = {**THRESHOLDS, "paths": list(paths), **said.pop("thresholds", {})}
        every = f"{self.every:g}s"
        own = {"prometheus": self.prometheus, "watch": prometheus, "export": every}
        self.project.configure(
            thresholds=thresholds, observability={**own, "scrape": every}, **said
        )

    def load(self) -> Load:
        """Return the users of all hosts."""
        state = json.loads((self.project.root / ".sandbox" / "state.json").read_text())
        fronts = [f"http://127.0.0.1:{host['front_port']}/work" for host in state["hosts"]]
        return Load(fronts, RATE, timeout=30.0)

    def deploy(self, behaviour: str, watch: str, code: int) -> dict[str, Any]:
        """Deploy a release that behaves so, under load; what `inv` told."""
        self.project.quiet()
        self.project.commit(f"{behaviour or 'good'} release", behaviour)
        with self.load():
            return self.project.document("deploy", f"--watch={watch}", code=code, timeout=300)


@contextmanager
def ground(directory: Path, every: float = 2.0) -> Iterator[Ground]:
    """Run all of it until the block ends. Skips the test where a program is missing."""
    observed.need("prometheus")
    with ExitStack() as stack:
        directory.mkdir(parents=True, exist_ok=True)
        kept = stack.enter_context(collectors.collector(directory))
        run = f"{sys.executable} -m uvicorn work:app --uds {{socket}} --no-access-log"
        project = Project(
            directory / "project",
            hosts=HOSTS,
            app="pi-forge",
            service={"run": run, "smoke": [{"path": "/"}]},
        )
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "server", project.root / "server", ignore=ignored)
        project.commit("the service", **{"work.py": SERVICE})
        up = project.inv("host", "--env=sandbox")
        assert up.returncode == 0, up.stdout + up.stderr
        stack.callback(project.inv, "host.down", "--env=sandbox")
        telling = {"ENABLE_TELEMETRY": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": kept.otlp}
        telling["OTEL_METRIC_EXPORT_INTERVAL"] = str(round(every * 1000))
        for number in range(1, HOSTS + 1):
            project.env(number, **telling)
        home = observed.linked(directory / "prometheus")
        state = json.loads((project.root / ".sandbox" / "state.json").read_text())
        fronts = [f"127.0.0.1:{host['front_port']}" for host in state["hosts"]]
        quick = {"__scrape_interval__": f"{every:g}s", "__scrape_timeout__": f"{every:g}s"}
        observed.targets(home, "service", *fronts, environment="sandbox", **quick)
        observed.targets(home, "collector", kept.metrics, kept.own, **quick)
        own = stack.enter_context(ExitStack())
        url = own.enter_context(observed.prometheus(home))
        yield Ground(project, url, every, own.close)
