"""What `inv lint` needs to know before it begins, read once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Mapping, NamedTuple

from .. import tools
from . import black, configured, flake8, hooks, mypy, shipped, yamlfiles
from .changed import narrowed
from .shipped import Wanted
from .tree import Tree, read as read_tree
from .yamlfiles import Parsed

if TYPE_CHECKING:
    from ..settings import Settings
    from .settings import Lint


class World(NamedTuple):
    """The project as it is before anything is looked at.

    lint: its section of the configuration. check: whether nothing may be changed. programs: by name
    where each tool is, None where it isn't. parsed: its YAML files, and the seconds that reading
    them took. wanted: the checks of what is shipped.
    """

    root: Path
    lint: Lint
    check: bool
    tree: Tree
    programs: Mapping[str, Path | None]
    parsed: tuple[list[Parsed], float]
    wanted: list[Wanted]

    def hooks(self) -> bool:
        """Tell whether pre-commit's hooks are to run. They may write, and need a repository."""
        there = (self.root / hooks.CONFIG).is_file()
        return there and self.lint.hooks and self.tree.repository and not self.check

    def types(self) -> bool:
        """Tell whether mypy is to run, installed or not: where the project has settings for it, and
        no hook of another version does it."""
        if not self.lint.types or configured.mypy(self.root) is None:
            return False
        by_hook = self.hooks() and mypy.NAME in hooks.ids(self.root)
        return not by_hook or mypy.NAME in hooks.repeating(self.root, [mypy.NAME])


def read(settings: Settings, root: Path, check: bool, changed: bool) -> World:
    """Return the project at `root`. Raises Refused where there is nothing to compare with."""
    lint = settings.lint
    tree = read_tree(root, lint)
    if changed:
        tree = narrowed(tree, settings.remote, settings.release.branch)
    parsed = yamlfiles.parse(root, tree.some(*yamlfiles.SUFFIXES))
    wanted = shipped.wanted(tree, lint.scripts, parsed[0])
    names = {black.NAME, flake8.NAME, mypy.NAME, hooks.NAME, *(each.program for each in wanted)}
    programs = {name: tools.find(root, name) for name in names}
    return World(root, lint, check, tree, programs, parsed, wanted)
