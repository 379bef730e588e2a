"""Whose turn it is: handovers at the same hour on the wall, whatever is done to the clocks."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .settings import Rotation


class Turn(NamedTuple):
    """One person's turn; start, end: times in UTC. next: who follows."""

    person: str
    start: datetime
    end: datetime
    next: str


def turn(rotation: Rotation, at: datetime) -> Turn:
    """Return whose turn it is `at` an aware time. Before the start it is the last one's: somebody
    always is on call."""
    from zoneinfo import ZoneInfo

    zone = ZoneInfo(rotation.timezone)
    first = datetime.fromisoformat(rotation.start)
    period = timedelta(seconds=rotation.period)

    def handover(number: int) -> datetime:
        # Counted on the wall's clock, so that it stays 9:00 in summer. An hour that is left out is
        # read by the clock before the change, one that comes twice is the first of the two.
        return (first + number * period).replace(tzinfo=zone).astimezone(timezone.utc)

    number = (at.astimezone(zone).replace(tzinfo=None) - first) // period
    # In the hour that comes twice the wall's clock is behind: what has passed in truth counts.
    while handover(number + 1) <= at:
        number += 1
    while handover(number) > at:
        number -= 1
    people = rotation.people
    start, end = handover(number), handover(number + 1)
    return Turn(people[number % len(people)], start, end, people[(number + 1) % len(people)])
