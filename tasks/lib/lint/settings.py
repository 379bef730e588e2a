"""The type of what the configuration says of linting."""

from __future__ import annotations

from typing import Iterator

from ..sound import relative
from ..strict import Strict


class Lint(Strict, frozen=True):
    """What `inv lint` looks at, beyond what the tools' own files say.

    exclude: files and directories that no tool is shown, below the project's directory. scripts:
    directories whose shell scripts are checked. hooks: whether pre-commit's hooks run where there
    are any. types: whether mypy runs where the project configures it. black: whether Black formats;
    a project that is formatted in another way, or in none, goes without. checks: those of GitHub,
    by name, which together stand for it where a commit is to be deployed.
    """

    exclude: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ("scripts",)
    hooks: bool = True
    types: bool = True
    black: bool = True
    checks: tuple[str, ...] = ()


def faults(lint: Lint) -> Iterator[tuple[str, str, object]]:
    """Yield, for each unsound value: its key, what was expected, and the value."""
    for key in ("exclude", "scripts"):
        for value in getattr(lint, key):
            if not relative(value) or value.startswith("-"):
                yield key, "a list of paths below the project's directory, without ..", value
