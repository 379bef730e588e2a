"""What `inv monitor` asks, and how long that takes where Prometheus has 30 days of 50 instances.

Run it: `python -m tests.benchmarks.monitoring [DAYS [INSTANCES [RUNS]]]` (30, 50 and 5). promtool
makes the past, as blocks, which takes ten minutes: per instance `up`, its start, processor
time and memory, and of the requests counts and buckets, and what the recording rules would have
made of them; a sample every 15 s in the newest day, before it of the rules every minute and of the
instances every 5. It prints one JSON object, and exits with 1 where a refresh takes a second or
asks more than 10 questions.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from tasks.lib.monitor import reviewed
from tasks.lib.monitor.measured import measure
from tasks.lib.monitor.world import World
from tasks.lib.settings import Environment, Settings
from tasks.lib.telemetry import names
from tasks.lib.telemetry.prometheus import Prometheus
from tasks.lib.telemetry.settings import Stack
from tests.support import observed, watched

STEP, OLD_RULES, OLD_INSTANCES = 15, 60, 300  # seconds between two samples
BUCKETS = ("0.005", "0.05", "0.1", "0.5", "1", "5", "+Inf")
SECONDS, QUESTIONS = 1.0, 10
APP, ENVIRONMENT = "pi-forge", "production"
LABELS = f'job="{APP}",environment="{ENVIRONMENT}"'


def series(instances: int) -> Iterator[tuple[str, str, float]]:
    """Yield each series: its name, its labels, and how much it grows in a step (0: it is level)."""
    for number in range(instances):
        own = f'{LABELS},instance="web{number}:8000"'
        yield "up", own, 0
        yield names.STARTED, own, 0
        yield "process_memory_usage_bytes", own, 0
        yield "process_cpu_time_seconds_total", own, 3
        for status in ("200", "404", "500"):
            told = f'{own},http_route="/",http_response_status_code="{status}"'
            yield "http_server_request_duration_seconds_count", told, 30
        for bucket in BUCKETS:
            yield "http_server_request_duration_seconds_bucket", f'{own},le="{bucket}"', 30
    for name in [*watched.WELL, names.UP, names.INSTANCES, names.AVAILABILITY]:
        yield name, LABELS, 0
    for route in range(20):
        for name in (names.ROUTE_RATE, names.ROUTE_P95):
            yield name, f'{LABELS},http_route="/{route}"', 0
    for host in range(instances):
        yield names.WATCH_REQUESTS, f'{LABELS},release="r1",host="web{host}"', 0


def write(out: TextIO, start: int, end: int, newest: bool, instances: int) -> int:
    """Write the samples between two times (Unix) as OpenMetrics; returns how many."""
    count = 0
    by_name: dict[str, list[tuple[str, float]]] = {}
    for name, labels, growth in series(instances):
        by_name.setdefault(name, []).append((labels, growth))
    for name, those in by_name.items():
        step = STEP if newest else OLD_RULES if ":" in name else OLD_INSTANCES
        times = range(start, end, step)
        for labels, growth in those:
            head = f"{name}{{{labels}}} "
            out.writelines(f"{head}{1 + growth * (at // STEP % 10**6)} {at}\n" for at in times)
            count += len(times)
    out.write("# EOF\n")
    return count


def lay(home: Path, days: float, instances: int) -> int:
    """Lay the past into home/data, a day at a time; returns the number of samples."""
    end = int(time.time()) + 900
    start, count = end - int(days * 86400), 0
    text = home / "past.om"
    for begin in range(start, end, 86400):
        with text.open("w") as out:
            until = min(begin + 86400, end)
            count += write(out, begin, until, until == end, instances)
        command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text), "data"]
        subprocess.run(command, cwd=home, check=True, capture_output=True)
        print(f"{count:,} samples", file=sys.stderr)
    text.unlink()
    return count


def timed(url: str, window: float, runs: int) -> dict[str, Any]:
    """Return the median seconds of a refresh with sparklines over `window`, and its questions."""
    took, asked = [], 0
    with Prometheus(url) as prometheus:
        for _ in range(runs):
            before, since = watched.asked(url), time.perf_counter()
            found = measure(prometheus, APP, ENVIRONMENT, window)
            took.append(time.perf_counter() - since)
            assert not found.trouble, found.trouble
            asked = watched.asked(url) - before
    return {"first": round(took[0], 3), "median": round(statistics.median(took), 3), "asked": asked}


def reviewed_in(url: str, period: float) -> float:
    """Return the seconds that it takes to read what a review rests on, without the hosts."""
    about = Settings(app=APP), Environment(name=ENVIRONMENT)
    world = World(*about, (), Path(), Stack())
    with Prometheus(url, 60) as prometheus:
        since = time.perf_counter()
        reviewed.read(world, prometheus, period, ())
        return round(time.perf_counter() - since, 3)


def main(days: float = 30, instances: float = 50, runs: float = 5) -> int:
    """Measure, print, and return the exit code."""
    observed.need("prometheus", "promtool")
    home = Path(tempfile.mkdtemp(prefix="monitoring-"))
    try:
        observed.linked(home)
        samples = lay(home, days, int(instances))
        with observed.prometheus(home, "--storage.tsdb.retention.time=90d") as url:
            windows = {"30m": 1800.0, "1d": 86400.0, "30d": min(days, 30) * 86400.0}
            found = {name: timed(url, window, int(runs)) for name, window in windows.items()}
            half = min(days, 30) / 2 * 86400.0
            review = {"half": reviewed_in(url, half), "1d": reviewed_in(url, min(half, 86400.0))}
    finally:
        shutil.rmtree(home)
    past = {"samples": samples, "days": days, "instances": instances}
    print(json.dumps({**past, "refresh": found, "review_seconds": review}))
    usual = found["30m"]
    return int(usual["median"] >= SECONDS or usual["asked"] > QUESTIONS)


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:])))
