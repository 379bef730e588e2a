"""The git hooks of pre-commit in this clone."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from .. import console, tools
from ..declare import Outcome
from ..errors import NotClosed
from . import hooks
from .settings import Lint
from .tree import Tree, read as read_tree


class World(NamedTuple):
    """The clone. program: pre-commit, None where it isn't."""

    tree: Tree
    program: Path | None


def read(root: Path) -> World:
    """Return the clone around `root`."""
    return World(read_tree(root, Lint()), tools.find(root, hooks.NAME))


def install(world: World) -> Outcome:
    """Have pre-commit install what is missing. Raises NotClosed where it won't."""
    lacking = hooks.missing(world.tree)
    if not lacking:
        console.say("The git hooks are installed already.")
        return Outcome({"installed": []}, world=world)
    assert world.program is not None, "a prerequisite"
    ran = tools.run([world.program, "install", "--color=never"], world.tree.root)
    if ran.code:
        raise NotClosed(
            "pre-commit did not install the git hooks, for the reason above.",
            kind="hooks",
            evidence=ran.output.strip(),
        )
    return Outcome({"installed": lacking}, world=world)
