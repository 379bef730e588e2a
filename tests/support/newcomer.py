"""A small service of somebody who has the recipes and follows the pages: what its blocks run in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.support.pages import Block
from tests.support.project import Project

PRICES = '''"""What things cost."""


def price(pieces: int) -> int:
    """Return what so many pieces cost."""
    return 2 * pieces
'''
TEST = '''"""{about}"""

from shop import price


def test_health_of_{name}() -> None:
    assert price(2) == 4
'''
HOOKS: dict[str, Any] = {
    "id": "compile",
    "name": "compile",
    "entry": "python -m compileall -q shop.py",
    "language": "system",
    "pass_filenames": False,
}
FILES = {
    "shop.py": PRICES,
    "tests/test_main.py": TEST.format(about="The prices.", name="main"),
    "tests/test_app.py": TEST.format(about="The service.", name="app"),
    "pyproject.toml": "[tool.black]\nline-length = 100\n",
    ".flake8": "[flake8]\nmax-line-length = 100\nexclude = .venv\n",
    ".pre-commit-config.yaml": yaml.safe_dump({"repos": [{"repo": "local", "hooks": [HOOKS]}]}),
    "CHANGELOG.md": "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A cart.\n",
    ".gitignore": "__pycache__\n.venv\nhtmlcov\n",
}
SETTINGS: dict[str, Any] = {
    "test": {"source": ["shop"], "options": ["-o", "pythonpath=."]},
    "contacts": {"team lead": "lead@example.invalid"},
    # Where nobody listens: the pages say what it is like without a stack, wherever they are tried.
    "stack": {"prometheus": "http://127.0.0.1:9", "grafana": "http://127.0.0.1:9"},
}


class Newcomer(Project):
    """The project, with a bare remote beside it to which all is pushed. Its tools are our own."""

    def configure(self, **service: Any) -> None:
        """Write invoke.yaml, with what a service has that has tests and somebody to call."""
        super().configure(**service)
        said = yaml.safe_load((self.root / "invoke.yaml").read_text())
        (self.root / "invoke.yaml").write_text(yaml.safe_dump(said | SETTINGS))

    def settle(self) -> None:
        """Write and push what a newcomer begins with."""
        (self.root / ".venv").symlink_to(sys.prefix)
        subprocess.run(["git", "init", "-q", "--bare", f"{self.root}.git"], check=True)
        self.git("remote", "add", "origin", f"{self.root}.git")
        app = self.root / "app.py"
        subprocess.run(
            [sys.executable, "-m", "black", "-q", "--line-length=100", str(app)], check=True
        )
        self.commit("feat: a cart", **FILES)
        self.git("push", "-q", "--set-upstream", "origin", "main")

    def type(self, block: Block) -> subprocess.CompletedProcess[str]:
        """Run a block as its reader does, from the first line to the one that fails."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.text],
            cwd=self.root,
            env={**self.variables(), "PATH": path, "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
