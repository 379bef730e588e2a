"""Ending what `inv preaggregate` has started, and only that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .. import console
from ..declare import Outcome
from ..developer import stack
from ..developer.compose import Here
from ..errors import NotClosed, Refused
from . import background, record

if TYPE_CHECKING:
    from ..developer.compose import Place
    from .world import World


def end(root: Path, place: Place | None) -> Outcome:
    """End the processes and the stack that were started here; the volumes stay.

    place: where the stack is. Raises Refused, NotClosed.
    """
    with record.alone(root):
        if place is None:
            raise Refused("The stack runs elsewhere: end it there.")
        ended = _here(root, place) if isinstance(place, Here) else _there(place)
    if not ended:
        console.say("Nothing runs that inv preaggregate has started here.")
    return Outcome(detail={"ended": ended})


def _there(place: Place) -> list[str]:
    """End the stack of an environment on its host: it was asked for by name."""
    gone = stack.stop(place)
    if gone:
        console.say(f"Ended the stack on {place.name}; what it has kept stays in its volumes.")
    return [f"stack on {place.name}"] if gone else []


def _here(root: Path, place: Place) -> list[str]:
    """End what was started on this machine."""
    known = record.read(root)
    ended = []
    for name, each in known.processes.items():
        if background.end(each):
            console.say(f"Ended {each.says}.")
            ended.append(name)
    record.write(root, known._replace(processes={}))
    if known.stack:
        gone = stack.stop(place)
        record.write(root, record.Record())
        if gone:
            console.say("Ended the stack; what it has kept stays in its volumes.")
            ended.append("stack")
    elif not stack.missing(place) and stack.services(place):
        console.say("The stack ran before inv preaggregate did: `docker compose down` ends it.")
    return ended


def logs(place: Place | None, service: str, tail: int, follow: bool) -> None:
    """Show the last `tail` lines of the stack's logs, of all services where `service` is "".

    follow: go on with what comes until Ctrl-C, which is no failure then. Raises Refused, NotClosed.
    """
    if place is None:
        raise Refused("The stack runs elsewhere: read its logs there.")
    if tail < 1:
        raise Refused(f"{tail} lines are none: `inv preaggregate.logs --tail=100`.")
    if why := stack.missing(place):
        raise Refused(f"There are no logs to read: {why.rstrip('.')}", kind="docker")
    known = [each.name for each in stack.services(place)]
    if service and service not in known:
        there = f"there are: {', '.join(known)}" if known else "run `inv preaggregate`"
        raise Refused(f"No {service} was started; {there}.")
    try:
        code = stack.logs(place, *filter(None, [service]), tail=tail, follow=follow)
    except KeyboardInterrupt:
        if not follow:
            raise
        return
    if code:
        raise NotClosed("Docker Compose could not read the logs.", kind="docker")


def left(world: World) -> str:
    """Return what runs now, and how it is ended: for whoever has interrupted us."""
    known = record.read(world.root)
    runs = [each.says for each in known.processes.values() if background.runs(each)]
    try:
        up = [each.name for each in stack.services(world.place)] if world.place else []
    except (Refused, OSError):
        up = []
    runs = ([f"the stack ({', '.join(up)})"] if up else []) + runs
    if not runs:
        return "nothing was started: run `inv preaggregate` again."
    ends = "`inv preaggregate.down` ends what was started here"
    return f"now there runs {'; '.join(runs)}. Run `inv preaggregate` again; {ends}."
