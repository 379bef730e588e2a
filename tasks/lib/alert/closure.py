"""The phase alert: what it rests on, the state of every rule, and what holds."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Iterator

from .. import console
from ..declare import Outcome
from ..duration import show as length
from ..moment import unix
from ..telemetry.grafana import Grafana
from . import rules
from .receivers import Way
from .rules import HEARTBEAT, State
from .world import World

# A rule that is not looked at for as many of its intervals is not looked at any more.
LATE = 4
# What fires in Prometheus's first moments is told to Alertmanager again only after a minute.
ARRIVED = 90.0  # seconds
# Grafana shows alerts and raises none: nobody waits long to hear whether it is there.
SOON = 3.0  # seconds
# A test of the receivers, as the journal calls it.
TEST = "alert.test"


def monitored(world: World) -> str:
    """Probe: Prometheus answers."""
    return world.wrong.get("prometheus", "")


def watched(world: World) -> str:
    """Probe: Prometheus scrapes the service in this environment."""
    name = world.environment.name
    if world.wrong.get("prometheus") or any(v.labels.get("environment") == name for v in world.up):
        return ""
    return f"Prometheus scrapes no {world.settings.app} in {name}, so none of its alerts can fire"


def visualized(world: World) -> str:
    """Probe: Grafana answers."""
    with Grafana(world.places.grafana, SOON) as grafana:
        return grafana.answers()


def thresholds(world: World) -> str:
    """Probe: there are rules with a threshold."""
    if world.wrong.get("prometheus") or any(rule.bound for rule in world.rules):
        return ""
    return f"Prometheus at {world.places.prometheus} has no alert rule with a threshold"


def routed(world: World) -> str:
    """Probe: Alertmanager answers."""
    return world.wrong.get("alertmanager", "")


def channels(world: World) -> str:
    """Probe: somebody would be told."""
    if world.wrong.get("alertmanager"):
        return ""
    if not any(receiver.ways for receiver in world.receivers):
        return f"Alertmanager at {world.places.alertmanager} has no receiver that tells anybody"
    if not any(True for _ in _configured(world)):
        return "no receiver has its secrets"
    return ""


def _configured(world: World) -> Iterator[Way]:
    for receiver in world.receivers:
        yield from (way for way in receiver.ways if not way.lacking)


def loaded(world: World) -> str:
    """Probe: there are alert rules, each can be evaluated, and each is."""
    if said := world.wrong.get("prometheus"):
        return said
    if not world.rules:
        return f"Prometheus at {world.places.prometheus} has no alert rule"
    broken = [
        f"{rule.name} can't be evaluated ({rule.wrong})" for rule in world.rules if rule.wrong
    ]
    late = [
        f"{rule.name} was last evaluated {length(round(world.at - rule.looked))} ago"
        for rule in world.rules
        if rule.looked and world.at - rule.looked > LATE * rule.interval
    ]
    return "; ".join(broken + late)


def arriving(world: World) -> str:
    """Probe: what fires in Prometheus is known to Alertmanager."""
    if said := world.wrong.get("alertmanager"):
        return said
    known = {(a.labels.get("alertname"), a.labels.get("environment", "")) for a in world.known}
    lost = [
        f"{rule.name} fires in Prometheus and has not arrived in Alertmanager"
        for rule in world.rules
        for active in rule.active
        if active.state == "firing"
        and world.at - active.since > rule.seconds + max(ARRIVED, LATE * rule.interval)
        and (rule.name, active.labels.get("environment", "")) not in known
    ]
    return "; ".join(dict.fromkeys(lost))


def delivering(world: World) -> str:
    """Probe: of each way that is configured, not every notification has failed."""
    if said := world.wrong.get("alertmanager"):
        return said
    failing = []
    for way in dict.fromkeys(_configured(world)):
        sent = _count(world, "notification_requests", way.kind)
        failed = _count(world, "notification_requests_failed", way.kind)
        if sent and failed == sent:
            failing.append(f"all {sent:.0f} notifications by {way.name} failed")
    return "; ".join(dict.fromkeys(failing))


def _count(world: World, name: str, kind: str) -> float:
    return sum(
        value for (what, way, _), value in world.counters.items() if (what, way) == (name, kind)
    )


def tested(world: World) -> str:
    """Probe: a test alert has reached every receiver, not too long ago."""
    name, limit = world.environment.name, world.settings.alert.tested
    for entry in reversed(world.entries):
        told = entry.get("phase") == TEST and entry.get("detail", {}).get("environment") == name
        if not told or entry.get("outcome") == "refused":
            continue
        if entry.get("outcome") != "closed":
            return "the last test alert did not reach every receiver"
        age = world.at - unix(entry["at"])
        return f"the last one was {length(round(age))} ago" if age > limit else ""
    return f"no test alert was sent from here for {name}"


def documented(world: World) -> str:
    """Probe: every alert has a page that says what to do."""
    lacking = missing(world)
    folder = world.settings.alert.pages
    return f"there is no page in {folder} for {', '.join(lacking)}" if lacking else ""


def missing(world: World) -> list[str]:
    """Return the alerts that have no page."""
    return sorted({rule.name for rule in world.rules} - world.pages)


def show(world: World, all_environments: bool) -> Outcome:
    """Tell the state of every rule, and whom its severity reaches; return it."""
    mine = "" if all_environments else world.environment.name
    found = rules.states(world.rules, world.measured, mine)
    rows = [
        (
            state.state,
            state.rule.name,
            state.environment or "-",
            length(round(world.at - state.since)) if state.since else "-",
            _value(state),
            "yes" if state.rule.name in world.pages else "NONE",
        )
        for state in found
    ]
    console.table(rows, ("state", "alert", "environment", "since", "measured", "page"))
    for state in found:
        if state.state != "inactive" and state.rule.name != HEARTBEAT:
            console.say(f"{state.state}: {state.summary or state.rule.name}")
            console.say(f"  {_page(world, state) or 'It has no page.'}")
    _say_receivers(world)
    firing = [state.rule.name for state in found if state.state == "firing"]
    detail = {
        "environment": world.environment.name,
        "firing": sorted(set(firing) - {HEARTBEAT}),
        "alerts": [_told(world, state) for state in found],
        "receivers": _receivers(world),
    }
    first = next((name for name in detail["firing"] if name in world.pages), "")
    return Outcome(detail, next=f"inv alert.explain {first}" if first else "")


def _value(state: State) -> str:
    if state.value is None:
        return "-"
    bound = state.rule.bound
    return f"{state.value:.4g}" + (f" ({bound.op} {bound.at:g})" if bound else "")


def _page(world: World, state: State) -> str:
    name = state.rule.name
    return f"{world.settings.alert.pages}/{name}.md" if name in world.pages else ""


def _told(world: World, state: State) -> dict[str, Any]:
    bound, value = state.rule.bound, state.value
    return {
        "alert": state.rule.name,
        "environment": state.environment,
        "severity": state.rule.severity,
        "state": state.state,
        "since": _iso(state.since),
        "value": value if value is not None and abs(value) < float("inf") else None,
        "threshold": f"{bound.op} {bound.at:g}" if bound else "",
        "for": state.rule.seconds,
        "labels": dict(state.labels),
        "summary": state.summary,
        "page": _page(world, state),
    }


def _iso(at: float) -> str:
    if not at:
        return ""
    return datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="seconds")


def _receivers(world: World) -> list[dict[str, Any]]:
    return [
        {"receiver": receiver.name, "way": way.name, "lacking": list(way.lacking)}
        for receiver in world.receivers
        for way in receiver.ways
    ]


def _say_receivers(world: World) -> None:
    for receiver in world.receivers:
        ready = [way.name for way in receiver.ways if not way.lacking]
        lacking = [f"{way.name} ({', '.join(way.lacking)})" for way in receiver.ways if way.lacking]
        if receiver.ways:
            said = f"{receiver.name}: {', '.join(ready) or 'nobody'}"
            console.say(said + (f"; without a secret: {', '.join(lacking)}" if lacking else ""))
