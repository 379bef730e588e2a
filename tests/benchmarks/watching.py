"""How soon the watch of a deploy takes a bad release back, by probes and by Prometheus, and that it
takes back no good one: three sandbox hosts, the reference service, a real collector and Prometheus.

Run it: `python tests/benchmarks/watching.py [--runs 5] [--healthy 20] [--every 5]`.
Releases fail 5 % of their requests, or have a p95 of 2 s, under 30 requests a second. EVERY is the
seconds between two exports and two scrapes (15 as shipped). For Prometheus the probes ask where
nothing is wrong. Measured is from the switch of the first host to the last one's way back. Bounds:
`interval` x `failures` + 2 s, for Prometheus 2 x (export + scrape) more. Exit code 1 where one does
not hold in the median, or a good release was taken back.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support import judged  # noqa: E402
from tests.support.judged import FAILING, GOOD, HOSTS, SLOW, Ground  # noqa: E402

QUICK = 3.0  # seconds: `interval` times `failures` of tests/support/judged.py
MARGIN = 2.0


class Row(NamedTuple):
    """What was measured of one kind of release and one source, in seconds."""

    release: str
    by: str
    median: float
    slowest: float
    bound: float


def taken_back(ground: Ground, behaviour: str) -> float:
    """Deploy a release that behaves so; return the seconds from the first host's switch to it to
    the last one's way back."""
    before, done = ground.project.current(), threading.Event()
    seen: list[float] = []

    def look() -> None:
        while not done.wait(0.02):
            live = {ground.project.current(number) for number in range(1, HOSTS + 1)}
            if (live != {before}) is (len(seen) == 0):
                seen.append(time.monotonic())

    watcher = threading.Thread(target=look)
    watcher.start()
    told = ground.deploy(behaviour, "5m", code=1)
    done.set()
    watcher.join()
    assert told["detail"]["reverted"] and len(seen) >= 2, told
    return seen[1] - seen[0]


def bad(ground: Ground, runs: int) -> Iterator[Row]:
    """Yield a row for each kind of bad release and each source."""
    for by in ("probes", "Prometheus"):
        asked = by == "Prometheus"
        ground.configure(prometheus=asked, paths=["/"] if asked else ["/work"])
        bound = QUICK + MARGIN + (4 * ground.every if asked else 0.0)
        for name, behaviour in (("5 % errors", FAILING), ("p95 2 s", SLOW)):
            found = [taken_back(ground, behaviour) for _ in range(runs)]
            yield Row(name, by, statistics.median(found), max(found), bound)


def healthy(ground: Ground, runs: int) -> list[dict[str, Any]]:
    """Deploy good releases that are watched by both; return what was told of each."""
    ground.configure(prometheus=True)
    watch = f"{QUICK + 4 * ground.every + 1:g}s"
    found = []
    for number in range(runs):
        ground.project.quiet()
        ground.project.commit(f"good {number}", GOOD)
        with ground.load():
            done = ground.project.inv("deploy", f"--watch={watch}", "--json", timeout=300)
        found.append({"code": done.returncode, "said": done.stderr})
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--healthy", type=int, default=20)
    parser.add_argument("--every", type=float, default=5.0)
    said = parser.parse_args()
    held = True
    with tempfile.TemporaryDirectory(prefix="watching-") as place:
        with judged.ground(Path(place) / "ground", said.every) as ground:
            ground.configure(prometheus=False)
            ground.project.document("deploy", "--watch=0s")
            print("| release | taken back by | median | slowest | bound |\n|---|---|--:|--:|--:|")
            for row in bad(ground, said.runs):
                held &= row.median <= row.bound
                figures = f"{row.median:.1f} s | {row.slowest:.1f} s | {row.bound:g} s"
                print(f"| {row.release} | {row.by} | {figures} |", flush=True)
            runs = healthy(ground, said.healthy)
    wrong = [each["said"] for each in runs if each["code"] != 0]
    print(f"\nGood releases taken back: {len(wrong)} of {len(runs)}")
    print("\n".join(wrong[:1]))
    return 0 if held and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
