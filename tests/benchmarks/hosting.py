"""What `inv host` takes when there is nothing to do, beside `inv --list`, measured in pairs.

Run it: `python tests/benchmarks/hosting.py [PAIRS]` (20 pairs). It runs in a project of its own,
which it sets up first, with the locks and .env.example that are here. It prints one JSON object and
exits with 1 when the median is not under a second.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 1.0  # seconds
TAKEN = ("tasks.py", "invoke.yaml", ".env.example", *(each.name for each in ROOT.glob("req*.txt")))


# As users have it: with it, all of ours would be compiled anew for every command.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def project(root: Path) -> None:
    """Make a project that is the recipes' own, without its history."""
    for name in TAKEN:
        shutil.copy(ROOT / name, root / name)
    for name in ("tasks", "server", "scripts"):
        shutil.copytree(ROOT / name, root / name)
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    subprocess.run([str(root / "scripts/setup")], cwd=root, check=True)


def seconds(root: Path, *words: str) -> float:
    """Return the seconds that `inv` takes with `words`."""
    since = time.perf_counter()
    inv = [str(root / ".venv/bin/inv"), *words]
    subprocess.run(inv, cwd=root, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return time.perf_counter() - since


def measure(pairs: int) -> dict[str, float]:
    """Return the medians of `pairs` pairs, in seconds, and what the first run took."""
    with tempfile.TemporaryDirectory(prefix="hosting-") as directory:
        root = Path(directory).resolve()
        project(root)
        first = seconds(root, "host")
        times = [(seconds(root, "--list"), seconds(root, "host")) for _ in range(pairs)]
    return {
        "pairs": pairs,
        "first_seconds": round(first, 2),
        "list_seconds": round(statistics.median(listing for listing, _ in times), 3),
        "seconds": round(statistics.median(host for _, host in times), 3),
        "slowest_seconds": round(max(host for _, host in times), 3),
    }


if __name__ == "__main__":
    found = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
    print(json.dumps(found))
    sys.exit(found["seconds"] >= LIMIT)
