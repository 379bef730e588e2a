"""The gate `freeze`: when windows are open, whatever clocks are put to, and what is told of it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tasks.lib.convert import convert
from tasks.lib.gates.freeze import DAYS, freeze, frozen, spans
from tasks.lib.gates.settings import Freeze, faults
from tasks.lib.gates.about import About
from tasks.lib.settings import Environment, Settings
from tasks.lib.source import Source

BERLIN = "Europe/Berlin"
NEW_YORK = "America/New_York"
WEEKEND = Freeze(from_="Friday 16:00", to="Monday 08:00", timezone=BERLIN)


def window(start: str, end: str, zone: str = "UTC") -> Freeze:
    return Freeze(from_=start, to=end, timezone=zone)


def at(local: str, zone: str = "UTC", fold: int = 0) -> datetime:
    return datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone), fold=fold)


def until(windows: list[Freeze], now: datetime) -> str:
    """When it ends, by the clocks of the window that ends it; "" where nothing is frozen."""
    found = frozen(windows, now)
    if found is None:
        return ""
    return f"{found.until.astimezone(ZoneInfo(found.by.timezone)):%Y-%m-%dT%H:%M}"


MONDAY = "2026-11-30T08:00"


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        pytest.param(at("2026-11-27T15:59:59", BERLIN), "", id="a second before"),
        pytest.param(at("2026-11-27T16:00", BERLIN), MONDAY, id="its first second"),
        pytest.param(at("2026-11-28T12:00", BERLIN), MONDAY, id="Saturday"),
        pytest.param(at("2026-11-29T23:59", BERLIN), MONDAY, id="over midnight into the next week"),
        pytest.param(at("2026-11-30T07:59:59", BERLIN), MONDAY, id="its last second"),
        pytest.param(at("2026-11-30T08:00", BERLIN), "", id="over"),
        pytest.param(at("2026-11-25T12:00", BERLIN), "", id="Wednesday"),
        pytest.param(at("2026-11-27T09:59", NEW_YORK), "", id="a New Yorker before"),
        pytest.param(
            at("2026-11-27T10:00", NEW_YORK), MONDAY, id="a New Yorker, by Berlin's clock"
        ),
        pytest.param(
            at("2026-11-28T04:00", "Pacific/Auckland"), MONDAY, id="Saturday there already"
        ),
        pytest.param(at("2027-01-01T12:00", BERLIN), "", id="a Friday that begins a year"),
        pytest.param(at("2027-01-01T17:00", BERLIN), "2027-01-04T08:00", id="over the year's end"),
    ],
)
def test_a_weekend_that_comes_every_week(now: datetime, ends: str) -> None:
    assert until([WEEKEND], now) == ends


@pytest.mark.parametrize(
    ("frozen_", "now", "ends"),
    [
        pytest.param(
            window("Monday 09:00", "Monday 10:00"),
            at("2026-11-30T09:30"),
            "2026-11-30T10:00",
            id="an hour",
        ),
        pytest.param(
            window("mon 10:00", "MON 09:00"), at("2026-11-30T09:30"), "", id="all week but an hour"
        ),
        pytest.param(
            window("Mon 10:00", "Mon 09:00"),
            at("2026-11-30T08:00"),
            "2026-11-30T09:00",
            id="its end",
        ),
        pytest.param(
            window("Mon 10:00", "Mon 09:00"),
            at("2026-11-30T10:00"),
            "2026-12-07T09:00",
            id="its begin",
        ),
        pytest.param(
            window("Sunday 22:00", "Monday 06:00"),
            at("2026-11-30T05:00"),
            "2026-11-30T06:00",
            id="a night",
        ),
        pytest.param(
            window("Monday 00:00", "Tuesday 00:00", "Pacific/Kiritimati"),
            at("2026-11-29T11:00"),
            "2026-12-01T00:00",
            id="14 hours ahead it is Monday",
        ),
        pytest.param(
            window("Monday 00:00", "Tuesday 00:00", "Pacific/Pago_Pago"),
            at("2026-12-01T10:59"),
            "2026-12-01T00:00",
            id="11 hours behind it still is",
        ),
        pytest.param(
            window("2026-12-23T18:00", "2027-01-02T08:00", BERLIN),
            at("2026-12-31T23:59", BERLIN),
            "2027-01-02T08:00",
            id="dated, over the year's end",
        ),
        pytest.param(
            window("2026-12-23T18:00", "2027-01-02T08:00", BERLIN),
            at("2027-12-24T12:00", BERLIN),
            "",
            id="dated, and not the next year",
        ),
    ],
)
def test_windows_of_other_kinds(frozen_: Freeze, now: datetime, ends: str) -> None:
    assert until([frozen_], now) == ends


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        # Clocks are put forward on 29 March 2026 at 02:00, and back on 25 October 2026 at 03:00.
        pytest.param("2026-03-27T16:00", "2026-03-30T08:00", 63, id="a weekend an hour short"),
        pytest.param("2026-10-23T16:00", "2026-10-26T08:00", 65, id="a weekend an hour long"),
        pytest.param("2026-03-29T02:30", "2026-03-29T03:30", 1, id="begins when no clock shows it"),
        pytest.param("2026-03-29T01:30", "2026-03-29T02:30", 1, id="ends when no clock shows it"),
        pytest.param(
            "2026-10-25T02:30", "2026-10-25T03:00", 1.5, id="begins the first of two times"
        ),
        pytest.param(
            "2026-10-25T01:00", "2026-10-25T02:30", 2.5, id="ends the second of two times"
        ),
    ],
)
def test_where_clocks_are_put_to_another_time(start: str, end: str, hours: float) -> None:
    ((begin, over),) = spans(window(start, end, BERLIN), at(start, BERLIN))
    assert over - begin == timedelta(hours=hours)
    day = f"{at(start):%A %H:%M}", f"{at(end):%A %H:%M}"
    weekly = window(*day, BERLIN)  # the same, said for every week
    assert (begin, over) in list(spans(weekly, at(start, BERLIN)))


def test_windows_that_follow_one_another_are_one() -> None:
    feast = window("2026-11-30T08:00", "2026-12-02T12:00", BERLIN)
    assert until([feast, WEEKEND], at("2026-11-28T12:00", BERLIN)) == "2026-12-02T12:00"
    later = window("2026-11-30T08:01", "2026-12-02T12:00", BERLIN)
    assert until([later, WEEKEND], at("2026-11-28T12:00", BERLIN)) == MONDAY
    # For ever, and yet it is told.
    always = [window("Monday 00:00", "Friday 00:00"), window("Friday 00:00", "Monday 00:00")]
    assert until(always, at("2026-11-28T12:00")) > "2027-11-28"


MOMENTS = some.tuples(some.sampled_from(DAYS), some.times())
ZONES = some.sampled_from([BERLIN, NEW_YORK, "UTC", "Australia/Lord_Howe", "Asia/Kathmandu"])


@given(
    start=MOMENTS,
    end=MOMENTS,
    zone=ZONES,
    now=some.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)),
)
def test_it_is_frozen_where_a_clock_on_the_wall_says_so(
    start: tuple[str, Any], end: tuple[str, Any], zone: str, now: datetime
) -> None:
    """Far from a change of clocks, what counts is what the week's clock shows: the plain rule."""
    first, last = ((DAYS.index(day), f"{clock:%H:%M}") for day, clock in (start, end))
    if first == last:
        return
    moment = now.replace(tzinfo=timezone.utc)
    local = moment.astimezone(ZoneInfo(zone))
    near = (moment + timedelta(days=days) for days in range(-8, 9))
    if len({each.astimezone(ZoneInfo(zone)).utcoffset() for each in near}) > 1:
        return
    shown = (local.weekday(), f"{local:%H:%M}")
    inside = first <= shown < last if first < last else not last <= shown < first
    said = window(f"{start[0]} {first[1]}", f"{end[0]} {last[1]}", zone)
    found = frozen([said], moment)
    assert (found is not None) == inside
    assert found is None or timedelta() < found.until - moment <= timedelta(days=7)


@given(
    zone=ZONES,
    start=MOMENTS,
    end=MOMENTS,
    day=some.integers(0, 366 * 10),
    seconds=some.integers(0, 86399),
)
def test_at_its_end_it_is_over(
    zone: str, start: tuple[str, Any], end: tuple[str, Any], day: int, seconds: int
) -> None:
    said = window(f"{start[0]} {start[1]:%H:%M}", f"{end[0]} {end[1]:%H:%M}", zone)
    now = datetime(2024, 1, 1, tzinfo=timezone.utc) + timedelta(days=day, seconds=seconds)
    found = frozen([said], now)
    if found and found.until - now < timedelta(days=8):
        assert frozen([said], found.until - timedelta(microseconds=1))
        assert frozen([said], found.until) is None


@pytest.mark.parametrize(
    ("said", "key", "expected"),
    [
        pytest.param(
            {"from": "Fryday 16:00", "to": "Mon 08:00"}, "from", "a weekday and", id="day"
        ),
        pytest.param({"from": "Fri 16:00", "to": "Mon 25:00"}, "to", "a weekday and", id="hour"),
        pytest.param(
            {"from": "Fri 16", "to": "Mon 08:00"}, "from", "a weekday and", id="no minutes"
        ),
        pytest.param(
            {"from": "2026-02-30T10:00", "to": "2026-03-01T10:00"}, "from", "a date", id="date"
        ),
        pytest.param({"from": "2026-12-23", "to": "2026-12-24"}, "from", "a date", id="no time"),
        pytest.param(
            {"from": "2026-12-23T10:00+01:00", "to": "2026-12-24T10:00"},
            "from",
            "a date",
            id="a zone in it",
        ),
        pytest.param(
            {"from": "2026-12-23T10:00", "to": "9999-12-31T23:59"}, "to", "a date", id="for ever"
        ),
        pytest.param(
            {"from": "Fri 16:00", "to": "2026-12-24T10:00"}, "to", "of the kind", id="mixed"
        ),
        pytest.param({"from": "Fri 16:00", "to": "Friday 16:00"}, "to", "later than", id="empty"),
        pytest.param(
            {"from": "2026-12-24T10:00", "to": "2026-12-23T10:00"},
            "to",
            "later than",
            id="backwards",
        ),
        pytest.param(
            {"from": "Fri 16:00", "to": "Mon 08:00", "timezone": "Mars/Base"},
            "timezone",
            "Berlin",
            id="zone",
        ),
        pytest.param(
            {"from": "Fri 16:00", "to": "Mon 08:00", "timezone": "../x"},
            "timezone",
            "Berlin",
            id="a path",
        ),
    ],
)
def test_a_window_that_makes_no_sense_is_named(
    said: dict[str, str], key: str, expected: str
) -> None:
    found = convert(said, Freeze, lambda key: key)
    named, wanted, _ = next(faults(Environment(name="x", freeze=(found,))))
    assert named == f"freeze[0].{key}" and expected in wanted


def test_until_when_and_in_whose_time(tmp_path: Path) -> None:
    now = datetime.now(ZoneInfo(NEW_YORK))
    ends = (now + timedelta(days=1)).replace(second=0, microsecond=0, tzinfo=None)
    said = Freeze(
        from_=f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M}",
        to=f"{ends:%Y-%m-%dT%H:%M}",
        timezone=NEW_YORK,
        why="the fair",
    )
    nothing = Source("v1", "0" * 40, "0" * 40, True, (), "")
    about = About(Settings(), Environment(name="production", freeze=(said,)), nothing, tmp_path)
    told = freeze(about).refused
    assert f"frozen until {ends:%A} {ends.day} {ends:%B %Y, %H:%M} ({NEW_YORK}), the fair" in told
    assert "`inv deploy --env=production --force --reason=WHY`" in told
