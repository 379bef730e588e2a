"""The weekly review of alerts: were they answered, were they worth it, and what would be less."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import console
from ..declare import Outcome
from ..duration import show as length
from ..errors import NotClosed, Refused
from ..telemetry.prometheus import Prometheus
from . import figures, noise, past, reviewed
from .acks import ACTIONABLE
from .closure import missing
from .rules import HEARTBEAT

if TYPE_CHECKING:
    from .episodes import Episode
    from .figures import Flapping, Noise, Response, Verdicts
    from .noise import Halved
    from .world import World


class Review(NamedTuple):
    """What a review found, of the time from `start` to `end` (Unix time), in one environment or,
    where that is "", in all. halved: by alert, what would have halved how often it fired."""

    environment: str
    start: float
    end: float
    episodes: tuple[Episode, ...]
    response: Response
    target: float
    verdicts: Verdicts
    borne: float
    noisiest: tuple[Noise, ...]
    flapping: tuple[Flapping, ...]
    quiet: tuple[str, ...]
    missing: tuple[str, ...]
    halved: dict[str, Halved]

    def faults(self) -> list[str]:
        """Return what is out of its bounds, a sentence each."""
        found = []
        mean, ratio = self.response.mean, self.verdicts.ratio
        if mean is not None and mean > self.target:
            found.append(f"the mean response took {length(round(mean))}")
        if ratio is not None and ratio > self.borne:
            found.append(f"{ratio:.0%} were false positives")
        if self.flapping:
            names = ", ".join(sorted({each.alert for each in self.flapping}))
            found.append(f"flapping: {names}")
        if self.missing:
            found.append(f"no page: {', '.join(self.missing)}")
        return found


def read(world: World, seconds: float, environment: str) -> Review:
    """Return the review of the last `seconds`. Raises Unanswered, of either of the two."""
    found = past.read(world, seconds, environment)
    names = [rule.name for rule in world.rules if rule.name != HEARTBEAT]
    alerting, end = world.settings.alert, world.at
    return Review(
        environment,
        end - seconds,
        end,
        tuple(found),
        figures.response(found, alerting.response, end),
        alerting.response,
        figures.verdicts(found),
        alerting.false_positives,
        tuple(figures.noisiest(found, end)),
        tuple(figures.flapping(found)),
        tuple(figures.quiet(names, found)),
        tuple(missing(world)),
        _halved(world, found, end - seconds, environment),
    )


def _halved(
    world: World, found: list[Episode], start: float, environment: str
) -> dict[str, Halved]:
    """Ask what would have halved the noise of each alert that fired more than once."""
    fired = [each.alert for each in found]
    needed = [each for each in found if each.verdict == ACTIONABLE]
    halved = {}
    with Prometheus(world.places.prometheus) as asked:
        for rule in world.rules:
            if fired.count(rule.name) < 2:
                continue
            measured = [
                (where, points)
                for where, points in noise.read(asked, rule, start, world.at)
                if not environment or where == environment
            ]
            spans = [
                (each.environment, (each.fired, each.resolved or world.at))
                for each in needed
                if each.alert == rule.name
            ]
            if less := noise.halved(rule, measured, spans):
                halved[rule.name] = less
    return halved


def show(world: World, seconds: float, environment: str, write: str) -> Outcome:
    """Tell the review, write it as Markdown where `write` says (a path, "" for nowhere), return it.

    Raises NotClosed where something is out of its bounds, Refused where it can't be written.
    """
    place = _place(world.root, write)
    review = read(world, seconds, environment)
    text = reviewed.markdown(review, world)
    console.say(text.rstrip())
    if place:
        place.write_text(text)
        console.say(f"\nWritten to {write}")
    detail: dict[str, Any] = reviewed.document(review)
    if faults := review.faults():
        raise NotClosed(
            f"The alerts of the last {length(seconds)} are not as they should be: "
            f"{'; '.join(faults)}.",
            kind="review",
            detail=detail,
        )
    return Outcome(detail)


def _place(root: Path, write: str) -> Path | None:
    if not write:
        return None
    place = root / write
    if not place.parent.is_dir() or place.is_dir():
        raise Refused(f"--write={write} is no file that can be written: name one in a directory.")
    return place
