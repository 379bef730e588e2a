"""A stack of real programs for pre-aggregate to prove, and a project that is told where it is."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import requests
import yaml

from tests.support import collector as collectors
from tests.support import observed
from tests.support.collector import Collector
from tests.support.developer import Machine
from tests.support.docked import Docked
from tests.support.flow import SCRAPE
from tests.support.walked import pages
from tests.support.web import Site, serve

ROOT = Path(__file__).parents[2]
KEPT = "--storage.tsdb.retention.time=90d"


class Proven(NamedTuple):
    """What runs: the collector, Prometheus by its URL and directory, and pages for Grafana."""

    collector: Collector
    prometheus: str
    home: Path
    grafana: Site

    def places(self) -> dict[str, str]:
        """Return what `stack:` in invoke.yaml has to say."""
        return {
            "prometheus": self.prometheus,
            "grafana": self.grafana.url,
            "otlp": self.collector.otlp,
            "collector": f"http://{self.collector.own}",
            "collector_metrics": f"http://{self.collector.metrics}",
            "collector_health": self.collector.health,
        }

    def scrape(self, url: str, environment: str = "local") -> None:
        """Have Prometheus scrape a service at `url`."""
        where = url.removeprefix("http://")
        observed.targets(self.home, "service", where, environment=environment, **SCRAPE)

    def scraped(self, url: str) -> None:
        """Wait until Prometheus has scraped a service at `url`, or has tried to."""
        until = time.monotonic() + observed.LIMIT
        while True:
            said = requests.get(f"{self.prometheus}/api/v1/targets", timeout=5).json()["data"]
            tried = {
                each["scrapeUrl"]: each["health"] != "unknown" for each in said["activeTargets"]
            }
            if tried.get(f"{url}/metrics"):
                return
            assert time.monotonic() < until, said
            time.sleep(0.05)


def nowhere(home: Path) -> Proven:
    """Return a stack of which nothing runs."""
    at = "127.0.0.1:9"  # the port of "discard", where nobody listens
    url = f"http://{at}"
    gone = Collector(url, url, at, at, at, url, 0, home / "collector.log")
    return Proven(gone, url, home, Site(url, {}))


@contextmanager
def proven(home: Path, *flags: str) -> Iterator[Proven]:
    """Run a stack until the block ends; flags: Prometheus's own."""
    with ExitStack() as stack:
        kept = stack.enter_context(collectors.collector(home))
        at = observed.linked(home / "prometheus")
        observed.targets(at, "collector", kept.metrics, kept.own, **SCRAPE)
        # Prometheus sees a file that is new in a directory, not a directory that is.
        (at / "prometheus/targets/service").mkdir()
        url = stack.enter_context(observed.prometheus(at, *(flags or (KEPT,))))
        yield Proven(kept, url, at, stack.enter_context(serve(pages())))


class Project(Machine):
    """A project with a stack that is a stand-in's to start, and the reference service."""

    def __init__(self, root: Path, stack: Proven) -> None:
        super().__init__(root)
        (root / "server").symlink_to(ROOT / "server")
        (root / ".gitignore").write_text("*\n")
        self.docker, self.stack, self.port = Docked(root.parent / "bin"), stack, observed.port()
        self.docker.compose(root)
        self.configure()

    def configure(self, **said: Any) -> None:
        """Write invoke.yaml; said: sections of it, in place of the usual ones."""
        quick = {"observability": {"export": "1s", "scrape": "1s"}}
        serve = f"{sys.executable} -m uvicorn server.main:app --no-access-log --port {{port}}"
        usual = {"app": "pi-forge", "stack": self.stack.places(), "service": quick}
        usual["host"] = {"port": self.port, "serve": serve}
        (self.root / "invoke.yaml").write_text(yaml.safe_dump(usual | said))

    def environment(self, **variables: str) -> dict[str, str]:
        kept = super().environment(**{"PATH": self.docker.path, **variables})
        return {key: value for key, value in kept.items() if not key.startswith("OTEL_")}

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Start `inv` and don't wait for it."""
        return subprocess.Popen(
            self.argv(*words),
            cwd=self.root,
            env=self.environment() | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def url(self) -> str:
        """Return where the service is served."""
        return f"http://127.0.0.1:{self.port}"

    def targets(self, port: int) -> None:
        """Say where containers look for the service, as prometheus/targets/ does."""
        folder = self.root / "prometheus/targets/service"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "local.yml").write_text(f"- targets: [host.docker.internal:{port}]\n")
