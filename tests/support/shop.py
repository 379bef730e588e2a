"""A shop with a real bare remote, from which versions are released: what those tests share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from invoke.config import Config
from invoke.context import Context
from invoke.exceptions import Exit

import tasks
from tasks.lib import console, journal
from tests.lib.scratch import Scratch

ROOT = Path(__file__).resolve().parents[2]
LOG = "# Changelog\n\n## [Unreleased]\n"
FILES: dict[str, str | bytes] = {
    "pyproject.toml": '[project]\nname = "shop"\nversion = "0.0.0"\n',
    "shop.py": '"""A shop."""\n\n__version__ = "0.0.0"\n',
    "CHANGELOG.md": f"{LOG}\n### Added\n\n- A cart.\n\n### Fixed\n\n- Prices.\n",
}
HOLDERS = {"pyproject.toml": "", "shop.py": ""}


def identity(patch: pytest.MonkeyPatch, directory: Path) -> None:
    """Have git know somebody's name, and nobody's own configuration."""
    config = directory / "gitconfig"
    config.write_text("[user]\n\tname = Jane Doe\n\temail = jane@example.invalid\n")
    patch.setenv("GIT_CONFIG_GLOBAL", str(config))
    patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("EMAIL", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"):
        patch.delenv(name, raising=False)


class Shop(Scratch):
    """A clone with `origin`, a bare repository beside it: all pushed, lint and test closed."""

    def __init__(self, path: Path) -> None:
        super().__init__(path / "shop")
        self.remote = Scratch(path / "origin.git")

    @classmethod
    def new(cls, path: Path, **release: Any) -> Shop:
        """Return one in `path`; release: configuration that differs from the usual."""
        if release:
            return cls._made(path, **release)
        shutil.copytree(_usual(path.parent), path, symlinks=True, dirs_exist_ok=True)
        return cls(path)

    @classmethod
    def released(cls, path: Path) -> Shop:
        """Return one whose v0.1.0 is out, and which has a feature since, of which only the commit
        says something."""
        shutil.copytree(_after(path.parent), path, symlinks=True, dirs_exist_ok=True)
        return cls(path)

    @classmethod
    def _made(cls, path: Path, **release: Any) -> Shop:
        shop = cls(path)
        for scratch, how in ((shop, []), (shop.remote, ["--bare"])):
            scratch.path.mkdir(parents=True)
            scratch.git("init", "--quiet", "--initial-branch=main", *how)
        shop.git("remote", "add", "origin", f"../{shop.remote.path.name}")  # it will be copied
        for name in ("tasks.py", "tasks"):
            (shop.path / name).symlink_to(ROOT / name)
        (shop.path / ".git/info/exclude").write_text("/tasks.py\n/tasks\n/.circle/\n")
        shop.configure(**release)
        shop.commit(FILES, "feat: a cart")
        shop.git("push", "--quiet", "--set-upstream", "origin", "main")
        shop.prove()
        return shop

    def configure(self, **release: Any) -> None:
        said = {"app": "shop", "release": {"files": HOLDERS, "review": False, **release}}
        (self.path / "invoke.yaml").write_text(yaml.safe_dump(said))

    def change(self, message: str, files: dict[str, str | bytes] | None = None) -> str:
        """Commit, push, and have lint and test closed for it."""
        self.commit(files or {"code.py": f"# {message}\n"}, message)
        self.git("push", "--quiet", "origin", "main")
        return self.prove()

    def prove(self, *phases: str) -> str:
        commit = self.head()
        for phase in phases or ("lint", "test"):
            journal.append(
                {"phase": phase, "outcome": "closed", "commit": commit},
                journal.where(self.path),
            )
        return commit

    def release(self, **options: Any) -> int:
        """Run the phase in this process; return its exit code."""
        config = Config(project_location=self.path)
        config.load_project()
        config.load_collection(tasks.DEFAULTS)
        try:
            tasks.release.release.body(Context(config), **options)
        except Exit as error:
            return int(error.code)
        finally:
            console.set_json(False)
        return 0

    def start(self, *words: str, task: str = "release", **variables: str) -> subprocess.Popen[str]:
        """Start `inv release words…` in a process group of its own."""
        argv = [sys.executable, "-m", "invoke", task, *words]
        env = {**os.environ, **variables}
        out = subprocess.PIPE
        return subprocess.Popen(
            argv,
            cwd=self.path,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def hook(self, name: str, script: str, at: Scratch | None = None) -> None:
        """Give the remote (or `at`) a hook."""
        where = (at or self.remote).git("rev-parse", "--absolute-git-dir")
        file = Path(where) / "hooks" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def refs(self) -> str:
        """The remote's references, each with its object."""
        return self.remote.git("for-each-ref", "--format=%(refname) %(objectname)")

    def state(self) -> dict[str, str | bytes]:
        """Everything that a release may change: references, index, files; objects apart."""
        found: dict[str, str | bytes] = {
            name: said for name, said in self.fingerprint().items() if "/objects/" not in name
        }
        for place in sorted(self.path.iterdir()):
            if place.is_file() and not place.is_symlink():
                found[place.name] = place.read_bytes()
        return found

    def tags(self) -> list[str]:
        return self.git("tag", "--list").split()

    def tag(self, name: str) -> str:
        """The message of a tag."""
        return self.git("for-each-ref", "--format=%(contents)", f"refs/tags/{name}")

    def whole(self, name: str) -> None:
        """Assert that a release is complete: once, on both sides, and nothing else is left."""
        assert self.git("status", "--porcelain") == ""
        assert self.refs() == self.git(
            "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/tags"
        )
        assert self.git("rev-parse", f"{name}^{{commit}}") == self.head()
        bare = name.removeprefix("v")
        assert f'version = "{bare}"' in (self.path / "pyproject.toml").read_text()
        assert f"## [{bare}] - " in (self.path / "CHANGELOG.md").read_text()


# Made once beside the tests' own directories, which pytest clears away; copying is quick.


@cache
def _usual(directory: Path) -> Path:
    """What most tests begin with."""
    path = directory / "shop as usual"
    Shop._made(path)
    return path


@cache
def _after(directory: Path) -> Path:
    path = directory / "shop after a release"
    shop = Shop.new(path)
    assert shop.release() == 0
    shop.change("feat: wishes (#7)")
    return path
