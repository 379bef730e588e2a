"""Acknowledging: a silence whose comment begins with ACK!, as karma and kthxbye have it.

Its start is when somebody answered, its author who, and its comment carries the verdict.
"""

from __future__ import annotations

import difflib
import re
import time
from typing import TYPE_CHECKING, Iterable, NamedTuple

from .. import console, duration
from ..declare import Outcome
from ..errors import Refused
from ..journal import who
from ..telemetry.alertmanager import Alertmanager, Matcher
from ..telemetry.prometheus import Prometheus

if TYPE_CHECKING:
    from ..telemetry.alertmanager import Silence
    from .episodes import Episode
    from .world import World

MARK = "ACK!"
ACTIONABLE, FALSE_POSITIVE = "actionable", "false_positive"
VERDICTS = (ACTIONABLE, FALSE_POSITIVE)
DAY = 86400.0  # seconds for which an alert that is over can still be judged
LONGEST = 30 * DAY  # an acknowledgement is no way to switch an alert off

_COMMENT = re.compile(rf"{MARK}\s*(?:({'|'.join(VERDICTS)})\b:?)?\s*(.*)", re.DOTALL)


class Said(NamedTuple):
    """What an acknowledgement says. at: Unix seconds. verdict: "" where none was given."""

    at: float
    by: str
    verdict: str
    reason: str


def read(silences: Iterable[Silence]) -> list[tuple[Silence, Said]]:
    """Return those of the silences that acknowledge something, the oldest first."""
    found = []
    for silence in sorted(silences, key=lambda each: each.start):
        if said := _COMMENT.fullmatch(silence.comment):
            found.append((silence, Said(silence.start, silence.by, said[1] or "", said[2])))
    return found


def comment(verdict: str, reason: str) -> str:
    """Return the comment of an acknowledgement; `read` reads it back."""
    return f"{MARK} {verdict}: {reason}"


def acknowledge(world: World, name: str, reason: str, verdict: str, seconds: float) -> Outcome:
    """Acknowledge the alert `name` in the world's environment.

    reason: why, in a sentence. seconds: how long nobody is told again. What is over is judged, and
    nothing silenced: should it fire again, that is told. Raises Refused, Unanswered.
    """
    _refuse(world, name, reason, seconds)
    environment = world.environment.name
    episode, fires = _latest(world, name)
    named = {"alertname": name}
    if episode.environment:
        named["environment"] = environment
    matchers = tuple(Matcher(key, value) for key, value in named.items())
    with Alertmanager(world.places.alertmanager) as told:
        for silence, said in read(told.silences()):
            if silence.state == "active" and silence.fits(named) and said.verdict == verdict:
                console.say(f"{name} is acknowledged already, by {said.by}: {said.reason}")
                return Outcome(_detail(environment, name, silence.id, said, silence.end))
        now = time.time()
        text = comment(verdict, reason)
        made = told.silence(matchers, now, now + seconds, who(), text)
        if not fires:
            told.expire(made)
    until = now + seconds if fires else now
    clock = time.strftime("%a %H:%M", time.localtime(until))
    console.say(
        f"{name} in {environment} is acknowledged as {verdict}; it is not told again until {clock}."
        if fires
        else f"{name} in {environment} is over and was judged {verdict}; nothing is silenced."
    )
    said = Said(now, who(), verdict, reason)
    return Outcome(_detail(environment, name, made, said, until))


def _detail(
    environment: str, name: str, silence: str, said: Said, until: float
) -> dict[str, object]:
    told = {"environment": environment, "alert": name, "silence": silence, "until": until}
    return told | {"verdict": said.verdict, "reason": said.reason, "by": said.by}


def _refuse(world: World, name: str, reason: str, seconds: float) -> None:
    if not reason.strip():
        raise Refused(f"Say why: `inv alert.ack {name} --reason=WHY`.")
    if not 60 <= seconds <= LONGEST:
        longest = duration.show(LONGEST)
        raise Refused(f"--for is 1m to {longest}: what shall never be told has to leave the rules.")
    known = sorted({rule.name for rule in world.rules} | {_name(a.labels) for a in world.known})
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        said = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known) or 'none'}."
        raise Refused(f"There is no alert {name!r}; {said}")


def _name(labels: object) -> str:
    return str(labels["alertname"]) if isinstance(labels, dict) else ""


def _latest(world: World, name: str) -> tuple[Episode, bool]:
    """Return the newest time that it fired here, and whether it still does. Raises Refused."""
    from .episodes import mine, read

    with Prometheus(world.places.prometheus) as asked:
        found = read(asked, world.rules, DAY, world.at)
    environment = world.environment.name
    here = [each for each in mine(found, environment) if each.alert == name]
    if not here:
        raise Refused(
            f"{name} has not fired in {environment} within a day, so there is nothing to"
            f" acknowledge; look at `inv alert --env={environment}`."
        )
    return here[-1], here[-1].resolved is None
