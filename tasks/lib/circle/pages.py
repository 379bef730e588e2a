"""The pages that the declarations make, each with links to the others that are there."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from ..declare import Outcome
from ..settings import Settings
from . import generated, lines, reference, runbook

# The pages of docs/ that lead to one another, and what each is for.
LINKED = {
    "HANDOFF_INDEX.md": "where to begin, by role",
    "QUICK_USER_GUIDE.md": "a path for each occasion, and the rhythm of a day",
    "CANON_OF_CLOSURE.md": "the idea",
    "RUNBOOK.md": "every phase",
    "DEV_REFERENCE.md": "every command",
}


def made(settings: Settings, root: Path, tasks: ModuleType) -> dict[str, str]:
    """Return what the generated pages say, by their paths.

    tasks: the module that composes the circle, of which no command line was parsed yet: Invoke
    takes the help out of its tasks as it reads them.
    """
    commands = reference.commands(tasks.ns)
    modules = [getattr(tasks, name) for name in tasks.ns.collections]
    chapters = runbook.chapters(modules, commands)
    whole = [each for each in commands if each.name.startswith("circle.")]
    links = _links(root, "RUNBOOK.md"), _links(root, "DEV_REFERENCE.md")
    return {
        runbook.PAGE: runbook.page(chapters, whole, settings, "DEV_REFERENCE.md", links[0]),
        reference.PAGE: reference.page(tasks.ns, settings.app, links[1], _variables(root)),
        lines.PAGE: lines.page(),
    }


def _variables(root: Path) -> str:
    return "../.env.example" if (root / ".env.example").is_file() else ""


def _links(root: Path, here: str) -> str:
    """Return links to the other pages that are there; those that are generated will be."""
    docs = Path(runbook.PAGE).parent
    there = {runbook.PAGE, reference.PAGE}
    links = [
        f"[{about}]({name})"
        for name, about in LINKED.items()
        if name != here and (str(docs / name) in there or (root / docs / name).is_file())
    ]
    return " · ".join(links)


def carry_out(settings: Settings, root: Path, tasks: ModuleType, check: bool) -> Outcome:
    """Write the pages, or only look. Raises NotClosed where they have drifted."""
    return generated.carry_out(root, made(settings, root, tasks), check)
