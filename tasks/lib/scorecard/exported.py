"""The scorecard as metrics, for the developer's dashboard: sent whenever it is computed."""

from __future__ import annotations

import os
from functools import partial
from typing import Any, Iterator, Sequence

from ..telemetry import recipes
from ..telemetry.recipes import Point
from .figures import RATIO, SECONDS, Figure

TIMES = ("mean", "median", "p90", "worst")


def points(figures: Sequence[Figure], environment: str, now: float) -> Iterator[Point]:
    """Yield what is known of the figures; what isn't is not sent, and never as 0.

    now: Unix time, seconds.
    """
    about = {"environment": environment}
    for each in figures:
        labels = {**about, "figure": each.kind.key}
        yield Point("circle.scorecard.events", "{event}", each.now.events, labels)
        yield from _value(each, labels, about)
        if each.target is not None:
            name = "duration" if each.kind.unit == SECONDS else "share"
            yield Point(f"circle.scorecard.target.{name}", each.kind.unit, each.target, labels)
    yield Point("circle.scorecard.timestamp", "s", now, about)


def _value(figure: Figure, labels: dict[str, str], about: dict[str, str]) -> Iterator[Point]:
    value, unit = figure.now.value, figure.kind.unit
    if value is None:
        return
    if unit == SECONDS:
        for name in TIMES:
            told = getattr(figure, name)
            yield Point("circle.scorecard.duration", unit, told, {**labels, "stat": name})
    elif unit == RATIO:
        yield Point("circle.scorecard.share", unit, value, labels)
    else:
        yield Point("circle.scorecard.weekly_deployments", "{deployment}", value, about)


def tell(config: Any, figures: Sequence[Figure], environment: str) -> None:
    """Send them where telemetry is on, as a phase sends how it ended. config: Invoke's."""
    if recipes.enabled(os.environ) and (url := recipes.address(config)):
        recipes.send(partial(points, figures, environment), url)
