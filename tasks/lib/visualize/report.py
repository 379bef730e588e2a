"""`inv visualize.report`: reads a period, writes it as one file."""

from __future__ import annotations

import os
import time
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .. import console, journal
from ..declare import Outcome
from ..duration import show
from ..errors import NotClosed
from ..telemetry.prometheus import Prometheus
from . import drawing, events, page, period
from .period import Period, Span
from .world import World

HOME = ".circle/reports"  # which git ignores


def report(world: World, wanted: Span, file: str, open: bool) -> Outcome:
    """Write the report. file: where, "" for one in HOME. open: show it in a browser.

    Raises Unanswered, Refused where it can't be written, and NotClosed (kind "nothing") where
    Prometheus has nothing of the environment in the period.
    """
    path = Path(file) if file else world.root / HOME / _name(world, wanted)
    page.refuse(path, "file")
    with Prometheus(world.places.prometheus) as prometheus:
        drawn = period.measures(world.thresholds)
        found = period.read(prometheus, wanted, world.job, world.environment, drawn)
        if not any(points for plot in found.plots for points in plot.points):
            raise NotClosed(
                f"Prometheus has nothing of {world.environment} from {drawing.moment(wanted.start)}"
                f" to {drawing.moment(wanted.end)} UTC: choose another period or --env.",
                kind="nothing",
            )
        happened = events.read(world, prometheus, wanted)
    about = page.About(world.job, world.environment, wanted, journal.who(), time.time())
    page.write(path, page.page(about, found, happened), "file")
    _told(found, happened)
    shown = os.path.relpath(path)
    console.say(f"{shown if not shown.startswith('..') else path} has the graphs.")
    if open:
        _opened(path)
    return Outcome(_detail(world, wanted, path, found, happened))


def _name(world: World, wanted: Span) -> str:
    at = datetime.fromtimestamp(wanted.end, timezone.utc).strftime("%Y%m%dT%H%MZ")
    return f"{world.environment}-{at}-{show(wanted.seconds)}.html"


def _told(found: Period, happened: tuple[events.Event, ...]) -> None:
    rows = [
        (
            each.label,
            drawing.number(each.mean, each.unit),
            drawing.number(each.highest, each.unit),
            "" if each.bound is None else drawing.number(each.bound, each.unit),
            "" if each.out is None else show(each.out) if each.out else "never",
        )
        for each in found.figures
    ]
    console.table(rows, ("", "mean", "highest", "bound", "over it"))
    counted = Counter(event.kind for event in happened)
    marked = ", ".join(f"{count} {kind}{'s' * (count > 1)}" for kind, count in counted.items())
    console.say(f"Marked: {marked or 'no deploy, no rollback, no note and no alert'}.")


def _opened(path: Path) -> None:
    import webbrowser

    if not webbrowser.open(path.resolve().as_uri()):
        console.warn(f"no browser could be started; open {path}")


def _detail(
    world: World, wanted: Span, path: Path, found: Period, happened: tuple[events.Event, ...]
) -> dict[str, Any]:
    return {
        "environment": world.environment,
        "file": str(path),
        "from": drawing.moment(wanted.start),
        "to": drawing.moment(wanted.end),
        "availability": found.availability,
        "requests": found.requests,
        "figures": [
            {
                "name": each.label,
                "unit": each.unit,
                "lowest": each.lowest,
                "mean": each.mean,
                "highest": each.highest,
                "bound": each.bound,
                "over_seconds": each.out,
            }
            for each in found.figures
        ],
        "events": [
            {"kind": each.kind, "at": drawing.moment(each.start), "text": each.text}
            for each in happened
        ],
    }
