"""The history of alerts: what fired, for how long, who answered, and how it was judged."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from .. import console
from ..declare import Outcome
from ..duration import show as length
from ..telemetry.alertmanager import Alertmanager
from ..telemetry.prometheus import Prometheus
from . import episodes
from .acks import ACTIONABLE, FALSE_POSITIVE

if TYPE_CHECKING:
    from .episodes import Episode
    from .world import World

_VERDICTS = {ACTIONABLE: "acted on", FALSE_POSITIVE: "false"}


def read(world: World, seconds: float, environment: str) -> list[Episode]:
    """Return what fired within the last `seconds`, with what was answered to it.

    environment: only what is about it; "" is all. Raises Unanswered, of either of the two.
    """
    with Prometheus(world.places.prometheus) as asked:
        found = episodes.read(asked, world.rules, seconds, world.at)
    with Alertmanager(world.places.alertmanager) as told:
        silences = told.silences()
    return episodes.joined(episodes.mine(found, environment), silences)


def show(world: World, seconds: float, environment: str) -> Outcome:
    """Tell the history and return it."""
    found = read(world, seconds, environment)
    if not found:
        console.say(f"No alert fired within {length(seconds)}.")
    else:
        rows = [_row(each, world.at) for each in found]
        console.table(rows, ("fired", "lasted", "alert", "environment", "answered"))
    told = [episodes.plain(each, world.at) for each in found]
    return Outcome({"since": world.at - seconds, "until": world.at, "episodes": told})


def _row(episode: Episode, now: float) -> tuple[str, ...]:
    fired = datetime.fromtimestamp(episode.fired).strftime("%m-%d %H:%M")
    lasted = length(round(episode.seconds(now))) + ("" if episode.resolved else "+")
    answered = ["silenced"] if episode.held else []
    if episode.response is not None:
        answered.append(length(round(episode.response)))
    if episode.verdict:
        answered.append(_VERDICTS[episode.verdict])
    return fired, lasted, episode.alert, episode.environment or "-", ", ".join(answered) or "-"
