"""The gates `lint` and `test`: that phase closed for the very code that is to be deployed."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

from .. import evidence, project
from ..git import Git
from ..release import lineage
from .about import About, Answer
from .ci import Found, checks


def lint(about: About) -> Answer:
    """Lint closed for it: here, as its tag says, or by the checks that stand for it."""
    return _proved(about, "lint", about.settings.lint.checks)


def test(about: About) -> Answer:
    """The tests closed for it: here, as its tag says, or by the checks that stand for them."""
    return _proved(about, "test", about.settings.test.checks)


def _proved(about: About, phase: str, names: Sequence[str]) -> Answer:
    row = lineage.commits(about.root, about.settings.release, about.source.commit)
    here = evidence.here(about.root, phase, row)
    if line := here.line:
        return Answer(says=f"closed for {line['commit'][:7]} at {line.get('at', 'some time')}")
    if said := evidence.carried(about.root, phase, _tags(about.root, row), here.failed):
        return Answer(says=f"closed: {said}")
    found = checks(about.root, about.settings.remote, row, names) if names else Found()
    if found.passed:
        return Answer(says=found.says)
    at_it = project.commit(about.root) == about.source.commit
    first = "" if at_it else f"`git switch --detach {about.source.version}`, then "
    more = f", and {found.says}" if found.says else ""
    return Answer(f"{phase} has not closed for {about.named}{more}: {first}`inv {phase}`.")


def _tags(root: Path, row: Sequence[str]) -> list[str]:
    """Return the tags that are on one of the commits."""
    form = "--format=%(objectname) %(*objectname) %(refname:strip=2)"
    lines = Git(root)("for-each-ref", form, "refs/tags").decode("utf-8", "surrogateescape")
    words = (line.split(" ", 2) for line in lines.split("\n")[:-1])
    return [name for own, on, name in words if (on or own) in row]
