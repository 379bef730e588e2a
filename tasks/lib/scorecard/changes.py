"""When tags and commits were made, and which commits each deployment brought: asked of git once."""

from __future__ import annotations

from pathlib import Path
from typing import Iterable, Mapping, NamedTuple, Sequence

from ..errors import Refused
from ..git import Git
from .runs import CLOSED, DEPLOY, Run

_FORM = "--format=%(refname:strip=2)%00%(objectname)%00%(*objectname)%00%(creatordate:unix)"


class Commit(NamedTuple):
    """at: when it was made (Unix, the committer's date)."""

    at: float
    parents: tuple[str, ...]


class Changes(NamedTuple):
    """tags: by name and commit, when each was made (Unix). brought: by run, when each commit was
    made that came to users, to stay, with that deployment first. wrong: why git told nothing."""

    tags: Mapping[tuple[str, str], float]
    brought: Mapping[str, Sequence[float]]
    wrong: str = ""


def read(root: Path, runs: Sequence[Run], since: float) -> Changes:
    """Return what the clone at `root` knows of what was deployed; since: Unix time, before which
    nothing is asked."""
    git = Git(root)
    closed = [run for run in runs if run.kind == DEPLOY and run.outcome == CLOSED]
    try:
        return Changes(_tags(git), brought(closed, _commits(git, closed, since)))
    except Refused as error:
        return Changes({}, {}, str(error))


def _tags(git: Git) -> dict[tuple[str, str], float]:
    found = {}
    for line in git("for-each-ref", _FORM, "refs/tags").decode("utf-8", "replace").split("\n")[:-1]:
        name, own, of, at = line.split("\0")
        if at:  # a tag of a tree or a file has no date
            found[name, of or own] = float(at)
    return found


def _commits(git: Git, closed: Sequence[Run], since: float) -> dict[str, Commit]:
    """Return the commits that were deployed since, without what had been before."""
    here = _here(git, {run.commit for run in closed})
    new = [run.commit for run in closed if run.ended >= since and run.commit in here]
    old = [run.commit for run in closed if run.ended < since and run.commit in here]
    # What the very first one brought is not known: nobody wrote down what was live before.
    old = old or [run.commit for run in closed[:1] if run.commit in here]
    asked = "".join(f"{commit}\n" for commit in new) + "".join(f"^{commit}\n" for commit in old)
    if not (new and old):
        return {}
    told = git("rev-list", "--stdin", "--format=%H %ct %P", stdin=asked.encode()).decode()
    found = {}
    for line in told.splitlines():
        name, at, *parents = line.split(" ")
        if name != "commit":
            found[name] = Commit(float(at), tuple(parents))
    return found


def _here(git: Git, commits: Iterable[str]) -> set[str]:
    """Return those that this clone has: one of CI, or of another branch, may lack some."""
    names = [each for each in sorted(commits) if len(each) in (40, 64)]
    asked = "".join(f"{name}\n" for name in names).encode()
    told = git("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=asked).decode()
    return {line[:-7] for line in told.splitlines() if line.endswith(" commit")}


def brought(closed: Sequence[Run], commits: Mapping[str, Commit]) -> dict[str, list[float]]:
    """Return when the commits were made that each deployment brought first; a merge changes nothing
    that what it merges doesn't.

    closed: in their order. commits: all that were not live before them.
    """
    seen: set[str] = set()
    found: dict[str, list[float]] = {}
    for run in closed:
        waiting, times = [run.commit], []
        while waiting:
            name = waiting.pop()
            commit = commits.get(name)
            if commit is None or name in seen:
                continue
            seen.add(name)
            waiting += commit.parents
            if len(commit.parents) < 2:
                times.append(commit.at)
        if times:
            found[run.run] = times
    return found
