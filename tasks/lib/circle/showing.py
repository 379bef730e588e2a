"""Shows where a commit stands: drawn on a terminal, the same plain elsewhere, and as a document."""

from __future__ import annotations

import contextlib
import shutil
import textwrap
from typing import Any, Iterable, Iterator, Mapping, Sequence

from .. import alike, console
from ..hostlist import counted
from . import picture
from .asked import ANSWERS, DOWN
from .places import Place
from .standing import CLOSED, LEFT, PHASES, TROUBLED, Stand
from .seen import World

STYLES = {
    CLOSED: console.GOOD,
    TROUBLED: console.BAD,
    LEFT: console.WARNING,
    picture.PART: console.WARNING,
}
INDENT = 13  # columns that an environment's name has
MOST = 5  # follow-ups that are shown of an incident


def show(world: World, states: Mapping[str, str]) -> None:
    """Print it for people."""
    width = columns()
    of = world.source
    named = "" if of.version == of.commit[:7] else f" ({of.commit[:7]})"
    console.say(wrapped(f"{of.version}{named}: {of.subject}", width))
    if of.dirty and world.about.head:
        console.say("The working tree differs from it: what closes now counts for no commit.")
    console.say()
    paint(picture.circle(states))
    console.say()
    console.say(picture.legend(states))
    console.say()
    paint(picture.steps(world.found, states, world.at, width))
    for line in told(world):
        console.say(wrapped(line, width))


@contextlib.contextmanager
def asking(names: Sequence[str]) -> Iterator[None]:
    """Say on a terminal who is waited for, as long as that takes."""
    if not console.rewritable():
        yield
        return
    console.rewrite(f"Asking the hosts of {', '.join(names)} …")
    try:
        yield
    finally:
        console.rewrite("")


def columns() -> int:
    """Return how wide a line may be: a pipe's reader has room for all of it."""
    if not console.terminal(console.stream()):
        return 500
    return max(40, shutil.get_terminal_size().columns)


def wrapped(line: str, width: int) -> str:
    """Return a line in as many as it needs, the others as far in as what is said of a name."""
    more = " " * INDENT
    return textwrap.fill(line, width, subsequent_indent=more, break_long_words=False)


def paint(lines: Iterable[picture.Line]) -> None:
    """Print lines, on a terminal each part in the colour of its state."""
    for line in lines:
        *parts, (text, state) = line
        shown = [*parts, (text.rstrip(), state)]
        console.paint((text, STYLES.get(state, "")) for text, state in shown)


def told(world: World) -> Iterator[str]:
    """Yield what is said below the picture: the environments, incidents, and what is not known."""
    yield ""
    for place in world.places.values():
        yield from _place(place, world)
    for each in world.incidents:
        if each.open:
            yield f"Open incident {each.name} ({each.environment or '?'}): {each.title}"
        elif each.follow_ups:
            several = "s" * (len(each.follow_ups) > 1)
            yield f"Incident {each.name} has {len(each.follow_ups)} open follow-up{several}:"
        for task in each.follow_ups[:MOST]:
            yield f"  - {task}"
    if world.newer:
        yield (
            f"{world.newer} line(s) of the journal were written by a newer version of the recipes"
            " and are not read: update these."
        )


def _place(place: Place, world: World) -> Iterator[str]:
    name = f"{place.name:<{INDENT - 1}} "
    if place.state == DOWN:
        yield f"{name}{place.state}: `inv host --env={place.name}` starts it"
    elif place.state == ANSWERS:
        yield name + _serving(place, world.at)
    elif place.absent:
        yield name + place.state
    else:
        yield f"{name}{place.state}: {place.why.rstrip('.') or 'nothing is known'}"
    said = "no answer from " if place.state == ANSWERS else ""
    for hosts in alike.kinds(place.absent):
        yield f"{'':<{INDENT}}{said}{counted(hosts)}: {place.absent[hosts[0]]}"
    for trouble in place.troubles:
        yield f"{'':<{INDENT}}{trouble}"


def _serving(place: Place, now: float) -> str:
    since = picture.when(place.at, now)
    by = f" by {place.who}" if place.who else ""
    since = f", since {since}{by}" if since and len(place.live) == 1 else ""
    this = ", this commit" if place.ours and place.live else ""
    return f"serves {' and '.join(place.live) or 'nothing'}{this}{since}"


def document(world: World, states: Mapping[str, str], troubles: Sequence[str]) -> dict[str, Any]:
    """Return all of it for the --json document."""
    of = world.source
    return {
        "version": of.version,
        "commit": of.commit,
        "subject": of.subject,
        "tagged": of.tagged,
        "checked_out": world.about.head,
        "dirty": bool(of.dirty),
        "chain": list(world.about.chain),
        "phases": {p: {"shown": states[p], **_stand(world.found[p])} for p in PHASES},
        "environments": {name: each._asdict() for name, each in world.places.items()},
        "incidents": [{**each._asdict(), "open": each.open} for each in world.incidents],
        "unread": world.newer,
        "troubles": list(troubles),
    }


def _stand(stand: Stand) -> dict[str, Any]:
    several = {name: _one(each) for name, each in stand.environments.items()}
    return {**_one(stand), "environments": several}


def _one(stand: Stand) -> dict[str, Any]:
    return {key: value for key, value in stand._asdict().items() if key != "environments"}
