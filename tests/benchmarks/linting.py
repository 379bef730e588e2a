"""What `inv lint` costs beside Black and Flake8 run by hand, one after the other, on the same tree.

Run it: `python tests/benchmarks/linting.py [RUNS] [--whole]` (5 runs, interleaved; a minute or
two). It prints one JSON object and exits with 1 when the median ratio is above 1.15.

The tree is this repository's own Python, in a repository of its own, without hooks and without
settings for mypy: what is compared is the same work. `--whole` measures the tree as it is instead,
with mypy, the scripts and the YAML; Black's cache is warm in both, as it is for whoever works here.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
GIT = ("git", "-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "gc.auto=0")
LIMIT = 1.15

# As users have it: with it, all of ours would be compiled anew for every command.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def tree(root: Path, whole: bool) -> None:
    """Copy what git has here into a repository at `root`, with this Python's own .venv."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if not (ROOT / name).is_file() or not (whole or wanted(name)):
            continue
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    if not whole:
        settings = root / "pyproject.toml"
        settings.write_text(
            re.sub(r"(?ms)^\[+tool\.mypy.*?(?=^\[tool\.pytest)", "", settings.read_text())
        )
    (root / ".venv").symlink_to(sys.prefix)
    (root / ".gitignore").write_text(".venv\n.mypy_cache/\n__pycache__/\n")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "x")):
        subprocess.run([*GIT, *words], cwd=root, check=True)


def wanted(name: str) -> bool:
    return name.endswith(".py") or name in ("pyproject.toml", ".flake8")


def spent(root: Path, *argvs: list[str]) -> tuple[float, float]:
    """Return what commands take one after the other, in seconds: by the clock, and of processors.

    Each has to end well.
    """
    since, before = time.perf_counter(), processors()
    for argv in argvs:
        subprocess.run(argv, cwd=root, check=True, capture_output=True)
    return time.perf_counter() - since, processors() - before


def processors() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(runs: int, whole: bool) -> dict[str, object]:
    """Return the medians of `runs` pairs: seconds of both, and their ratio; that of the processor
    time too, which other work on the machine hardly changes."""
    by_hand = [[str(BIN / "black"), "."], [str(BIN / "flake8"), "."]]
    ours = [str(BIN / "inv"), "lint"]
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory).resolve()
        tree(root, whole)
        spent(root, *by_hand, ours)  # compiled code and caches
        pairs = [(spent(root, *by_hand), spent(root, ours)) for _ in range(runs)]
    return {
        "runs": runs,
        "tree": "whole" if whole else "python",
        "by_hand_seconds": round(statistics.median(hand[0] for hand, _ in pairs), 3),
        "seconds": round(statistics.median(own[0] for _, own in pairs), 3),
        "ratio": round(statistics.median(own[0] / hand[0] for hand, own in pairs), 3),
        "processors_ratio": round(statistics.median(own[1] / hand[1] for hand, own in pairs), 3),
        "ratios": sorted(round(own[0] / hand[0], 3) for hand, own in pairs),
    }


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    found = measure(numbers[0] if numbers else 5, "--whole" in sys.argv)
    print(json.dumps(found))
    sys.exit(float(str(found["ratio"])) > LIMIT)
