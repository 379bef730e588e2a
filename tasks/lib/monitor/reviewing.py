"""Carries out a review: read, decide, tell, and where it is asked for, write."""

from __future__ import annotations

from .. import console, duration, journal
from ..declare import Outcome
from ..errors import Refused
from ..telemetry.client import LIMIT
from ..telemetry.prometheus import Prometheus, Unanswered
from . import reviewed, telling
from .review import Review, review
from .world import World

SHORTEST, LONGEST = 600.0, 45 * 86400.0  # of two of the longest, Prometheus keeps just enough


def carry_out(world: World, since: str, write: bool) -> Outcome:
    """Review the last `since` (a duration), and write it below docs/reviews/ with `write`.

    Raises Refused where `since` is no fit duration, or nothing can be known.
    """
    period = duration.parse(since)
    if not SHORTEST <= period <= LONGEST:
        raise Refused(f"--since is 10m to 45d, not {since}.", kind="config")
    found = _read(world, period)
    telling.shown(found)
    detail = {"environment": world.environment.name, "since": period, "summary": _counts(found)}
    document = found.document()
    if write:
        path = telling.write(found, world.root)
        detail["written"] = document["written"] = str(path)
        console.say(f"\nWritten to {path}.")
    return Outcome(detail, document=document)


def _read(world: World, period: float) -> Review:
    entries = journal.read(journal.where(world.root))
    try:
        with Prometheus(world.stack.prometheus, LIMIT) as prometheus:
            past = reviewed.read(world, prometheus, period, entries)
    except Unanswered as error:
        env = world.environment.name
        raise Refused(str(error), kind=error.kind, next=f"inv monitor.doctor --env={env}") from None
    if not any(past.points.values()):
        env = world.environment.name
        raise Refused(
            f"There is no data of {env} in Prometheus for these {duration.show(period)}: "
            f"`inv monitor.doctor --env={env}` walks the way that it takes.",
            kind="nodata",
        )
    return review(past, world.environment, world.settings.monitor)


def _counts(found: Review) -> dict[str, int]:
    return {
        "left_bounds": len(found.left),
        "alerts": sum(len(each.now) for each in found.fired),
        "restarts": len(found.starts),
        "runs": len(found.past.runs),
    }
