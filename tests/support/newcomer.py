"""Somebody who has the recipes and follows a page: what its blocks of commands run in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from tests.support.project import ROOT

HOOK = {"id": "compile", "name": "compile", "entry": "python -m compileall -q app.py"}
HOOK |= {"language": "system", "types": "[python]"}
LINKED = ("tasks.py", "tasks", "scripts", "docs", "requirements.txt", "requirements-dev.txt")
# Nobody listens there: the pages tell of a machine without a stack, wherever they are tried.
NOWHERE = {f"INVOKE_STACK_{name}": "http://127.0.0.1:9" for name in ("PROMETHEUS", "GRAFANA")}
# Where a block has ended is where the next one begins, `cd -` included.
STAY = """trap 'printf "%s\\n%s" "$PWD" "${OLDPWD-}" >"$WHERE"' EXIT\n"""


class Newcomer:
    """Somebody at a terminal, at first in a small service that has the recipes, in git.

    home: an empty directory.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.place = home / "circle"
        self.before = home
        shutil.copytree(ROOT / "docs/examples/hello", self.place)
        for name in LINKED:
            (self.place / name).symlink_to(ROOT / name)
        (self.place / ".venv").symlink_to(sys.prefix)
        hooks = yaml.safe_dump({"repos": [{"repo": "local", "hooks": [HOOK]}]})
        (self.place / ".pre-commit-config.yaml").write_text(hooks.replace("'[python]'", "[python]"))
        with (self.place / ".gitignore").open("a") as ignored:
            ignored.write("/docs\n")
        begun = self.type("git init -q -b main; git add --all; git commit -q -m 'feat: hello'")
        assert begun.returncode == 0, begun.stdout

    def type(self, text: str) -> subprocess.CompletedProcess[str]:
        """Type lines where the last ones ended, to the first that fails."""
        where = self.home / "where"
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        kept = {name: said for name, said in os.environ.items() if not name.startswith("INVOKE_")}
        kept |= {"WHERE": str(where), "OLDPWD": str(self.before), "PATH": path, "NO_COLOR": "1"}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", STAY + text],
            cwd=self.place,
            env=kept | NOWHERE,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        self.place, self.before = map(Path, where.read_text().split("\n"))
        return done

    def leave(self) -> None:
        """End what was started and not ended."""
        for sandbox in self.home.glob("*/.sandbox"):
            self.place = sandbox.parent
            self.type("inv host.down --env=sandbox")
