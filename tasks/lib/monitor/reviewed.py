"""What a review rests on: a period and the one before it, read from Prometheus and the hosts."""

from __future__ import annotations

import math
from typing import Any, Mapping, NamedTuple, Sequence

from .. import history
from ..declare import sentence
from ..errors import Trouble
from ..moment import known
from ..telemetry import names
from ..telemetry.prometheus import Prometheus, Series, matching
from .measured import Points
from .world import World

PIECES = 1440  # of a period; of a day each is a minute
LINES = 800  # of each host's journal

# By key: what of a series is kept of each piece of time. Never the mean of what can be out of
# bounds for a moment.
KEPT = {
    "requests": f"avg_over_time({names.RATE}{{about}}[{{step}}])",
    "ratio": f"avg_over_time({names.ERROR_RATIO}{{about}}[{{step}}])",
    "error_ratio": f"max_over_time({names.ERROR_RATIO}{{about}}[{{step}}])",
    "p95": f"max_over_time({names.P95}{{about}}[{{step}}])",
    "availability": f"avg_over_time({names.AVAILABILITY}{{about}}[{{step}}])",
    "cpu": f"max_over_time({names.CPU_MAX}{{about}}[{{step}}])",
    "memory": f"max_over_time({names.MEMORY_MAX}{{about}}[{{step}}])",
    "samples": f"count_over_time({names.INSTANCES}{{about}}[{{step}}])",
}
ROUTES = {
    "p95": f"avg_over_time({names.ROUTE_P95}{{about}}[{{period}}])",
    "rate": f"avg_over_time({names.ROUTE_RATE}{{about}}[{{period}}])",
}


class Route(NamedTuple):
    """A route: its mean p95 (seconds) and rate (a second), now and in the period before."""

    route: str
    p95: float
    rate: float | None
    before: float | None


class Alert(NamedTuple):
    """An alert that fired within the period or the one before; points: while it did."""

    name: str
    severity: str
    points: Points


class Past(NamedTuple):
    """Everything that was read. Times are Unix, in seconds.

    start, end: of the period; the one before it is as long. step: seconds of a piece. points: by
    the key of KEPT, over both periods. starts: by instance, when its processes began. runs: deploys
    and rollbacks, the oldest first. notes: of the journal. silent: why the hosts told nothing.
    """

    environment: str
    start: float
    end: float
    step: float
    points: Mapping[str, Points]
    starts: Mapping[str, tuple[float, ...]]
    alerts: tuple[Alert, ...]
    routes: tuple[Route, ...]
    runs: tuple[Mapping[str, Any], ...]
    notes: tuple[Mapping[str, Any], ...]
    silent: str = ""

    @property
    def before(self) -> float:
        """When the period before began."""
        return 2 * self.start - self.end


def read(
    world: World,
    prometheus: Prometheus,
    period: float,
    entries: Sequence[Mapping[str, Any]],
) -> Past:
    """Return the last `period` seconds and as many before them. entries: of the journal.

    Raises Unanswered where Prometheus doesn't answer; hosts that don't are named in it.
    """
    env, app = world.environment.name, world.settings.app
    end = prometheus.query("time()")[0].value
    step = max(60.0, math.ceil(period / PIECES / 15) * 15)
    start = end - period
    about = matching({"environment": env})

    def over(expression: str) -> tuple[Series, ...]:
        return prometheus.range(expression, start - period + step, end, step)

    shaped = {"about": about, "step": f"{step:.0f}s"}
    points = {key: _own(over(_filled(each, shaped)), app) for key, each in KEPT.items()}
    starts = over(f"max_over_time({names.STARTED}{about}[{step:.0f}s])")
    firing = over(f'max_over_time(ALERTS{{alertstate="firing"}}[{step:.0f}s])')
    runs, silent = _runs(world, entries)
    return Past(
        env,
        start,
        end,
        step,
        points,
        _starts(starts, app),
        tuple(_alerts(firing, env)),
        _routes(prometheus, about, app, (start, end)),
        tuple(each for each in runs if start < _at(each) <= end),
        tuple(each for each in entries if _noted(each, env) and start < _at(each) <= end),
        silent,
    )


def _filled(expression: str, words: Mapping[str, str]) -> str:
    for name, value in words.items():
        expression = expression.replace(f"{{{name}}}", value)
    return expression


def _at(entry: Mapping[str, Any]) -> float:
    return known(entry.get("at")) or 0.0


def _noted(entry: Mapping[str, Any], environment: str) -> bool:
    detail = entry.get("detail") or {}
    return entry.get("phase") == "monitor.note" and detail.get("environment") == environment


def _own(found: Sequence[Series], app: str) -> Points:
    """Return the series of the service, else that of its scrape."""
    by_job = {each.labels.get("job"): each.points for each in found}
    points = by_job.get(app) or by_job.get(names.SCRAPED) or ()
    return tuple(each for each in points if math.isfinite(each[1]))


def _starts(found: Sequence[Series], app: str) -> dict[str, tuple[float, ...]]:
    kept: dict[str, set[float]] = {}
    for each in found:
        if each.labels.get("job") in (app, names.SCRAPED):
            name = each.labels.get("instance", "?")
            kept.setdefault(name, set()).update(value for _, value in each.points)
    return {name: tuple(sorted(values)) for name, values in sorted(kept.items())}


def _alerts(found: Sequence[Series], environment: str) -> list[Alert]:
    """Return the alerts of this environment, and of none; what differs in other labels as one."""
    merged: dict[tuple[str, str], dict[float, float]] = {}
    for each in found:
        if each.labels.get("environment", environment) == environment:
            key = each.labels.get("alertname", "?"), each.labels.get("severity", "")
            merged.setdefault(key, {}).update(each.points)
    return [Alert(*key, tuple(sorted(points.items()))) for key, points in sorted(merged.items())]


def _routes(
    prometheus: Prometheus, about: str, app: str, span: tuple[float, float]
) -> tuple[Route, ...]:
    start, end = span
    words = {"about": about, "period": f"{end - start:.0f}s"}

    def asked(key: str, at: float) -> dict[str, float]:
        found = prometheus.query(_filled(ROUTES[key], words), at)
        own = [each for each in found if each.labels.get("job") == app]
        return {v.labels.get("http_route", ""): v.value for v in own if math.isfinite(v.value)}

    now, rate, before = asked("p95", end), asked("rate", end), asked("p95", start)
    found = [Route(name, p95, rate.get(name), before.get(name)) for name, p95 in now.items()]
    return tuple(sorted(found, key=lambda each: -each.p95))


def _runs(
    world: World, entries: Sequence[Mapping[str, Any]]
) -> tuple[list[Mapping[str, Any]], str]:
    """Return what was done to the environment, as its hosts say; else as this clone's journal."""
    why = "there are no hosts"
    if world.targets:
        try:
            journals, absent = history.ask(world.targets, world.environment, LINES)
        except Trouble as error:
            journals, absent = {}, {"": sentence(error)}
        if journals:
            return list(history.merge(journals)), "; ".join(f"{n}: {w}" for n, w in absent.items())
        why = "; ".join(absent.values()) or why
    return [_journalled(each) for each in entries if _ours(each, world.environment.name)], why


def _ours(entry: Mapping[str, Any], environment: str) -> bool:
    about = entry.get("phase") in ("deploy", "rollback")
    return about and (entry.get("detail") or {}).get("environment") == environment


def _journalled(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    detail = entry.get("detail") or {}
    return {
        "at": entry.get("at", ""),
        "kind": entry.get("phase"),
        "release": detail.get("release", ""),
        "who": entry.get("who", ""),
        "reason": detail.get("reason", "") or detail.get("error", ""),
        "outcome": {"here": entry.get("outcome", "")},
    }
