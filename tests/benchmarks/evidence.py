"""What reading a long journal costs: `inv circle.status` and the scorecard over 100,000 lines.

Run it: `python tests/benchmarks/evidence.py [LINES]`. It prints one JSON object, medians of five
in seconds, by the clock and by the processor, which others on the machine don't lengthen. `own` is
what a command takes less what `inv --list` does; 1 s of the processor or more exits with 1. `read`
is all of the lines as mappings.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

from tasks.lib import journal  # noqa: E402

LIMIT, TIMES, A_COMMIT = 1.0, 5, 20
TASKS = ("circle.status", "circle.scorecard")
CHECKS = [{"name": name, "value": 0.001, "limit": 0.01} for name in ("error_ratio", "p95")]
START = 1735689600  # 2025-01-01T00:00:00Z
GIT = ("git", "-c", "user.name=t", "-c", "user.email=t@example.invalid")


def lines(count: int, last: str) -> Iterator[dict[str, Any]]:
    """Yield the lines of a life of twenty lines a commit; the newest are of `last`."""
    phases = ("lint", "test", "preaggregate", "release", "deploy", "monitor", "monitor", "alert")
    for number in range(count):
        commit = f"{number // A_COMMIT:040x}" if number < count - A_COMMIT else last
        release = f"20260101T000000Z-v1.{number // A_COMMIT}.0-{commit[:7]}"
        detail: dict[str, Any] = {"version": release.split("-")[1], "release": release}
        detail |= {"run": f"deploy-{number}", "environment": "sandbox", "commit": commit}
        detail |= {"from": "", "reverted": False}
        detail |= {"hosts": {f"deploy@{n}.example.com": {"outcome": "closed"} for n in "abc"}}
        detail |= {"watch": {"verdict": "PASS", "seconds": 900.0, "checks": CHECKS}}
        at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(START + number * 300))
        said = {"v": 1, "at": at, "who": "ada@laptop", "phase": phases[number % len(phases)]}
        yield {**said, "outcome": "closed", "seconds": 12.3, "detail": detail, "commit": commit}


def project(directory: Path, count: int) -> Path:
    """Make a project with a commit and a journal of so many lines; returns its directory."""
    for name in ("tasks.py", "tasks"):
        (directory / name).symlink_to(ROOT / name)
    (directory / "invoke.yaml").write_text("app: demo\n")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "first")):
        subprocess.run([*GIT, *words], cwd=directory, check=True, capture_output=True)
    head = subprocess.run([*GIT, "rev-parse", "HEAD"], cwd=directory, capture_output=True)
    path = journal.where(directory)
    journal.prepare(path.parent)
    with path.open("w", encoding="utf-8") as file:
        for line in lines(count, head.stdout.decode().strip()):
            file.write(json.dumps(line) + "\n")
    return directory


def median(act: Callable[[], float]) -> float:
    act()  # compiled code and the disk's cache
    return round(statistics.median(act() for _ in range(TIMES)), 3)


def command(directory: Path, *words: str, clock: Callable[[], float] = time.perf_counter) -> float:
    """Return what a command takes, by a clock."""
    begun = clock()
    argv = [sys.executable, "-m", "invoke", *words]
    subprocess.run(argv, cwd=directory, capture_output=True, check=True)
    return clock() - begun


def processor() -> float:
    """Return what the children that have ended took of the processor, in seconds."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def read(directory: Path, clock: Callable[[], float]) -> float:
    begun = clock()
    journal.read(journal.where(directory))
    return clock() - begun


def measure(count: int) -> dict[str, Any]:
    """Return the figures for journals of so many lines, and of a hundred."""
    found: dict[str, Any] = {"lines": count}
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        long, short = project(Path(one), count), project(Path(other), 100)
        found["megabytes"] = round(journal.where(long).stat().st_size / 1e6, 1)
        found["read"] = median(lambda: read(long, time.perf_counter))
        found["read_processor"] = median(lambda: read(long, time.process_time))
        for about, clock in (("clock", time.perf_counter), ("processor", processor)):
            told = {
                task: median(lambda: command(long, task, clock=clock))
                for task in ("--list", *TASKS)
            }
            own = {task: round(told[task] - told["--list"], 3) for task in TASKS}
            less = {task: median(lambda: command(short, task, clock=clock)) for task in TASKS}
            found[about] = {"command": told, "own": own, "command_with_100_lines": less}
    return found


if __name__ == "__main__":
    figures = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
    print(json.dumps(figures))
    sys.exit(max(figures["processor"]["own"].values()) >= LIMIT)
