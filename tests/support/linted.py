"""A scratch project to lint: a git repository with the recipes and the real tools in its .venv."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.lib.scratch import Scratch

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
TOOLS = ("black", "flake8", "mypy", "pre-commit")
IGNORED = ".venv/\ntasks.py\ntasks\n"
CLEAN = 'NAME = "clean"\n'


class Linted:
    """A project at `root`. tools: what its .venv has; nothing else of Python is in PATH.

    repository: whether it is one of git, with a first commit.
    """

    def __init__(self, root: Path, tools: tuple[str, ...] = TOOLS, repository: bool = True) -> None:
        self.root = root
        root.mkdir()
        commands = root / ".venv" / "bin"
        commands.mkdir(parents=True)
        for name in tools:
            (commands / name).symlink_to(BIN / name)
        self.git = Scratch(root)
        if repository:
            for name in ("tasks.py", "tasks"):
                (root / name).symlink_to(ROOT / name)
            self.git = Scratch.new(root)
            self.git.commit({".gitignore": IGNORED, "app.py": CLEAN})
            return
        # Copied: by a link, Black would rewrite the recipes themselves if lint ever let it.
        shutil.copy(ROOT / "tasks.py", root)
        shutil.copytree(
            ROOT / "tasks", root / "tasks", ignore=shutil.ignore_patterns("__pycache__")
        )
        self.git.write({"app.py": CLEAN, "invoke.yaml": "lint: {exclude: [tasks.py, tasks]}\n"})

    def inv(
        self, *words: str, code: int | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `inv words…` to its end, and expect an exit code."""
        done = subprocess.run(
            [sys.executable, "-m", "invoke", *words],
            cwd=self.root,
            env=self.variables() | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
        )
        if code is not None:
            assert done.returncode == code, done.stdout + done.stderr
        return done

    def variables(self) -> dict[str, str]:
        """A developer's shell in which no virtual environment is activated."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith("INVOKE_")}
        own = {
            name: str(self.root.parent / name) for name in ("BLACK_CACHE_DIR", "PRE_COMMIT_HOME")
        }
        return kept | {"PATH": "/usr/local/bin:/usr/bin:/bin", "NO_COLOR": "1"} | own

    def journal(self) -> list[dict[str, Any]]:
        """Return the lines of the journal."""
        file = self.root / ".circle" / "journal.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        return [json.loads(line) for line in lines]

    def read(self, name: str) -> str:
        return (self.root / name).read_text()


def table(output: str) -> dict[str, tuple[str, str]]:
    """Return the table that lint prints: by tool, files and findings."""
    rows = re.findall(r"^(\S+) +(\d+|-) +(\d+)\b.* \d+\.\d\d$", output, re.MULTILINE)
    return {name: (files, findings) for name, files, findings in rows}
