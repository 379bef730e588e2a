"""Repositories that take the recipes, and a clone of these that they come from."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Mapping

from tasks.lib.adopt import closure
from tasks.lib.adopt.answers import Given
from tasks.lib.declare import Outcome

from .foreign import variables
from .project import GIT, ROOT

MAIN = '''"""A shop."""

import os

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
def home() -> dict[str, str]:
    return {"shop": "open"}


@app.get("/healthz")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/version")
def version() -> dict[str, str]:
    return {"release": os.environ.get("RELEASE_ID", "")}
'''

SHOP = {
    "README.md": "# Shop\n",
    "requirements.txt": "fastapi\n",
    "shop/__init__.py": "",
    "shop/main.py": MAIN,
    "tests/test_main.py": "def test_it():\n    assert True\n",
    ".gitignore": "*.log\n.venv/",
    "docker-compose.yml": "services: {}\n",
}


def git(root: Path, *words: str) -> str:
    done = subprocess.run([*GIT, *words], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def repository(root: Path, files: dict[str, str]) -> Path:
    """Make a repository of one commit at `root`, in which somebody may commit."""
    root.mkdir(parents=True, exist_ok=True)
    git(root, "init", "-q", "-b", "main")
    for name, value in (("user.name", "t"), ("user.email", "t@example.invalid")):
        git(root, "config", name, value)
    return commit(root, files)


def commit(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "As it is")
    return root


def recipes(root: Path) -> Path:
    """Clone these recipes, and commit there what is not committed here: it is what is tested."""
    subprocess.run(["git", "clone", "-q", str(ROOT), str(root)], check=True)
    for name, value in (("user.name", "t"), ("user.email", "t@example.invalid")):
        git(root, "config", name, value)
    asked = ("ls-files", "-z", "--modified", "--others", "--exclude-standard")
    for name in filter(None, set(git(ROOT, *asked).split("\0"))):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, root / name)
        else:
            (root / name).unlink(missing_ok=True)
    (root / ".venv").symlink_to(sys.prefix)
    (root / ".git/info/exclude").write_text(".venv\n")
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", "What is tested")
    return root


def adopt(recipes: Path, root: Path, plan: bool = False, **said: Any) -> Outcome:
    """Bring the recipes into a repository, with nobody to ask."""
    return closure.adopt(recipes, str(root), Given(**said), None, plan)


def inv(
    root: Path, *words: str, env: Mapping[str, str] | None = None, timeout: float = 90
) -> subprocess.CompletedProcess[str]:
    """Run `inv words…` by the tests' own Python, in a repository that has adopted the recipes."""
    return subprocess.run(
        [sys.executable, "-m", "invoke", *words],
        cwd=root,
        env=variables({"COLUMNS": "80", **(env or {})}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def clean(root: Path) -> bool:
    return git(root, "status", "--porcelain") == "" and not os.path.exists(root / ".git/MERGE_HEAD")


def recipes_of(clone: Path, root: Path) -> Path:
    """Clone such a clone once more, to change the recipes in it."""
    subprocess.run(["git", "clone", "-q", str(clone), str(root)], check=True)
    for name, value in (("user.name", "t"), ("user.email", "t@example.invalid")):
        git(root, "config", name, value)
    return root
