"""A test alert: a real one, raised in Alertmanager, followed to each receiver, and resolved."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from .. import console
from ..declare import Outcome
from ..errors import NotClosed, Refused
from ..journal import who
from ..telemetry.alertmanager import Alertmanager
from . import following
from .following import DELIVERED, KEPT, UNREACHED, UNSET, Arrival

if TYPE_CHECKING:
    from ..telemetry.alertmanager import Alert
    from .world import World

NAME = "TestAlert"
SEVERITIES = ("critical", "warning", "info")
SEEN = 10.0  # seconds until Alertmanager shows an alert that it took


def needs(drill: str) -> tuple[str, ...]:
    """Return the prerequisites of a test, and of a drill, by their names in the phase."""
    more = ("monitoring is active",) if drill else ()
    return (*more, "Alertmanager answers", "there are receivers")


def chosen(severity: str) -> tuple[str, ...]:
    """Return the severities that are tried; "" is all. Raises Refused."""
    if severity and severity not in SEVERITIES:
        raise Refused(f"--severity is one of {', '.join(SEVERITIES)}, not {severity!r}.")
    return (severity,) if severity else SEVERITIES


def trial(world: World, severities: tuple[str, ...]) -> Outcome:
    """Raise one test alert of each severity, one after the other, and follow each.

    One after the other, since Alertmanager counts by kind of receiver: the Slack of one severity
    is not told from that of another. Each is resolved at the end, whatever the end is, and resolves
    itself should this process be killed. Raises NotClosed (kind "delivery"), Unanswered.
    """
    number = f"{int(time.time())}"
    arrivals: list[tuple[str, Arrival]] = []
    with Alertmanager(world.places.alertmanager) as told:
        for severity in severities:
            arrivals += [(severity, a) for a in _raised(world, told, severity, number)]
    found = _whole(world, arrivals, severities)
    show(found)
    detail = {"environment": world.environment.name, "test": number, "arrivals": told_of(found)}
    insist(found, "A test alert", detail)
    return Outcome(detail)


def _raised(world: World, told: Alertmanager, severity: str, number: str) -> list[Arrival]:
    labels = {
        "alertname": NAME,
        "severity": severity,
        # A service of its own: it is grouped with no real alert, and none inhibits it.
        "service": f"{world.settings.app}-test",
        "environment": world.environment.name,
        "test": number,
    }
    said = {
        "summary": f"Test alert ({severity}): nothing is wrong, please acknowledge",
        "description": f"{who()} looks whether alerts arrive: inv alert.test.",
        "runbook_url": f"{world.places.alertmanager}/#/alerts",
    }
    console.say(f"A test alert of severity {severity}")
    before, start, since = told.counters(), time.time() - 1, time.monotonic()
    try:
        told.post(labels, said, start, start + 2 * world.settings.alert.limit + 60)
        return arrive(world, told, _seen(told, labels), before, since)
    finally:
        # An end that has not come by its own clock is to Alertmanager none: the later one counts.
        told.post(labels, said, start, start + 0.1)


def _seen(told: Alertmanager, labels: dict[str, str]) -> Alert:
    """Return the alert as Alertmanager has it, once that has decided whom to tell."""
    until = time.monotonic() + SEEN
    while not (found := told.alerts(labels)) or found[0].state == "unprocessed":
        if time.monotonic() > until:
            raise NotClosed(f"Alertmanager lost the alert {labels['alertname']}.", kind="delivery")
        time.sleep(0.1)
    return found[0]


def arrive(
    world: World, told: Alertmanager, alert: Alert, before: following.Counters, since: float
) -> list[Arrival]:
    """Follow an alert that Alertmanager has to all its receivers. Raises Unanswered.

    before, since: as `following.follow` has them.
    """
    expected = following.legs(world.receivers, alert.receivers)
    if alert.silenced or alert.inhibited:
        by = f"silence {alert.silenced[0]}" if alert.silenced else "another alert inhibits it"
        return [Arrival(leg.receiver, leg.way.name, KEPT, why=by) for leg in expected]
    if not expected:
        console.say(f"  goes to {', '.join(alert.receivers)}: nobody is told")
    return following.follow(told, expected, before, world.settings.alert.limit, since)


def _whole(
    world: World, arrivals: list[tuple[str, Arrival]], severities: tuple[str, ...]
) -> list[tuple[str, Arrival]]:
    """Add the ways that could not be gone; of those that no severity leads to, only where all were
    tried."""
    gone = {(arrival.receiver, arrival.way) for _, arrival in arrivals}
    lacking = following.unset(world.receivers)
    gone |= {(arrival.receiver, arrival.way) for arrival in lacking}
    unreached = [
        Arrival(each.name, way.name, UNREACHED, why="no severity leads there")
        for each in world.receivers
        for way in each.ways
        if (each.name, way.name) not in gone and severities == SEVERITIES
    ]
    return arrivals + [("-", arrival) for arrival in lacking + unreached]


def show(found: list[tuple[str, Arrival]]) -> None:
    """Print what became of each way."""
    rows = [
        (severity, arrival.receiver, arrival.way, arrival.outcome, arrival.why or "-")
        for severity, arrival in found
    ]
    console.table(rows, ("severity", "receiver", "way", "outcome", "why"))


def told_of(found: list[tuple[str, Arrival]]) -> list[dict[str, Any]]:
    """Return the same as plain objects."""
    return [{"severity": severity, **arrival._asdict()} for severity, arrival in found]


def insist(found: list[tuple[str, Arrival]], what: str, detail: dict[str, Any]) -> None:
    """Raise NotClosed (kind "delivery") where one way was gone in vain, or none could be."""
    wrong = [
        f"{arrival.receiver} by {arrival.way} ({arrival.outcome})"
        for _, arrival in found
        if arrival.outcome not in (DELIVERED, UNSET, UNREACHED)
    ]
    if not wrong and any(arrival.outcome == DELIVERED for _, arrival in found):
        return
    said = ", ".join(wrong) or "anybody"
    raise NotClosed(
        f"{what} did not reach {said}; a notification that failed is in Alertmanager's log.",
        kind="delivery",
        detail=detail,
    )
