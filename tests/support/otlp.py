"""What services send, said by hand as OTLP's JSON, and what Prometheus would then scrape.

Source: https://opentelemetry.io/docs/specs/otlp/ (JSON Protobuf encoding).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import requests
from prometheus_client.parser import text_string_to_metric_families

LIMIT = 20.0  # seconds until what was sent has to be seen
DELTA, CUMULATIVE = 1, 2  # of AggregationTemporality
Found = list[tuple[dict[str, str], float]]


def resource(attributes: Mapping[str, str]) -> dict[str, Any]:
    """Return a resource that has these attributes."""
    return {"attributes": _attributes(attributes)}


def metrics(about: Mapping[str, str], *each: dict[str, Any]) -> dict[str, Any]:
    """Return what a service with the resource attributes `about` sends of these metrics."""
    scope = {"scope": {"name": "test"}, "metrics": list(each)}
    return {"resourceMetrics": [{"resource": resource(about), "scopeMetrics": [scope]}]}


def count(
    name: str, value: float, *, delta: bool = False, at: float | None = None, **labels: str
) -> dict[str, Any]:
    """Return a counter; `delta` says that it is what was added. at: Unix time, in seconds."""
    now = int((at or time.time()) * 10**9)
    point = {"startTimeUnixNano": str(now - 10**6), "timeUnixNano": str(now), "asDouble": value}
    points = [{**point, "attributes": _attributes(labels)}]
    how = DELTA if delta else CUMULATIVE
    total = {"aggregationTemporality": how, "isMonotonic": True, "dataPoints": points}
    return {"name": name, "sum": total}


def send(base: str, signal: str, what: Mapping[str, Any]) -> None:
    """Post it to a collector. signal: "metrics" or "traces"."""
    answer = requests.post(f"{base}/v1/{signal}", json=what, timeout=10)
    assert answer.status_code == 200, answer.text


def scraped(at: str, name: str, holds: Callable[[Found], bool] = bool) -> Found:
    """Return the samples called `name` (labels, value) that `at` (host:port) shows, as soon as
    they are so; fails when that takes longer than LIMIT."""
    until = time.monotonic() + LIMIT
    while not holds(found := samples(requests.get(f"http://{at}/metrics", timeout=10).text, name)):
        assert time.monotonic() < until, f"{name} is not as expected at {at}: {found}"
        time.sleep(0.1)
    return found


def samples(text: str, name: str) -> Found:
    """Return the samples called `name` of a text that Prometheus could scrape."""
    # Of a counter the parser expects that its name ends in _total, and would have it so.
    untyped = "".join(f"{line}\n" for line in text.split("\n") if not line.startswith("# TYPE"))
    families = text_string_to_metric_families(untyped)
    return [(s.labels, s.value) for f in families for s in f.samples if s.name == name]


def _attributes(of: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in of.items()]
