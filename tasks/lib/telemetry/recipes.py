"""What the recipes tell of themselves: how long a phase took, how it ended, what the tests said.

It goes out at a phase's end as one request of OTLP's JSON. No SDK: the point of one is to gather in
a process that lives on, and to import it would take longer than most phases' own work.
Sources: https://opentelemetry.io/docs/specs/otlp/, and docs/METRICS.md for the names.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any, Callable, Iterator, Mapping, NamedTuple

from . import otlp

LIMIT = 1.0  # seconds that a phase waits for it at most
JOB = "recipes"
RESULTS = ("passed", "failed", "errors", "skipped")
DELTA = 1  # of OTLP's AggregationTemporality: what is sent is added


class Point(NamedTuple):
    """A value, and the labels it is told apart by. added: it is to be added to what was sent."""

    name: str
    unit: str
    value: float
    labels: Mapping[str, str]
    added: bool = False


def enabled(environ: Mapping[str, str]) -> bool:
    """Return whether whoever runs `inv` wants telemetry to be sent."""
    return environ.get("ENABLE_TELEMETRY", "").strip().lower() in ("1", "true", "yes", "on")


def address(config: Any) -> str:
    """Return where to, as Invoke's configuration has it; "" where it has none that could be one.

    It is read as it stands: what ended may be a phase that refused the configuration.
    """
    try:
        return str(config["stack"]["recipes"])
    except (KeyError, TypeError, AttributeError):
        return ""


def points(entry: Mapping[str, Any], environment: str, now: float) -> Iterator[Point]:
    """Yield what a journal's line says in numbers.

    environment: where the phase was at work, "" for nowhere in particular. now: Unix time, seconds.
    """
    labels = {"phase": str(entry["phase"]), "outcome": str(entry["outcome"])}
    labels |= {"environment": environment} if environment else {}
    yield Point("circle.phase.duration", "s", float(entry["seconds"]), labels)
    yield Point("circle.phase.last_run.timestamp", "s", now, labels)
    yield Point("circle.phase.runs", "{run}", 1, labels, added=True)
    if entry["phase"] == "test":
        yield from _tests(entry.get("detail") or {})


def _tests(detail: Mapping[str, Any]) -> Iterator[Point]:
    if detail.get("partial") or "tests" not in detail:
        return  # of some of them nobody can say how the project is doing
    for result in RESULTS:
        yield Point("circle.test.results", "{test}", detail.get(result, 0), {"result": result})
    yield Point("circle.test.duration", "s", detail["pytest_seconds"], {})
    percent = (detail.get("coverage") or [{}])[0].get("percent")
    if percent is not None:
        yield Point("circle.test.coverage", "1", percent / 100, {})


def body(found: Iterator[Point], host: str, now: float) -> dict[str, Any]:
    """Return the request that says so. host: where it was. now: Unix time, seconds."""
    about = {"service.name": JOB, "service.instance.id": host}
    metrics: dict[str, dict[str, Any]] = {}
    for point in found:
        form: dict[str, Any] = {"dataPoints": []}
        if point.added:
            form |= {"aggregationTemporality": DELTA, "isMonotonic": True}
        kind = "sum" if point.added else "gauge"
        metric = metrics.setdefault(
            point.name, {"name": point.name, "unit": point.unit, kind: form}
        )
        metric[kind]["dataPoints"].append(_said(point, now))
    return otlp.request(about, "circle", list(metrics.values()))


def _said(point: Point, now: float) -> dict[str, Any]:
    at = int(now * 10**9)
    return {
        # What is added was so just now: two runs at once must not seem to overlap.
        "startTimeUnixNano": str(at - 1000),
        "timeUnixNano": str(at),
        "asDouble": float(point.value),
        "attributes": otlp.attributes(point.labels),
    }


def tell(
    entry: Mapping[str, Any], url: str, environment: str = "", limit: float = LIMIT
) -> threading.Thread:
    """Send what a journal's line says to the collector at `url`, and return within `limit` seconds.

    Nothing is raised and nothing is said where that fails: the phase has ended as it has ended.
    Returns the thread that sends; it is alive where the time was too short, and ends with `inv`.
    """

    def made(now: float) -> Iterator[Point]:
        return points(entry, environment, now)

    return send(made, url, limit)


def send(
    made: Callable[[float], Iterator[Point]], url: str, limit: float = LIMIT
) -> threading.Thread:
    """Send what `made` makes at a moment (Unix time, seconds), as `tell` does."""
    sender = threading.Thread(target=_send, args=(made, url, limit), daemon=True)
    sender.start()
    with contextlib.suppress(KeyboardInterrupt):  # who won't wait needn't: the phase is over
        sender.join(limit)
    return sender


def _send(made: Callable[[float], Iterator[Point]], url: str, limit: float) -> None:
    import json
    import platform
    import urllib.request

    try:
        now = time.time()
        said = json.dumps(body(made(now), platform.node(), now)).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{url.rstrip('/')}/v1/metrics", said, headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        opener.open(request, timeout=limit).close()
    except Exception:
        pass  # no collector, or none that understands: the journal has it all
