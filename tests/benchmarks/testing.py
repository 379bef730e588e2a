"""What `inv test` costs beside `pytest` itself on the same tests, measured in pairs.

Run it: `python tests/benchmarks/testing.py [PAIRS]` (5 pairs). It prints one JSON object and exits
with 1 when the median of what is added is above 0.5 s. Pairs, because a busy machine slows both of
one alike; which of them is first takes turns. `processor` is what is added of processor time, which
tells a slow `inv` from a busy machine.
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
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
TESTS = "import pytest\n\n\n@pytest.mark.parametrize('n', range(200))\ndef test_it(n):\n    pass\n"
LIMIT = 0.5

# As users have it: with it, all of ours would be compiled anew for every command.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def made(directory: Path) -> Path:
    """Return a repository with 200 tests, the recipes and our own tools."""
    (directory / "tests").mkdir()
    (directory / "tests" / "test_it.py").write_text(TESTS)
    (directory / ".gitignore").write_text(".venv\n__pycache__\ntasks\ntasks.py\n")
    for name in ("tasks", "tasks.py"):
        (directory / name).symlink_to(ROOT / name)
    (directory / ".venv").symlink_to(sys.prefix)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.invalid"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "Tests"]):
        subprocess.run([*git, *words], cwd=directory, check=True)
    return directory


class Taken(NamedTuple):
    """What a command took, in seconds."""

    wall: float
    processor: float


def taken(project: Path, *words: str) -> Taken:
    """Return what a command of the virtual environment takes in `project`."""
    command = project / ".venv" / "bin" / words[0]
    since, before = time.perf_counter(), os.times()
    subprocess.run([command, *words[1:]], cwd=project, check=True, capture_output=True)
    after = os.times()
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    return Taken(time.perf_counter() - since, used)


def pair(project: Path, number: int) -> tuple[Taken, Taken]:
    """Return what pytest takes and what `inv test` does."""
    if number % 2:
        ours = taken(project, "inv", "test")
        return taken(project, "pytest"), ours
    return taken(project, "pytest"), taken(project, "inv", "test")


def measure(pairs: int) -> dict[str, float]:
    """Return the medians of `pairs` pairs: seconds of both, and of what is added."""
    with tempfile.TemporaryDirectory() as directory:
        project = made(Path(directory))
        pair(project, 0)  # compiled code and the disk's cache
        times = [pair(project, number) for number in range(pairs)]
    middle = statistics.median
    return {
        "pairs": pairs,
        "pytest_seconds": round(middle(first.wall for first, _ in times), 3),
        "seconds": round(middle(second.wall for _, second in times), 3),
        "added": round(middle(second.wall - first.wall for first, second in times), 3),
        "processor": round(
            middle(second.processor - first.processor for first, second in times), 3
        ),
    }


if __name__ == "__main__":
    found = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
    print(json.dumps(found))
    sys.exit(found["added"] > LIMIT)
