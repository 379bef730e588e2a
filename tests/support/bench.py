"""A project with tests of its own, run by `inv test` in this process, with a real pytest."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Mapping

import pytest
from invoke.config import Config
from invoke.context import Context
from invoke.exceptions import Exit

import tasks
from tasks.lib import journal
from tests.lib.scratch import Scratch
from tests.support.project import ROOT

SHOP = "def price(n):\n    if n < 0:\n        return 0\n    return 2 * n\n"
TEST = "from shop import price\n\n\ndef test_price():\n    assert price(2) == 4\n"
SETTINGS: dict[str, Any] = {"source": ["shop"], "options": ["-o", "pythonpath=."], "coverage": 60}


class Bench(Scratch):
    """A repository with the module `shop` and a test of it; its tools are our own Python's."""

    @classmethod
    def made(cls, path: Path) -> "Bench":
        path.mkdir(parents=True)
        bench = cls(path)
        bench.git("init", "--quiet", "--initial-branch=main")
        (path / ".venv").symlink_to(sys.prefix)
        ignored = ".venv\n__pycache__\ninvoke.yaml\ntasks\ntasks.py\n"
        bench.commit({"shop.py": SHOP, "tests/test_shop.py": TEST, ".gitignore": ignored})
        return bench

    def inv(
        self,
        *more: str,
        settings: dict[str, Any] | None = None,
        plugins: bool = True,
        **options: Any,
    ) -> int:
        """Run `inv test` with the options, `more` after `--`; return its exit code."""
        config = Config(project_location=self.path)
        said = {**SETTINGS, **(settings or {})}
        said["options"] = [*said["options"], *(_plugins(options) * plugins)]
        config.load_collection({**tasks.DEFAULTS, "test": said})
        line, sys.argv = sys.argv, ["inv", "test", "--", *more]
        try:
            tasks.test.test.body(Context(config), **options)
        except Exit as error:
            return int(error.code)
        finally:
            sys.argv = line
        return 0

    def last(self) -> dict[str, Any]:
        """Return the newest line of the journal."""
        return self.entries()[-1]

    def entries(self) -> list[dict[str, Any]]:
        return journal.read(journal.where(self.path))

    def linted(self) -> None:
        """Write down that lint closed for what is committed."""
        line = {"phase": "lint", "outcome": "closed", "commit": self.head()}
        journal.append(line, journal.where(self.path))

    def linked(self) -> None:
        """Give it the recipes, to be run by a real `inv`."""
        for part in ("tasks.py", "tasks"):
            (self.path / part).symlink_to(ROOT / part)
        (self.path / "invoke.yaml").write_text(
            "test: {source: [shop], options: [-o, pythonpath=.], coverage: 60}\n"
        )


def _plugins(options: Mapping[str, Any]) -> list[str]:
    """Return the plugins that a run needs: most of pytest's start is loading all that there are."""
    wanted = {
        "pytest_cov.plugin": {"coverage", "open"} & set(options),
        "xdist.plugin": options.get("parallel"),
    }
    return [word for plugin, needed in wanted.items() if needed for word in ("-p", plugin)]


def ours_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what our own pytest and coverage are told by variables from those of the project."""
    for name in os.environ:
        if name.startswith(("PYTEST_", "COVERAGE_PROCESS_", "INVOKE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
