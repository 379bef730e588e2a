"""What lint needs and what has to hold, each as a probe: "" where it holds, else what is wrong.

Cheap to import: the phase's declaration names them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .installing import World as Clone
    from .report import Report
    from .world import World


def environment(world: World) -> str:
    """The project has a virtual environment."""
    from .. import tools

    there = tools.commands(world.root).is_dir()
    return "" if there else "there is no .venv, so that the tools are those in PATH"


def black(world: World) -> str:
    """Black is there, where it is to format."""
    return _program(world, "black") if world.lint.black else ""


def flake8(world: World) -> str:
    """Flake8 is there."""
    return _program(world, "flake8")


def pre_commit(world: World) -> str:
    """pre-commit is there, where its hooks are to run."""
    return _program(world, "pre-commit") if world.hooks() else ""


def committed(world: World) -> str:
    """The tree is the commit, so that what is reformatted can be told from what was changed."""
    if world.check or not world.tree.repository:
        return ""
    from ..evidence import PAGES
    from ..git import Git

    differs = len(Git(world.root).changed(without=PAGES))
    if differs == 1:
        return "1 file differs from the commit"
    return f"{differs} files differ from the commit" if differs else ""


def installed(world: World) -> str:
    """The hooks that are configured run before each commit, too."""
    if not world.hooks():
        return ""
    from .hooks import missing

    lacking = missing(world.tree)
    return f"{', '.join(lacking)} not installed in this clone" if lacking else ""


def formatted(report: Report) -> str:
    """Black has nothing to change and could read every file."""
    return report.wrong("black")


def styled(report: Report) -> str:
    """Flake8 has nothing to say."""
    return report.wrong("flake8")


def typed(report: Report) -> str:
    """mypy has nothing to say, where it ran."""
    return report.wrong("mypy")


def hooked(report: Report) -> str:
    """Every hook passes, where they ran."""
    return report.wrong("pre-commit")


def shipped(report: Report) -> str:
    """What is shipped beside the code is sound."""
    return report.wrong(
        "shellcheck", "yaml", "compose", "prometheus", "rules", "alertmanager", "teams"
    )


def repository(clone: Clone) -> str:
    """The project is in a git repository."""
    return "" if clone.tree.repository else "there is none here"


def hooks(clone: Clone) -> str:
    """There are hooks to install."""
    from .hooks import CONFIG

    return "" if (clone.tree.root / CONFIG).is_file() else f"there is no {CONFIG}"


def installer(clone: Clone) -> str:
    """pre-commit is there."""
    return "" if clone.program else "it is neither in .venv nor in PATH"


def lacking(clone: Clone) -> str:
    """Each git hook that is configured is installed."""
    from .hooks import missing

    wanting = missing(clone.tree)
    return f"{', '.join(wanting)} not installed" if wanting else ""


def _program(world: World, name: str) -> str:
    return "" if world.programs[name] else "it is neither in .venv nor in PATH"
