"""Holds what was seen against its bounds. Pure: it asks nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from .. import inspect
from ..hostlist import compact, counted
from ..telemetry import names
from . import figures, released
from .asked import Answer
from .board import FREE, OK, OUT, UNKNOWN, Board, Reading, Seen
from .hosts import Told
from .loglines import Found
from .measured import Measured
from .settings import bytes_of

if TYPE_CHECKING:
    from ..settings import Environment
    from .settings import Monitor

QUIET = ("info", "none")  # severities that nobody is woken for
NODATA = "no data of it in Prometheus: `inv monitor.doctor` walks the way that it takes"

_SHOWN: dict[str, Callable[[float], str]] = {
    names.RATE: figures.number,
    names.ERROR_RATIO: figures.percent,
    names.P50: figures.seconds,
    names.P95: figures.seconds,
    names.P99: figures.seconds,
    names.IN_FLIGHT: figures.number,
    names.CPU: figures.number,
    names.CPU_MAX: figures.number,
    names.MEMORY: figures.size,
    names.MEMORY_MAX: figures.size,
}


def board(seen: Seen, environment: Environment, monitor: Monitor, scrape: float) -> Board:
    """Return the board of what was seen; scrape: seconds between two scrapes."""
    log = _together(seen.told)
    readings = [
        *_requests(seen.measured, environment),
        *_resources(seen.measured, monitor),
        _instances(seen.measured),
        _samples(seen.measured, scrape),
        _alerts(seen.measured),
        _answer("health", "health", seen.health),
    ]
    if monitor.metrics:
        readings.append(_answer("metrics", monitor.metrics, seen.metrics))
    if seen.told and (seen.told.errors or seen.told.absent):
        readings.append(_log(seen.told, log, monitor))
        readings += [_same(seen.told)] if seen.told.facts else []
    live = released.live(seen.told, seen.live, seen.measured.releases)
    return Board(
        environment.name,
        seen.at,
        seen.measured.at,
        monitor.window,
        tuple(readings),
        seen.measured.alerts,
        log,
        live,
    )


def _reading(
    measured: Measured, key: str, title: str, name: str, limit: float = 0.0, judged: str = ""
) -> Reading:
    """Return the reading of a series. limit: what `judged` (default: itself) may be, 0 for none."""
    show, judged = _SHOWN[name], judged or name
    value, worst = measured.values.get(name), measured.values.get(judged)
    text = "-" if value is None else show(value)
    if judged != name and worst is not None:
        text += f" (worst {show(worst)})"
    bound = show(limit) if limit else ""
    found = Reading(key, title, text, FREE, "", bound, value, limit or None)
    found = found._replace(past=measured.past.get(name, ()))
    if not limit:
        return found
    if worst is None:
        if name in (names.ERROR_RATIO, names.P95) and _idle(measured):
            return found._replace(text="no traffic", state=OK)
        return found._replace(state=UNKNOWN, why=measured.trouble or NODATA)
    if worst > limit:
        return found._replace(state=OUT, why=f"{title} is {show(worst)}, over {bound}")
    return found._replace(state=OK)


def _idle(measured: Measured) -> bool:
    """Tell whether nobody asks anything; one that nobody has asked yet has no rate at all."""
    rate = measured.values.get(names.RATE)
    return rate == 0 or (rate is None and names.MEMORY in measured.values)


def _requests(measured: Measured, environment: Environment) -> list[Reading]:
    bounds = environment.thresholds
    return [
        _reading(measured, "rate", "requests/s", names.RATE),
        _reading(measured, "error_ratio", "error ratio", names.ERROR_RATIO, bounds.error_ratio),
        _reading(measured, "p50", "p50", names.P50),
        _reading(measured, "p95", "p95", names.P95, bounds.p95),
        _reading(measured, "p99", "p99", names.P99),
        _reading(measured, "in_flight", "in flight", names.IN_FLIGHT),
    ]


def _resources(measured: Measured, monitor: Monitor) -> list[Reading]:
    memory = bytes_of(monitor.memory) or 0.0
    return [
        _reading(measured, "cpu", "processors", names.CPU, monitor.cpu, names.CPU_MAX),
        _reading(measured, "memory", "memory", names.MEMORY, memory, names.MEMORY_MAX),
    ]


def _instances(measured: Measured) -> Reading:
    up, wanted = measured.values.get(names.UP), measured.values.get(names.INSTANCES)
    found = Reading("instances", "instances up", "-", UNKNOWN)
    if up is None or not wanted:
        why = measured.trouble or "no data: Prometheus scrapes no instance of it"
        return found._replace(why=why)
    found = found._replace(
        text=f"{up:.0f} of {wanted:.0f}",
        state=OK,
        bound="all",
        value=up,
        limit=wanted,
        past=measured.past.get(names.UP, ()),
    )
    if up >= wanted:
        return found
    named = f": {compact(measured.down)}" if measured.down else ""
    return found._replace(state=OUT, why=f"{wanted - up:.0f} of {wanted:.0f} are down{named}")


def _samples(measured: Measured, scrape: float) -> Reading:
    """Return how old the newest scrape is: Prometheus shows values of up to 5 minutes ago as if
    they were of now."""
    limit = 4 * scrape
    found = Reading("samples", "newest sample", "-", UNKNOWN, measured.trouble or NODATA)
    if measured.age is None:
        return found
    text, bound = f"{figures.ago(measured.age)} ago", figures.ago(limit)
    found = found._replace(text=text, bound=bound, value=measured.age, limit=limit)
    if measured.age <= limit:
        return found._replace(state=OK, why="")
    return found._replace(why=f"it is stale: the newest sample is {figures.ago(measured.age)} old")


def _alerts(measured: Measured) -> Reading:
    found = Reading("alerts", "alerts firing", "-", UNKNOWN, measured.trouble)
    if measured.trouble:
        return found
    if not measured.rules:
        return found._replace(why="no alert rule is loaded: nobody is told when nobody looks")
    loud = [each for each in measured.alerts if each.severity not in QUIET]
    text = f"{len(loud)} (of {measured.rules} rules)"
    found = found._replace(text=text, state=OK, value=float(len(loud)), bound="0")
    if not loud:
        return found
    told = ", ".join(dict.fromkeys(each.name for each in loud))
    return found._replace(state=OUT, why=f"firing: {told}")


def _answer(key: str, title: str, answer: Answer) -> Reading:
    if not answer.known:
        return Reading(key, title, "-", UNKNOWN, answer.wrong)
    checks = ", ".join(f"{name} {said}" for name, said in answer.checks.items())
    if answer.wrong:
        return Reading(key, title, "fails", OUT, answer.wrong, note=checks)
    return Reading(key, title, "ok", OK, note=checks)


def _together(told: Told | None) -> Found:
    """Return the errors of all logs, and the last of the host that has most."""
    found = sorted(told.errors.values(), key=lambda each: each.number) if told else []
    return Found(sum(each.number for each in found), found[-1].last) if found else Found()


def _log(told: Told, log: Found, monitor: Monitor) -> Reading:
    text, bound = f"{log.number} in {monitor.lines} lines", str(monitor.errors)
    found = Reading("log", "errors in log", text, OK, bound=bound, note=log.last)
    found = found._replace(value=float(log.number), limit=float(monitor.errors))
    worst = max(told.errors.values(), key=lambda each: each.number, default=Found())
    if worst.number > monitor.errors:
        where = [name for name, each in told.errors.items() if each.number > monitor.errors]
        several = f"{log.number} errors, the last" if log.number > 1 else "an error"
        why = f"the log of {counted(sorted(where))} tells of {several}: {log.last}"
        return found._replace(state=OUT, why=why)
    if told.absent:
        name, why = next(iter(told.absent.items()))
        more = f" and {len(told.absent) - 1} more" if len(told.absent) > 1 else ""
        return found._replace(
            state=UNKNOWN,
            text="-" if not told.errors else found.text,
            why=f"the log of {name}{more} can't be read: {why}",
        )
    return found


def _same(told: Told) -> Reading:
    """Return whether the hosts serve one release; a run that is under way may differ."""
    busy = any(fact.get("lock") for fact in told.facts.values())
    wrong = "" if busy else inspect.difference(told.facts)
    live = {str(fact["current"] or "nothing") for fact in told.facts.values()}
    text = "a run is under way" if busy else f"{len(live)} release{'s' * (len(live) > 1)}"
    hosts = len(told.facts)
    note = f"on {hosts} host{'s' * (hosts > 1)}"
    return Reading("release", "live", text, OUT if wrong else OK, wrong, note=note)
