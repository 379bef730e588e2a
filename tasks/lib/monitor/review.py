"""The morning and the evening review: a period against its bounds and the period before. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Mapping, NamedTuple

from .. import history
from ..moment import known
from . import figures, spans
from .reviewed import Alert, Past, Route
from .settings import bytes_of
from .spans import Span

if TYPE_CHECKING:
    from ..settings import Environment
    from .settings import Monitor

DEPLOYED = 300.0  # seconds around a deploy in which a start is a part of it


class Figure(NamedTuple):
    """A figure of the period and of the one before; None where nothing was measured."""

    key: str
    name: str
    now: float | None
    before: float | None
    show: Callable[[float], str]


class Left(NamedTuple):
    """What left its bounds: from when to when, and the worst of it."""

    key: str
    name: str
    span: Span
    bound: str
    show: Callable[[float], str]


class Start(NamedTuple):
    """A process that began. deployed: whether a deploy or rollback had it begin."""

    instance: str
    at: float
    deployed: bool


class Fired(NamedTuple):
    """An alert: when it fired in the period, and how often in the one before."""

    name: str
    severity: str
    now: tuple[Span, ...]
    before: int


class Review(NamedTuple):
    """What a period comes to. missing: when nothing was measured."""

    past: Past
    figures: tuple[Figure, ...]
    left: tuple[Left, ...]
    missing: tuple[Span, ...]
    starts: tuple[Start, ...]
    fired: tuple[Fired, ...]
    routes: tuple[Route, ...]

    def document(self) -> dict[str, Any]:
        """Return it for `--json`: times are Unix, in seconds, ratios 0 to 1, sizes in bytes."""
        past = self.past
        return {
            "environment": past.environment,
            "start": past.start,
            "end": past.end,
            "step": past.step,
            "figures": {f.key: {"now": f.now, "before": f.before} for f in self.figures},
            "left_bounds": [{"key": e.key, **_span(e.span), "bound": e.bound} for e in self.left],
            "missing": [_span(each) for each in self.missing],
            "restarts": [each._asdict() for each in self.starts],
            "alerts": [
                {
                    "name": each.name,
                    "severity": each.severity,
                    "before": each.before,
                    "spans": [_span(span) for span in each.now],
                }
                for each in self.fired
            ],
            "routes": [each._asdict() for each in self.routes],
            "runs": [dict(each) for each in past.runs],
            "notes": [dict(each) for each in past.notes],
            "hosts": past.silent,
        }


def _span(span: Span) -> dict[str, float]:
    return {"start": span.start, "end": span.end, "worst": span.worst}


def review(past: Past, environment: Environment, monitor: Monitor) -> Review:
    """Return what the period comes to, held against today's bounds."""
    return Review(
        past,
        _figures(past),
        tuple(_left(past, environment, monitor)),
        spans.gaps(past.points["samples"], past.start, past.end, past.step),
        tuple(_starts(past)),
        tuple(each for each in map(lambda a: _fired(a, past), past.alerts) if each.now),
        past.routes,
    )


def _figures(past: Past) -> tuple[Figure, ...]:
    now = {key: spans.within(p, past.start, past.end) for key, p in past.points.items()}
    before = {key: spans.within(p, past.before, past.start) for key, p in past.points.items()}

    def figure(
        key: str, name: str, of: Callable[[Mapping[str, Any]], float | None], show: Any
    ) -> Figure:
        return Figure(key, name, of(now), of(before), show)

    step = past.step
    return (
        figure("requests", "requests", lambda p: spans.total(p["requests"], step), figures.number),
        figure("error_ratio", "error ratio", _ratio, figures.percent),
        figure("error_ratio_worst", "its worst", _worst("error_ratio"), figures.percent),
        figure("p95", "p95, mean", lambda p: spans.mean(p["p95"]), figures.seconds),
        figure("p95_worst", "its worst", _worst("p95"), figures.seconds),
        figure("availability", "up", lambda p: spans.mean(p["availability"]), figures.percent),
        figure("cpu_worst", "processors, worst", _worst("cpu"), figures.number),
        figure("memory_worst", "memory, worst", _worst("memory"), figures.size),
    )


def _worst(key: str) -> Callable[[Mapping[str, Any]], float | None]:
    return lambda points: spans.worst(points[key])


def _ratio(points: Mapping[str, Any]) -> float | None:
    """Return failed requests per request: moments weigh as much as was asked in them."""
    rates = dict(points["requests"])
    pairs = [(rates[at], ratio) for at, ratio in points["ratio"] if at in rates]
    asked = sum(rate for rate, _ in pairs)
    return sum(rate * ratio for rate, ratio in pairs) / asked if asked else None


def _left(past: Past, environment: Environment, monitor: Monitor) -> list[Left]:
    """Return what left its bounds, in the order of time."""
    memory = bytes_of(monitor.memory) or 0.0
    bounds = (
        ("error_ratio", "error ratio", environment.thresholds.error_ratio, figures.percent),
        ("p95", "p95", environment.thresholds.p95, figures.seconds),
        ("cpu", "processors", monitor.cpu, figures.number),
        ("memory", "memory", memory, figures.size),
    )
    found = []
    for key, name, bound, show in bounds:
        points = spans.within(past.points[key], past.start, past.end)
        over = spans.spans(points, past.step, _over(bound)) if bound else ()
        found += [Left(key, name, each, f"at most {show(bound)}", show) for each in over]
    points = spans.within(past.points["availability"], past.start, past.end)
    down = spans.spans(points, past.step, lambda v: v < 1, min)
    found += [Left("availability", "up", each, "all", figures.percent) for each in down]
    return sorted(found, key=lambda each: each.span.start)


def _over(bound: float) -> Callable[[float], bool]:
    return lambda value: value > bound


def _starts(past: Past) -> list[Start]:
    """Return the processes that began within the period, in the order of time."""
    runs = [known(each.get("at")) or 0.0 for each in past.runs]
    found = [
        Start(name, at, any(abs(at - run) <= DEPLOYED for run in runs))
        for name, times in past.starts.items()
        for at in times
        if past.start < at <= past.end
    ]
    return sorted(found, key=lambda each: each.at)


def _fired(alert: Alert, past: Past) -> Fired:
    def when(start: float, end: float) -> tuple[Span, ...]:
        points = spans.within(alert.points, start, end)
        return spans.spans(points, past.step, lambda value: value > 0)

    now, before = when(past.start, past.end), when(past.before, past.start)
    return Fired(alert.name, alert.severity, now, len(before))


def change(figure: Figure) -> str:
    """Return how a figure has changed, in percent of what it was."""
    if figure.now is None or not figure.before:
        return ""
    share = (figure.now - figure.before) / figure.before * 100
    return f"{share:+.0f} %"


def run_of(run: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a deploy or rollback as cells: what, how it ended, who, why."""
    said: dict[str, Any] = dict(run)
    return history.what(said), history.ended(said), str(run["who"]), str(run.get("reason", ""))
