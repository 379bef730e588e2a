"""The peers' own programs, installed into a place that goes away again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.peers.peer import HERE, Peer


def install(place: Path, chosen: Sequence[type[Peer]]) -> Path:
    """Install what the chosen peers need from pip, by hash; the directory of its commands."""
    if any(peer.from_pip for peer in chosen):
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        words = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        words += ["--require-hashes", "-r", str(HERE / "requirements.txt")]
        subprocess.run([str(place / "bin" / "python"), *words], check=True)
    return place / "bin"
