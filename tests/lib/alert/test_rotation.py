"""Whose turn it is, over the days on which the clocks are changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tasks.lib.alert import rotation
from tasks.lib.alert.settings import HOUR, Rotation

WEEKLY = Rotation(
    people=("ada", "grace", "linus"), start="2026-01-05T09:00", timezone="Europe/Berlin"
)
# 02:30 is left out on 29 March 2026 and comes twice on 25 October; New York changes on other days.
NIGHTS = Rotation(
    people=("ada", "grace"), start="2026-03-01T02:30", period=24 * HOUR, timezone="Europe/Berlin"
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("moment", "person", "until"),
    [
        ("2026-01-05T08:00:00Z", "ada", "2026-01-12T08:00:00Z"),
        ("2026-01-12T07:59:59Z", "ada", "2026-01-12T08:00:00Z"),
        ("2026-01-12T08:00:00Z", "grace", "2026-01-19T08:00:00Z"),
        # Nine in the morning is an hour earlier once it is summer.
        ("2026-03-29T12:00:00Z", "linus", "2026-03-30T07:00:00Z"),
        ("2026-03-30T06:59:59Z", "linus", "2026-03-30T07:00:00Z"),
        ("2026-03-30T07:00:00Z", "ada", "2026-04-06T07:00:00Z"),
        ("2026-10-26T07:59:59Z", "linus", "2026-10-26T08:00:00Z"),
        ("2026-10-26T08:00:00Z", "ada", "2026-11-02T08:00:00Z"),
        # Before it began somebody is on call, too.
        ("2026-01-05T07:59:59Z", "linus", "2026-01-05T08:00:00Z"),
    ],
)
def test_a_week_ends_at_the_same_hour_on_the_wall(moment: str, person: str, until: str) -> None:
    turn = rotation.turn(WEEKLY, at(moment))
    assert (turn.person, turn.end) == (person, at(until))
    assert turn.start <= at(moment) < turn.end
    assert turn.next == WEEKLY.people[(WEEKLY.people.index(person) + 1) % 3]


@pytest.mark.parametrize(
    ("moment", "handover"),
    [
        # The hour that is left out: read by the clock before the change, it is 03:30 in summer.
        ("2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"),
        # The hour that comes twice: the first of the two, and nobody is called back in the second.
        ("2026-10-25T00:29:00Z", "2026-10-25T00:30:00Z"),
    ],
)
def test_a_handover_in_the_hour_of_the_change_is_one(moment: str, handover: str) -> None:
    before = rotation.turn(NIGHTS, at(moment))
    assert before.end == at(handover)
    for minutes in range(0, 180, 10):
        after = rotation.turn(NIGHTS, at(handover) + timedelta(minutes=minutes))
        assert (after.person, after.start) == (before.next, at(handover))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize("hours", [8, 12, 24, 24 * 7])
def test_a_year_is_shared_out_without_gap_or_overlap(zone: str, hours: int) -> None:
    """Lord Howe's clocks are moved by half an hour."""
    shared = Rotation(
        people=("a", "b", "c"), start="2026-01-01T02:15", period=hours * HOUR, timezone=zone
    )
    turn = rotation.turn(shared, at("2026-01-01T00:00:00Z"))
    end, seen = at("2027-01-01T00:00:00Z"), 0
    while turn.end < end:
        following = rotation.turn(shared, turn.end)
        assert (following.person, following.start) == (turn.next, turn.end)
        assert rotation.turn(shared, turn.end - timedelta(seconds=1)).person == turn.person
        assert turn.end.astimezone(ZoneInfo(zone)).minute in (15, 45)
        turn, seen = following, seen + 1
    assert abs(seen - 365 * 24 / hours) <= 2
