"""The real collector on free loopback ports, reading the configuration that ships.

It is built from its Go modules with exactly the components that the shipped files name, in the
version of the image that is pinned.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.support import golang
from tests.support.observed import ROOT, port, running

CONFIG = ROOT / "otel-collector-config.yaml"
VERSION = "0.161.0"  # of the components; what of the collector is stable goes by another number
STABLE = "1.67.0"
CORE = "go.opentelemetry.io/collector"
CONTRIB = "github.com/open-telemetry/opentelemetry-collector-contrib"
# Where a component of a kind and a type is, as far as the shipped files may name it.
MODULES = {
    ("receivers", "otlp"): f"{CORE}/receiver/otlpreceiver",
    ("processors", "batch"): f"{CORE}/processor/batchprocessor",
    ("processors", "memory_limiter"): f"{CORE}/processor/memorylimiterprocessor",
    ("processors", "transform"): f"{CONTRIB}/processor/transformprocessor",
    ("processors", "delta_to_cumulative"): f"{CONTRIB}/processor/deltatocumulativeprocessor",
    ("exporters", "debug"): f"{CORE}/exporter/debugexporter",
    ("exporters", "prometheus"): f"{CONTRIB}/exporter/prometheusexporter",
    ("extensions", "health_check"): f"{CONTRIB}/extension/healthcheckextension",
    ("extensions", "bearertokenauth"): f"{CONTRIB}/extension/bearertokenauthextension",
}
KINDS = ("receivers", "processors", "exporters", "extensions", "connectors")


def shipped() -> list[Path]:
    """Return the collector's configurations that ship."""
    return sorted(ROOT.glob("otel-collector*.yaml"))


def components(*configurations: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return the components that configurations name, as (kind, type)."""
    return {
        (kind, name.partition("/")[0])
        for configuration in configurations
        for kind in KINDS
        for name in configuration.get(kind) or ()
    }


def manifest(wanted: set[tuple[str, str]]) -> str:
    """Return what the collector's builder is to be given for these components.

    Raises KeyError for one that MODULES doesn't know.
    """
    said: dict[str, Any] = {
        "dist": {"name": "otelcol", "version": VERSION, "output_path": ".", "module": "otelcol"},
        "providers": [
            {"gomod": f"{CORE}/confmap/provider/{name}provider v{STABLE}"}
            for name in ("env", "file", "yaml")
        ],
        "telemetry": {
            "gomod": f"{CORE}/service v{VERSION}",
            "import": f"{CORE}/service/telemetry/otelconftelemetry",
        },
    }
    for kind, name in sorted(wanted):
        said.setdefault(kind, []).append({"gomod": f"{MODULES[kind, name]} v{VERSION}"})
    return yaml.safe_dump(said)


def binary() -> Path:
    """Return the collector's program, built now if it wasn't. Skips the test without Go."""
    read = [yaml.safe_load(path.read_text()) for path in shipped()]
    text = manifest(components(*read))

    def make(folder: Path) -> None:
        (folder / "manifest.yaml").write_text(text)
        builder = str(golang.installed(golang.BUILDER))
        words = [builder, "--config=manifest.yaml", "--ldflags=-s -w"]
        golang.run(
            words, folder, PATH=f"{Path(golang.go()).parent}:{os.environ['PATH']}", GOFLAGS=""
        )

    key = hashlib.sha256(text.encode()).hexdigest()[:12]
    return golang.built(f"otelcol-{VERSION}-{key}", "otelcol", make)


class Collector(NamedTuple):
    """A collector that runs: base URLs, but for the two that Prometheus scrapes (host:port).

    otlp: for services. recipes: for the recipes. metrics, recipes_metrics, own: what Prometheus
    scrapes: of services, of recipes, of the collector itself. health: its health check.
    """

    otlp: str
    recipes: str
    metrics: str
    recipes_metrics: str
    own: str
    health: str
    pid: int
    log: Path


def environment(**ports: int) -> dict[str, str]:
    """Return the variables by which the shipped file's ports are chosen: COLLECTOR_OTLP_PORT …"""
    return {f"COLLECTOR_{name.upper()}_PORT": str(number) for name, number in ports.items()}


@contextmanager
def collector(home: Path, more: Sequence[Path] = (), **variables: str) -> Iterator[Collector]:
    """Run a collector on the shipped configuration until the block ends.

    home: where its log is kept. more: configurations that are laid over the shipped one. variables:
    of its environment.
    """
    program = binary()
    names = ("otlp", "recipes", "metrics", "recipes_metrics", "own", "health")
    ports = {name: port() for name in names}
    words = [str(program), *(f"--config={path}" for path in (CONFIG, *more))]
    at = {name: f"127.0.0.1:{number}" for name, number in ports.items()}
    log = home / "collector.log"
    said = {**os.environ, **environment(**ports), **variables}
    with running(words, log, f"http://{at['health']}", env=said) as process:
        yield Collector(
            f"http://{at['otlp']}",
            f"http://{at['recipes']}",
            at["metrics"],
            at["recipes_metrics"],
            at["own"],
            f"http://{at['health']}",
            process.pid,
            log,
        )
