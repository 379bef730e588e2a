"""What Prometheus knows of a service in one environment, asked in few questions."""

from __future__ import annotations

import math
from typing import Any, Iterable, Mapping, NamedTuple

from ..moment import unix
from ..telemetry import names
from ..telemetry.prometheus import Prometheus, Series, Unanswered, matching

POINTS = 60  # in a sparkline, before it is fitted to the terminal
STEP = 15.0  # seconds between two evaluations of the rules: asking for more gives no more

BOARD = (
    names.RATE,
    names.ERROR_RATIO,
    names.P50,
    names.P95,
    names.P99,
    names.IN_FLIGHT,
    names.CPU,
    names.CPU_MAX,
    names.MEMORY,
    names.MEMORY_MAX,
    names.UP,
    names.INSTANCES,
)

Points = tuple[tuple[float, float], ...]


class Firing(NamedTuple):
    """An alert that fires. since: Unix time, seconds."""

    name: str
    severity: str
    since: float
    summary: str


class Measured(NamedTuple):
    """What was measured. trouble: why nothing was, "" where Prometheus answered.

    at: Prometheus's own time. values: by name, as of now. past: the same over the window. down:
    instances that don't answer their scrape. age: seconds since the newest scrape, None without
    one. rules: alert rules that are loaded. releases: by id, how many requests each had within the
    last minute.
    """

    trouble: str = ""
    at: float = 0.0
    values: Mapping[str, float] = {}
    past: Mapping[str, Points] = {}
    down: tuple[str, ...] = ()
    age: float | None = None
    alerts: tuple[Firing, ...] = ()
    rules: int = 0
    releases: Mapping[str, float] = {}


def measure(prometheus: Prometheus, app: str, environment: str, window: float) -> Measured:
    """Return what is known of `app` there, now and over the last `window` seconds.

    Asks six questions, however many instances there are. Raises nothing.
    """
    about = matching({"environment": environment})
    try:
        now = prometheus.query("time()")[0].value
        past = _past(prometheus, app, environment, now, window)
        jobs = _scraped(app)
        up = [v for v in prometheus.query(f"up{about}") if v.labels.get("job") in jobs]
        seen = [
            v.value
            for v in prometheus.query(f"timestamp(up{about})")
            if v.labels.get("job") in jobs
        ]
        groups = prometheus.get("rules", {"type": "alert"})["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        alerts = [alert for rule in rules for alert in rule["alerts"]]
        releases = prometheus.query(names.WATCH_REQUESTS + matching(_own(app, environment)))
    except Unanswered as error:
        return Measured(trouble=str(error))
    return Measured(
        at=now,
        values={name: points[-1][1] for name, points in past.items() if points[-1][0] >= now - 1},
        past=past,
        down=tuple(sorted(v.labels.get("instance", "?") for v in up if not v.value)),
        age=max(0.0, now - max(seen)) if seen else None,
        alerts=tuple(firing(alerts, environment)),
        rules=len(rules),
        releases=_summed((v.labels.get("release", ""), v.value) for v in releases),
    )


def _own(app: str, environment: str) -> dict[str, str]:
    return {"job": app, "environment": environment}


def _scraped(app: str) -> tuple[str, ...]:
    return (app, names.SCRAPED)


def _past(
    prometheus: Prometheus, app: str, environment: str, now: float, window: float
) -> dict[str, Points]:
    """Return the board's series in one question: their names are told apart here."""
    said = f'__name__=~"{"|".join(BOARD)}"'
    about = matching({"environment": environment}).removeprefix("{")
    found = prometheus.range(f"{{{said}, {about}", now - window, now, step_of(window))
    return by_name(found, app)


def step_of(window: float) -> float:
    """Return the seconds between two points of a past of `window` seconds."""
    return max(STEP, window / POINTS)


def by_name(found: Iterable[Series], app: str) -> dict[str, Points]:
    """Return the series of `app` by their names, without points that are no number.

    `up` and what is made of it has the job of the scrape, all else that of the service.
    """
    kept: dict[str, Points] = {}
    for each in found:
        name, job = each.labels["__name__"], each.labels.get("job", "")
        points = tuple((at, value) for at, value in each.points if math.isfinite(value))
        if points and (
            job == app or (job == names.SCRAPED and name not in kept and _of_scrape(name))
        ):
            kept[name] = points
    return kept


def _of_scrape(name: str) -> bool:
    return name in (names.UP, names.INSTANCES, names.AVAILABILITY)


def _summed(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for key, value in pairs:
        if key and math.isfinite(value):
            found[key] = found.get(key, 0.0) + value
    return found


def firing(alerts: list[Mapping[str, Any]], environment: str) -> Iterable[Firing]:
    """Yield what fires for this environment, or for none: what watches over all of them.

    alerts: as Prometheus's API has them.
    """
    for each in alerts:
        labels = each["labels"]
        if each["state"] == "firing" and labels.get("environment", environment) == environment:
            summary = each.get("annotations", {}).get("summary", "")
            since = unix(each["activeAt"])
            yield Firing(labels["alertname"], labels.get("severity", ""), since, summary)
