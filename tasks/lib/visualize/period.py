"""A period of an environment, read of Prometheus: what is drawn, and its figures."""

from __future__ import annotations

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


def measures(thresholds: Thresholds) -> tuple[Measure, ...]:
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
        raise Refused(
            f"The period would be {duration.show(found.seconds)} long; give --since a time before "
            "--until, from a minute to 400 days.",
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


def read(prometheus: Prometheus, wanted: Span, environment: str, thresholds: Thresholds) -> Period:
    """Read the period. Raises Unanswered."""
    of = {"environment": environment}
    reach = f"[{wanted.seconds:.0f}s]"

    def value(expression: str) -> float | None:
        found = prometheus.query(expression, wanted.end)
        return found[0].value if found and found[0].value == found[0].value else None

    def drawn(line: Line) -> Points:
        over = "max" if line.peak else "avg"
        joined = "max" if line.peak else "sum"
        inner = f"{line.name}{matching(of)}[{wanted.step:.0f}s]"
        asked = f"{joined}({over}_over_time({inner}))"
        found = prometheus.range(asked, wanted.start + wanted.step, wanted.end, wanted.step)
        return found[0].points if found else ()

    def figured(measure: Measure, line: Line) -> Figures:
        one = f"{line.name}{matching(of)}"
        bound = measure.bound if line.bounded else None
        out = value(f"max(count_over_time(({one} > {bound})[{wanted.seconds:.0f}s:15s])) * 15")
        return Figures(
            line.label,
            measure.unit,
            value(f"min(min_over_time({one}{reach}))"),
            value(f"avg(avg_over_time({one}{reach}))"),
            value(f"max(max_over_time({one}{reach}))"),
            value(f"max({one})"),
            bound,
            None if bound is None else out or 0.0,
        )

    found = measures(thresholds)
    rate = value(f"sum(sum_over_time({names.RATE}{matching(of)}[{wanted.seconds:.0f}s:15s])) * 15")
    slowest = f"topk({ROUTES}, avg_over_time({names.ROUTE_P95}{matching(of)}{reach}))"
    routes = [
        (each.labels.get("http_route", ""), each.value)
        for each in prometheus.query(slowest, wanted.end)
    ]
    return Period(
        tuple(Plot(each, tuple(map(drawn, each.lines))) for each in found),
        tuple(figured(each, line) for each in found for line in each.lines),
        value(f"avg(avg_over_time({names.AVAILABILITY}{matching(of)}{reach}))"),
        rate,
        tuple(sorted(routes, key=lambda route: -route[1])),
    )
