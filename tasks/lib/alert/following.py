"""Following an alert from Alertmanager to its receivers, by Alertmanager's own counters.

`notifications` is counted before a try has ended, and a try is repeated for as long as the group's
interval: what was delivered is `notification_requests` less those that failed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Callable, Iterable, Mapping, NamedTuple

from .. import console

if TYPE_CHECKING:
    from ..telemetry.alertmanager import Alertmanager
    from .receivers import Receiver, Way

TICK = 0.3  # seconds between two looks
# How long a way whose first try failed may go on trying until that is called a failure, in seconds.
PATIENCE = 12.0

DELIVERED, FAILED, UNSENT, KEPT, UNSET, UNREACHED = (
    "delivered",
    "failed",
    "not sent",
    "kept back",
    "not configured",
    "no route",
)

Counters = Mapping[tuple[str, str, str], float]


class Leg(NamedTuple):
    """One way of one receiver that an alert has to go."""

    receiver: str
    way: Way


class Arrival(NamedTuple):
    """What became of a leg: one of the outcomes above, after how many seconds, and why."""

    receiver: str
    way: str
    outcome: str
    seconds: float = 0.0
    why: str = ""


class _Tally(NamedTuple):
    sent: float  # tries that succeeded
    tried: float  # tries that failed
    lost: float  # notifications that were given up


def legs(receivers: Iterable[Receiver], names: Iterable[str]) -> list[Leg]:
    """Return the ways that an alert goes which is routed to the receivers `names`."""
    wanted = set(names)
    return [
        Leg(each.name, way)
        for each in receivers
        if each.name in wanted
        for way in each.ways
        if not way.lacking
    ]


def unset(receivers: Iterable[Receiver]) -> list[Arrival]:
    """Return what becomes of the ways whose secrets aren't there."""
    return [
        Arrival(each.name, way.name, UNSET, why=f"without {', '.join(way.lacking)}")
        for each in receivers
        for way in each.ways
        if way.lacking
    ]


def follow(
    told: Alertmanager, expected: list[Leg], before: Counters, limit: float, since: float
) -> list[Arrival]:
    """Wait until each leg was gone or has failed, for at most `limit` seconds.

    before: the counters from before the alert was raised; what else is told by the same way in
    that time is counted, too. since: when it was raised, by the monotonic clock. Raises Unanswered.
    """
    waiting, found, troubled = list(expected), [], dict[Leg, float]()
    now: Counters = before
    while waiting and time.monotonic() - since < limit:
        now = told.counters()
        for leg in list(waiting):
            passed = time.monotonic() - since
            tally = _tally(leg, before, now)
            if tally.tried:
                troubled.setdefault(leg, passed)
            if outcome := _settled(leg, tally, passed - troubled.get(leg, passed)):
                waiting.remove(leg)
                found.append(_arrived(leg, outcome, passed, tally))
        if waiting:
            time.sleep(TICK)
    for leg in waiting:
        outcome = FAILED if (tally := _tally(leg, before, now)).tried else UNSENT
        found.append(_arrived(leg, outcome, limit, tally))
    return found


def _settled(leg: Leg, tally: _Tally, troubled: float) -> str:
    if tally.sent >= leg.way.number:
        return DELIVERED
    given_up = tally.lost and tally.sent + tally.lost >= leg.way.number
    return FAILED if given_up or troubled > PATIENCE else ""


def _arrived(leg: Leg, outcome: str, seconds: float, tally: _Tally) -> Arrival:
    why = ""
    if outcome == UNSENT:
        why = "see group_wait and group_interval of its route"
    elif outcome != DELIVERED and leg.way.number > 1:
        why = f"{tally.sent:.0f} of {leg.way.number} were delivered"
    arrival = Arrival(leg.receiver, leg.way.name, outcome, round(seconds, 1), why)
    console.say(f"  {leg.receiver} by {leg.way.name}: {outcome} after {seconds:.1f} s")
    return arrival


def _tally(leg: Leg, before: Counters, now: Counters) -> _Tally:
    rose = _rise(leg, before, now)
    failed = rose("notification_requests_failed")
    return _Tally(rose("notification_requests") - failed, failed, rose("notifications_failed"))


def _rise(leg: Leg, before: Counters, now: Counters) -> Callable[[str], float]:
    """Return how much a counter of this leg rose; by receiver where Alertmanager tells them apart
    (its feature flag receiver-name-in-metrics)."""
    apart = any((way, name) == (leg.way.kind, leg.receiver) for _, way, name in now)

    def rose(counter: str) -> float:
        key = (counter, leg.way.kind, leg.receiver if apart else "")
        return now.get(key, 0.0) - before.get(key, 0.0)

    return rose
