"""`inv rollback.incident`: drafts a page, closes one, opens an issue of one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from ..declare import Outcome
from ..errors import Refused
from . import drafting, keeping
from .reading import World

if TYPE_CHECKING:
    from pathlib import Path

    from ..settings import Settings
    from ..target import Target


class Asked(NamedTuple):
    """What the command line says. issue: "" for none, True for that of the page that is drafted, or
    the name of a page."""

    since: str = ""
    title: str = ""
    close: str = ""
    issue: Any = ""

    def refuse_unfit(self) -> None:
        """Raise Refused where two things are wanted that are not done together."""
        named = isinstance(self.issue, str) and self.issue
        if self.close and self.issue:
            raise Refused("--close and --issue are done one after the other.")
        if (self.close or named) and (self.since or self.title):
            raise Refused("--since and --title are for a page that is drafted: leave them out.")


def carry_out(settings: Settings, root: Path, asked: Asked, env: Callable[[], str]) -> Outcome:
    """Do what is asked. env: gives the environment, where one is needed. Raises Refused."""
    asked.refuse_unfit()
    if asked.close:
        return _outcome(keeping.close(root, asked.close))
    if isinstance(asked.issue, str) and asked.issue:
        return _outcome(keeping.issue(root, settings, asked.issue))
    world = _world(settings, root, env(), asked.since)
    if asked.issue:
        keeping.hub(root, settings)  # refused before anything is written
    drafted = drafting.draft(world, asked.title)
    drafting.tell(drafted, world.environment.name)
    detail = drafted.document(world.environment.name)
    if asked.issue:
        detail |= keeping.issue(root, settings, drafted.name)
    return _outcome(detail)


def _outcome(detail: dict[str, Any]) -> Outcome:
    return Outcome(detail, document=detail)


def _world(settings: Settings, root: Path, env: str, since: str) -> World:
    from .. import target

    environment = settings.environment(env)
    start = None
    if since:
        from ..visualize.period import span

        start = span(since, "", time.time()).start
    targets: tuple[Target, ...] = ()
    try:
        targets = target.targets(settings, environment, root)
    except Refused as error:
        if error.kind != "unreachable":  # a sandbox that is down tells nothing, and has a past
            raise
    return World(settings, environment, targets, root, start)
