"""What telemetry goes along: pages of our own, and a real Prometheus that scrapes two of them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tasks.lib.telemetry import hops
from tasks.lib.telemetry.flow import Flow
from tasks.lib.telemetry.settings import Stack
from tests.support import observed
from tests.support.flow import SCRAPE
from tests.support.web import Answer, Site, serve

SERVICE = "pi_forge_build_info 1\npi_forge_telemetry_enabled 1\n"
OWN = """# TYPE otelcol_receiver_accepted_metric_points_total counter
otelcol_receiver_accepted_metric_points_total{receiver="otlp/service",transport="http"} 40
otelcol_receiver_accepted_metric_points_total{receiver="otlp/recipes",transport="http"} 7
otelcol_receiver_refused_metric_points_total{receiver="otlp/service",transport="http"} 0
otelcol_exporter_sent_metric_points_total{exporter="prometheus/service"} 40
"""
SHOWN = (
    'http_server_request_duration_seconds_count{job="pi-forge",instance="a",environment="local"} 12'
)
SOURCE = [{"uid": "prometheus", "name": "Prometheus", "type": "prometheus", "url": "http://p:9090"}]
AWAY = "http://127.0.0.1:9"  # discard: nothing listens there


class World(NamedTuple):
    """What a walk goes along: the pages of each program, and a Prometheus that scrapes two."""

    service: Site
    own: Site
    shown: Site
    grafana: Site
    alertmanager: Site
    home: Path
    flow: Flow


@contextmanager
def walked(home: Path) -> Iterator[World]:
    """Run them until the block ends; home: an empty directory of Prometheus's."""
    observed.linked(home)
    with (
        serve({"/api/health": Answer(), "/metrics": Answer(200, SERVICE)}) as service,
        serve({"/": Answer(), "/metrics": Answer(200, OWN)}) as own,
        serve({"/metrics": Answer(200, SHOWN + "\n")}) as shown,
        serve(pages()) as grafana,
        serve({"/-/ready": Answer(), "/api/v2/alerts": Answer()}) as alertmanager,
    ):
        observed.targets(home, "service", _at(service), environment="local", **SCRAPE)
        observed.targets(home, "collector", _at(shown), **SCRAPE)
        observed.targets(home, "alertmanager", _at(alertmanager))
        with observed.prometheus(home, "--storage.tsdb.retention.time=90d") as prometheus:
            places = Stack(
                prometheus=prometheus,
                alertmanager=alertmanager.url,
                grafana=grafana.url,
                collector=own.url,
                collector_metrics=shown.url,
                collector_health=own.url,
            )
            flow = Flow("pi-forge", "local", service.url, places, scrape=1.0)
            world = World(service, own, shown, grafana, alertmanager, home, flow)
            until = time.monotonic() + 60
            while hops.broken(hops.walk(flow, hops.KEEPING)):
                assert time.monotonic() < until, hops.walk(flow, hops.KEEPING)
                time.sleep(0.2)
            yield world


def _at(site: Site) -> str:
    return site.url.removeprefix("http://")


def pages() -> dict[str, Answer]:
    """Return what Grafana answers where its data source works."""
    return {
        "/api/health": Answer(200, '{"database": "ok", "version": "13.2.0"}'),
        "/api/datasources": Answer(200, json.dumps(SOURCE)),
        "/api/datasources/uid/prometheus/health": Answer(200, '{"status": "OK"}'),
    }
