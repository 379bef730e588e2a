"""A period of an environment, read of Prometheus: what is drawn, and its figures."""

from __future__ import annotations

import math
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

from .. import duration
from ..errors import Refused
from ..telemetry import names
from ..telemetry.prometheus import Prometheus, matching

if TYPE_CHECKING:
    from ..settings import Thresholds

POINTS = 360  # of a graph
FINEST = 15.0  # seconds: the rules' own interval
FINE_POINTS = 50_000  # of a subquery: a week at the finest
ROUTES = 10
Points = tuple[tuple[float, float], ...]


class Span(NamedTuple):
    """From start to end, Unix time."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start

    @property
    def step(self) -> float:
        """Seconds between two points of a graph."""
        return max(FINEST, -(-self.seconds // POINTS))


class Line(NamedTuple):
    """A name to draw: its label, the recorded name, whether its peaks count (or its mean)."""

    label: str
    name: str
    peak: bool = False
    bounded: bool = False


class Measure(NamedTuple):
    """What one graph is about. unit: "ratio", "seconds", "bytes", "rate" or "count"."""

    title: str
    unit: str
    lines: tuple[Line, ...]
    bound: float | None = None


Measures = tuple[Measure, ...]


class Figures(NamedTuple):
    """What one line was over the period; None where nothing was measured. out: seconds over the
    bound, None where there is none."""

    label: str
    unit: str
    lowest: float | None
    mean: float | None
    highest: float | None
    last: float | None
    bound: float | None = None
    out: float | None = None


class Plot(NamedTuple):
    """A measure with the points of each of its lines."""

    measure: Measure
    points: tuple[Points, ...]


class Period(NamedTuple):
    """All that was read. availability: 0 to 1. requests: how many. routes: the slowest, with the
    mean of their p95 in seconds."""

    plots: tuple[Plot, ...]
    figures: tuple[Figures, ...]
    availability: float | None
    requests: float | None
    routes: tuple[tuple[str, float], ...]


def measures(thresholds: Thresholds) -> Measures:
    """Return what is drawn, with the bounds that count for the environment."""
    p95 = Line("p95", names.P95, True, True)
    latency = (Line("p50", names.P50, True), p95, Line("p99", names.P99, True))
    errors = (Line("error ratio", names.ERROR_RATIO, True, True),)
    instances = (Line("up", names.UP), Line("should be", names.INSTANCES))
    return (
        Measure("Requests", "rate", (Line("requests", names.RATE),)),
        Measure("Error ratio", "ratio", errors, thresholds.error_ratio),
        Measure("Latency", "seconds", latency, thresholds.p95),
        Measure("In flight", "count", (Line("in flight", names.IN_FLIGHT, True),)),
        Measure("Instances", "count", instances),
        Measure("CPU, processors", "count", (Line("processors", names.CPU),)),
        Measure("Memory", "bytes", (Line("memory", names.MEMORY, True),)),
    )


def span(since: str, until: str, now: float) -> Span:
    """Return the period that two options mean, each a duration ago (`24h`) or a time in UTC
    (`2026-11-25T14:00`); until "" is now. Raises Refused."""
    found = Span(_moment(since, now), _moment(until, now) if until else now)
    if not 60 <= found.seconds <= 400 * 86400:
        before = "--until" if until else "now"
        raise Refused(
            f"The period would be {duration.show(found.seconds)} long; give --since a time before "
            f"{before}, from a minute to 400 days.",
            kind="period",
        )
    return found._replace(end=min(found.end, now))


def _moment(text: str, now: float) -> float:
    if re.match(r"\d{4}-", text):
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise Refused(f"{text!r} is no time: write it as 2026-11-25T14:00.") from None
        return (at if at.tzinfo else at.replace(tzinfo=timezone.utc)).timestamp()
    return now - duration.parse(text)


def read(
    prometheus: Prometheus, wanted: Span, job: str, environment: str, found: Measures
) -> Period:
    """Read the period of the service `job` in `environment`; found: what is drawn of it.

    Raises Unanswered.
    """
    asked = _Asked(prometheus, wanted, job, environment)
    routes = asked.prometheus.query(
        f"topk({ROUTES}, avg_over_time({asked.one(names.ROUTE_P95)}{asked.reach}))", wanted.end
    )
    slowest = [(each.labels.get("http_route", ""), each.value) for each in routes]
    return Period(
        tuple(Plot(each, tuple(map(asked.drawn, each.lines))) for each in found),
        tuple(asked.figures(each, line) for each in found for line in each.lines),
        asked.value(f"avg(avg_over_time({asked.one(names.AVAILABILITY)}{asked.reach}))"),
        asked.value(f"sum(sum_over_time({asked.one(names.RATE)}{asked.each})) * {asked.fine}"),
        tuple(sorted(slowest, key=lambda route: -route[1])),
    )


class _Asked:
    """What is asked of one period. reach: all of it. each: at every evaluation of the rules, which
    are `fine` seconds apart, in a period that is very long at fewer."""

    def __init__(self, prometheus: Prometheus, span: Span, job: str, environment: str) -> None:
        self.prometheus, self.span = prometheus, span
        self.of = {"environment": environment, "job": job}
        self.fine = max(FINEST, -(-span.seconds // FINE_POINTS))
        self.reach = f"[{span.seconds:.0f}s]"
        self.each = f"[{span.seconds:.0f}s:{self.fine:.0f}s]"

    def one(self, name: str) -> str:
        """Return the selector of a recorded name. What is scraped has the job of the scrape."""
        scraped = name in (names.UP, names.INSTANCES, names.AVAILABILITY)
        return name + matching({k: v for k, v in self.of.items() if k != "job" or not scraped})

    def value(self, expression: str) -> float | None:
        """Return the one value of an expression at the period's end, None where it has none."""
        found = self.prometheus.query(expression, self.span.end)
        return found[0].value if found and math.isfinite(found[0].value) else None

    def drawn(self, line: Line) -> Points:
        """Return the points of a line: of each step its peak or its mean."""
        over, joined = ("max", "max") if line.peak else ("avg", "sum")
        step = self.span.step
        asked = f"{joined}({over}_over_time({self.one(line.name)}[{step:.0f}s]))"
        found = self.prometheus.range(asked, self.span.start + step, self.span.end, step)
        return found[0].points if found else ()

    def figures(self, measure: Measure, line: Line) -> Figures:
        """Return what a line was over the period, of every sample and not of the drawn points."""
        one, bound = self.one(line.name), measure.bound if line.bounded else None
        out = None
        if bound is not None:
            out = self.value(f"max(count_over_time(({one} > {bound}){self.each})) * {self.fine}")
        return Figures(
            line.label,
            measure.unit,
            self.value(f"min(min_over_time({one}{self.reach}))"),
            self.value(f"avg(avg_over_time({one}{self.reach}))"),
            self.value(f"max(max_over_time({one}{self.reach}))"),
            self.value(f"max({one})"),
            bound,
            None if bound is None else out or 0.0,
        )
