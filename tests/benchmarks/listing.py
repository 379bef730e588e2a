"""What `inv --list` costs beside that of an empty one-task `tasks.py`, measured in pairs.

Run it: `python tests/benchmarks/listing.py [PAIRS]` (30 pairs). It prints one JSON object and exits
with 1 when the median ratio is above 1.2. Pairs, because a busy machine slows both of one alike.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EMPTY = 'from invoke import task\n\n\n@task\ndef nothing(c):\n    """Do nothing."""\n'
LIMIT = 1.2


# As users have it: with it, all of ours would be compiled anew for every command.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def listed(directory: Path) -> float:
    """Return the seconds that `inv --list` takes in `directory`."""
    since = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "invoke", "--list"], cwd=directory, check=True, capture_output=True
    )
    return time.perf_counter() - since


def measure(pairs: int) -> dict[str, float]:
    """Return the medians of `pairs` pairs: seconds of both, and their ratio."""
    with tempfile.TemporaryDirectory() as directory:
        empty = Path(directory)
        (empty / "tasks.py").write_text(EMPTY)
        listed(empty), listed(ROOT)  # compiled code and the disk's cache
        times = [(listed(empty), listed(ROOT)) for _ in range(pairs)]
    return {
        "pairs": pairs,
        "empty_seconds": round(statistics.median(first for first, _ in times), 4),
        "seconds": round(statistics.median(second for _, second in times), 4),
        "ratio": round(statistics.median(second / first for first, second in times), 3),
    }


if __name__ == "__main__":
    found = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
    print(json.dumps(found))
    sys.exit(found["ratio"] > LIMIT)
