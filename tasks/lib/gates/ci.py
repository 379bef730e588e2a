"""What GitHub has of a commit's checks and statuses, which can stand for what closed here.

Sources: https://docs.github.com/en/rest/checks/runs and .../rest/commits/statuses.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Sequence

import msgspec

from .. import github
from ..errors import Refused
from ..gh import Gh


class Run(msgspec.Struct):
    """A check run, as the API tells it. conclusion: None while it goes on."""

    name: str
    status: str
    conclusion: str | None = None


class Runs(msgspec.Struct):
    """A page of check runs."""

    check_runs: list[Run] = []


class Status(msgspec.Struct):
    """What somebody says of a commit, as the API tells it: the newest in one context."""

    context: str
    state: str


class Statuses(msgspec.Struct):
    """A page of statuses."""

    statuses: list[Status] = []


class Found(NamedTuple):
    """Whether the checks passed, and what there is to say of them in a clause."""

    passed: bool = False
    says: str = ""


def checks(root: Path, remote: str, row: Sequence[str], names: Sequence[str]) -> Found:
    """Return whether all checks of these names passed on GitHub.

    row: the commit and, nearest first, those that share its code; the nearest that any of the
    checks ran for decides. Nothing is raised: that GitHub can't be asked is something to say.
    """
    try:
        repository = github.repository(root, remote)
        if not repository:
            return Found(says=f"the remote {remote} is not on GitHub, which could say so")
        gh = Gh(root, repository)
        if why := gh.missing():
            return Found(says=f"GitHub could not be asked: {why}")
        for commit in row:
            if found := results(gh, commit):
                said = judged(found, names)
                if said is not None:
                    return Found(not said, said or _named(gh.host, names))
    except Refused as error:
        return Found(says=f"GitHub could not be asked: {error}")
    return Found(says=f"{gh.host} has no check {' or '.join(names)} of it")


def _named(host: str, names: Sequence[str]) -> str:
    return f"{' and '.join(names)} passed on {host}"


def results(gh: Gh, commit: str) -> dict[str, list[str]]:
    """Return by name how the newest checks of a commit ended, "success" being the only good one.

    A name can have several: a workflow runs for a push and for a pull request. Raises Refused.
    """
    try:
        runs = gh.pages(f"commits/{commit}/check-runs?filter=latest", Runs)
        said = gh.pages(f"commits/{commit}/status", Statuses)
    except Refused as error:
        if error.kind == "refused":  # it doesn't know the commit
            return {}
        raise
    found: dict[str, list[str]] = {}
    for run in (run for page in runs for run in page.check_runs):
        found.setdefault(run.name, []).append(run.conclusion or run.status)
    for status in (status for page in said for status in page.statuses):
        found.setdefault(status.context, []).append(status.state)
    return found


def judged(found: dict[str, list[str]], names: Sequence[str]) -> str | None:
    """Return "" where all of `names` ended well, else a clause; None where none is there."""
    if not any(name in found for name in names):
        return None
    bad = {name: [said for said in found.get(name, [""]) if said != "success"] for name in names}
    return " and ".join(_ended(name, said[0]) for name, said in bad.items() if said)


def _ended(name: str, said: str) -> str:
    return f"its check {name} says {said.replace('_', ' ')}" if said else f"no check {name} ran"
