"""The whole flow, of the real programs on the shipped files: service, collector, Prometheus.

service --OTLP--> collector --scraped--> Prometheus, and the service's own /metrics. Alertmanager
joins where it is given. What a test shortens is said by variables and by the targets' own labels.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import requests

from tasks.lib.telemetry.prometheus import Prometheus, Value
from tests.support import collector as collectors
from tests.support import observed
from tests.support.observed import ROOT, port, running, targets

EXPORT = 1000  # milliseconds between two exports of a service; 15000 as shipped
SCRAPE = {"__scrape_interval__": "1s", "__scrape_timeout__": "1s"}  # of a target; 15s as shipped
LIMIT = 60.0  # seconds until what was sent has to be seen; rules are evaluated every 15


class Served(NamedTuple):
    """A service that runs: its base URL, where it is one of, its process, its log."""

    url: str
    environment: str
    release: str
    host: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def ask(self, path: str = "/", times: int = 1, method: str = "GET", **words: Any) -> None:
        """Send it so many requests; whatever it answers is right. words: as requests takes them.

        Each has a connection of its own: a server closes the one on which it failed.
        """
        for _ in range(times):
            requests.request(method, self.url + path, timeout=10, **words)


class Flow(NamedTuple):
    """What runs: the services by environment, the collector, and Prometheus, by its client."""

    home: Path
    services: Mapping[str, Served]
    collector: collectors.Collector
    prometheus: Prometheus

    def total(self, query: str) -> float:
        """Return the one value of a query, 0 where it has none."""
        return sum(each.value for each in self.prometheus.query(query))

    def until(self, query: str, holds: Callable[[Sequence[Value]], bool] = bool) -> list[Value]:
        """Return the answer to a query once it is so; fails when that takes longer than LIMIT."""
        until = time.monotonic() + LIMIT
        while not holds(found := list(self.prometheus.query(query))):
            assert time.monotonic() < until, f"{query} is still {found}"
            time.sleep(0.2)
        return found


@contextmanager
def service(
    home: Path,
    otlp: str = "",
    environment: str = "staging",
    host: str = "a.example",
    application: str = "server.main:app",
    **variables: str,
) -> Iterator[Served]:
    """Run the reference service until the block ends, as a host would start it.

    home: where its log is kept, and where more modules may be. otlp: the collector's base URL; ""
    has it run without telemetry. variables: more of its environment.
    """
    at, release = port(), f"20260101T000000Z-v1-{environment}"
    own = {"RELEASE_ID": release, "VERSION": "v1", "COMMIT": "c0ffee"}
    own |= {"ENVIRONMENT": environment, "HOST_NAME": host}
    if otlp:
        own |= {"ENABLE_TELEMETRY": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": otlp}
        own |= {"OTEL_METRIC_EXPORT_INTERVAL": str(EXPORT)}
    path = os.pathsep.join([str(ROOT), str(home)])
    kept = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    env = {**kept, **own, "PYTHONPATH": path, **variables}
    words = [sys.executable, "-m", "uvicorn", f"--port={at}", "--no-access-log", application]
    log, url = home / f"service-{environment}-{at}.log", f"http://127.0.0.1:{at}"
    with running(words, log, f"{url}/api/health", env=env) as process:
        yield Served(url, environment, release, host, process, log)


@contextmanager
def flow(
    home: Path,
    environments: Sequence[str] = ("staging",),
    alertmanager: str = "",
    flags: Sequence[str] = (),
    application: str = "server.main:app",
) -> Iterator[Flow]:
    """Run all of it until the block ends, with one service in each of `environments`.

    home: a directory of its own, where modules may be. alertmanager: host:port of one that is to be
    told, "" for nobody. flags: more of Prometheus's own. application: what is served.
    """
    with ExitStack() as stack:
        kept = stack.enter_context(collectors.collector(home))
        served = {
            name: stack.enter_context(service(home, kept.otlp, name, application=application))
            for name in environments
        }
        at = observed.linked(home / "prometheus")
        for name, each in served.items():
            targets(at, "service", each.url.removeprefix("http://"), environment=name, **SCRAPE)
        targets(at, "collector", kept.metrics, kept.recipes_metrics, kept.own, **SCRAPE)
        if alertmanager:
            targets(at, "alertmanager", alertmanager)
        url = stack.enter_context(observed.prometheus(at, *flags))
        yield Flow(home, served, kept, stack.enter_context(Prometheus(url)))
