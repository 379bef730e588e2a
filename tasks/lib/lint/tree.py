"""Which files there are to look at: never those of a virtual environment, of git or of a cache,
and none that a link has from elsewhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterable, Iterator, NamedTuple

from ..errors import Refused
from ..git import Git
from .settings import Lint

# Directories of these names are nobody's own code. Others that git ignores are skipped by path.
NAMES = (
    ".venv venv .tox .nox .eggs __pypackages__ node_modules site-packages .git .hg .svn .sandbox"
    " .circle .mypy_cache .pytest_cache .ruff_cache .hypothesis __pycache__"
).split()

_VENV = "pyvenv.cfg"  # what makes a directory a virtual environment, whatever its name (PEP 405)


class Tree(NamedTuple):
    """The project's files, by paths relative to its directory, with `/` in them.

    repository: whether it is in one of git. files: what git has or would take; outside of a
    repository all there are. skipped: what no tool is shown, beside NAMES; a directory ends with
    `/`. chosen: the part of `files` to look at; None is all. against: what a part was compared
    with.
    """

    root: Path
    repository: bool
    files: tuple[str, ...]
    skipped: tuple[str, ...]
    chosen: frozenset[str] | None = None
    against: str = ""

    def some(self, *suffixes: str) -> list[str]:
        """Return the files to look at that end with one of `suffixes`; all, where none is given."""
        return [
            name
            for name in self.files
            if (self.chosen is None or name in self.chosen)
            and (not suffixes or name.endswith(suffixes))
            and (self.root / name).is_file()
        ]


def read(root: Path, lint: Lint) -> Tree:
    """Return the files of the project at `root`, of which `lint.exclude` leaves some out."""
    try:
        git = Git(root)
        files = _names(git("ls-files", "-z", "--cached", "--others", "--exclude-standard"))
        asked = ("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
        ignored = _names(git(*asked))
        inside = True
    except Refused:  # no repository, none that git trusts, or no git: what is there is looked at
        files, ignored, inside = sorted(_walk(root)), [], False
    away = [name for name in (*files, *ignored) if _leads_away(root, name)]
    venvs = [name.removesuffix(_VENV) for name in files if os.path.basename(name) == _VENV]
    ours = [name for name in ignored if name.endswith(("/", ".py", ".pyi"))]
    ours = [name for name in ours if os.path.basename(name.rstrip("/")) not in NAMES]
    listed = [_as_listed(root, name) for name in (*lint.exclude, *away)]
    skipped = tuple(dict.fromkeys([*listed, *venvs, *ours]))
    kept = tuple(name for name in files if not _is_skipped(name, skipped))
    return Tree(root, inside, kept, skipped)


def _leads_away(root: Path, name: str) -> bool:
    """Tell whether a link leads out of the project: through it a tool would write elsewhere."""
    file = root / name.rstrip("/")
    return file.is_symlink() and not file.resolve().is_relative_to(root)


def _as_listed(root: Path, name: str) -> str:
    name = name.rstrip("/")
    return f"{name}/" if (root / name).is_dir() else name


def _names(listed: bytes) -> list[str]:
    return list(dict.fromkeys(os.fsdecode(name) for name in listed.split(b"\0") if name))


def _walk(root: Path) -> Iterator[str]:
    for place, below, files in os.walk(root):
        if _VENV in files and Path(place) != root:
            below.clear()
            yield Path(place, _VENV).relative_to(root).as_posix()
            continue
        below[:] = [name for name in below if name not in NAMES]
        links = [name for name in below if os.path.islink(os.path.join(place, name))]
        for name in (*files, *links):
            yield Path(place, name).relative_to(root).as_posix()


def _is_skipped(name: str, skipped: Iterable[str]) -> bool:
    return not set(NAMES).isdisjoint(name.split("/")[:-1]) or any(
        name.startswith(each) if each.endswith("/") else name == each for each in skipped
    )
