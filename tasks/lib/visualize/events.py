"""What happened in a period: deploys, rollbacks, notes, alerts."""

from __future__ import annotations

import html
import re
from typing import Any, Iterator, Mapping, NamedTuple, Sequence

from .. import console, journal
from ..moment import known
from ..telemetry.grafana import Grafana, Unreachable
from ..telemetry.prometheus import Prometheus, matching
from .period import Span
from .world import World

KINDS = ("deploy", "rollback", "note")
STEP = 15.0  # seconds within which an alert that fires again goes on


class Event(NamedTuple):
    """Something at a time, or from one to another (Unix). kind: "alert" or one of KINDS."""

    kind: str
    start: float
    end: float
    text: str


def read(world: World, prometheus: Prometheus, wanted: Span) -> tuple[Event, ...]:
    """Return what happened in the period, the oldest first. Raises Unanswered."""
    found = [*_marks(world, wanted), *_alerts(world, prometheus, wanted)]
    return tuple(sorted(found, key=lambda event: event.start))


def _marks(world: World, wanted: Span) -> list[Event]:
    """Return deploys, rollbacks and notes: Grafana's marks, else what this clone did itself."""
    try:
        with Grafana(world.places.grafana) as grafana:
            return [
                _marked(kind, each)
                for kind in KINDS
                for each in grafana.annotations(*wanted, (kind, world.environment))
            ]
    except Unreachable as error:
        console.warn(f"{str(error).rstrip('.')}; deploys are those of this clone's journal")
    entries = journal.read(journal.where(world.root))
    return [*journalled(entries, world.environment, wanted)]


def _marked(kind: str, mark: Mapping[str, Any]) -> Event:
    start = mark["time"] / 1000
    text = html.unescape(re.sub(r"\s*<[^>]*>\s*", " ", str(mark.get("text", ""))))
    return Event(kind, start, (mark.get("timeEnd") or mark["time"]) / 1000, text)


def journalled(
    entries: Sequence[Mapping[str, Any]], environment: str, wanted: Span
) -> Iterator[Event]:
    """Yield the deploys and rollbacks that a journal has of the environment in a period."""
    for entry in entries:
        detail = entry.get("detail") or {}
        if entry.get("phase") not in KINDS or detail.get("environment") != environment:
            continue
        end = known(entry.get("at"))
        if end is None:
            continue
        if wanted.start <= end <= wanted.end and entry.get("outcome") != "refused":
            text = f"{entry['phase']} of {detail.get('version') or '?'} {entry.get('outcome')}"
            start = end - float(entry.get("seconds", 0))
            yield Event(str(entry["phase"]), start, end, f"{text} ({entry.get('who', '?')})")


def _alerts(world: World, prometheus: Prometheus, wanted: Span) -> Iterator[Event]:
    of = matching({"environment": world.environment, "alertstate": "firing"})
    step = max(STEP, -(-wanted.seconds // 10_000))  # Prometheus gives at most 11,000 points
    for series in prometheus.range(f"ALERTS{of}", *wanted, step):
        name = series.labels.get("alertname", "?")
        severity = series.labels.get("severity", "")
        where = series.labels.get("instance", "")
        said = f"{name} ({severity})" + f" on {where}" * bool(where)
        yield from (Event("alert", *piece, said) for piece in pieces(series.points, step))


def pieces(points: Sequence[tuple[float, float]], step: float) -> Iterator[tuple[float, float]]:
    """Yield the stretches of points that follow one another, as (start, end)."""
    start = before = None
    for at, _ in points:
        if start is None or before is None:
            start = at
        elif at - before > step * 1.5:
            yield start, before
            start = at
        before = at
    if start is not None and before is not None:
        yield start, before
