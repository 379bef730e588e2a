"""What follows a rollback, and a deploy that was taken back: the incident's page is drafted.

It comes when the run has ended, been told and been journalled, and costs neither its time nor its
exit code, whatever becomes of it.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Callable, Iterator

from invoke.context import Context
from invoke.exceptions import Exit

from .. import console, evidence, journal, project, running
from ..declare import Outcome, Phase
from ..errors import INTERRUPTED
from ..moment import iso

if TYPE_CHECKING:
    from ..settings import Settings

SANDBOX = "sandbox"  # where things are tried: a trial must not litter the tree


def run(
    phase: Phase,
    c: Context,
    procedure: Callable[[], Outcome],
    *,
    world: Callable[[], object],
    plan: bool,
    check: bool,
    as_json: bool,
) -> None:
    """Run a deploy or rollback as `running.run` does, and what follows it. plan: it changes
    nothing, and is not journalled."""
    with drafted(c, phase.name, wanted=not (plan or check)):
        running.run(
            phase,
            c,
            procedure,
            world=world,
            check=check,
            as_json=as_json,
            validate=False,
            record=not plan,
        )


@contextmanager
def drafted(c: Context, phase: str, wanted: bool = True) -> Iterator[None]:
    """Draft the page of what the run of `phase` inside came to, where it came to any trouble.

    wanted: whether it is a run at all, and not a plan or a check. Raises nothing of its own.
    """
    begun = iso(time.time())
    try:
        yield
    except Exit as error:
        if wanted and error.code != INTERRUPTED:
            _after(c, phase, begun)
        raise
    if wanted and phase == "rollback":  # a deploy that closed was no trouble
        _after(c, phase, begun)


def _after(c: Context, phase: str, begun: str) -> None:
    name = ""
    try:
        name = _troubled(c, phase, begun)
        if name and name != SANDBOX:
            _draft(c, name)
    except KeyboardInterrupt:
        console.warn(f"the incident's page is not drafted: `{_again(name)}`")
    except Exception as error:
        said = str(error).rstrip(".") if isinstance(error, Exit) else type(error).__name__
        console.warn(f"the incident's page is not drafted ({said}): `{_again(name)}`")


def _again(name: str) -> str:
    return f"inv rollback.incident --env={name}" if name else "inv rollback.incident"


def _troubled(c: Context, phase: str, begun: str) -> str:
    """Return the environment that the run was in trouble in, "" for none."""
    from .case import troubled

    path = journal.where(project.root(c))
    for entry in reversed(journal.content(path, mentioning=(phase,)).entries):
        if str(entry.get("at")) < begun:
            return ""
        if entry.get("phase") == phase and entry.get("who") == journal.who():
            return evidence.environment(entry) if troubled(entry) else ""
    return ""


def _draft(c: Context, name: str) -> None:
    from .. import config, target
    from . import drafting
    from .reading import World

    settings: Settings = config.load(c)
    if not settings.incident.draft:
        return
    environment, root = settings.environment(name), project.root(c)
    console.say("Drafting the incident's page …")
    world = World(settings, environment, target.targets(settings, environment, root), root)
    drafting.tell(drafting.draft(world), name)
