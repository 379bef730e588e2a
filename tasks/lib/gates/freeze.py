"""The gate `freeze`: when nothing is deployed, by the clocks on the walls of a place."""

from __future__ import annotations

import re
import time
from datetime import date, datetime, timedelta, timezone
from datetime import time as Clock
from typing import Iterator, NamedTuple, Sequence, Union
from zoneinfo import ZoneInfo

from .about import About, Answer
from .settings import Freeze

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LONGEST = timedelta(days=366)  # of windows that follow one another, for who looks at their end
_WEEKLY = re.compile(r"([A-Za-z]{3,9})\s+(\d{2}:\d{2})")
# Of this millennium: the last year of all can't be told in every time zone.
_DATED = re.compile(r"2\d{3}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?")


class Weekly(NamedTuple):
    """A moment of every week. day: 0 is Monday."""

    day: int
    at: Clock


class Frozen(NamedTuple):
    """Until when (UTC) it lasts, and the window that ends it."""

    until: datetime
    by: Freeze


def freeze(about: About) -> Answer:
    """No window of `freeze:` is open."""
    own = about.environment
    found = frozen(own.freeze, datetime.fromtimestamp(time.time(), timezone.utc))
    if found is None:
        return Answer(says="no window is open")
    local = found.until.astimezone(ZoneInfo(found.by.timezone))
    until = f"{local:%A} {local.day} {local:%B %Y, %H:%M} ({found.by.timezone})"
    why = f", {found.by.why}" if found.by.why else ""
    return Answer(
        f"{own.name} is frozen until {until}{why}: wait, or for what can't wait"
        f" `inv deploy --env={own.name} --force --reason=WHY`."
    )


def moment(text: str) -> Union[Weekly, datetime, None]:
    """Return the moment that a window's begin or end says, None where it says none.

    A date and a time is a datetime without a zone.
    """
    try:
        if _DATED.fullmatch(text.strip()):
            return datetime.fromisoformat(text.strip())
        if found := _WEEKLY.fullmatch(text.strip()):
            return Weekly(_day(found[1].lower()), Clock.fromisoformat(found[2]))
    except ValueError:  # no such day of the week or the month, or no such hour
        pass
    return None


def _day(name: str) -> int:
    """Return the number of a weekday that is called by its name or its first three letters."""
    for number, day in enumerate(DAYS):
        if name in (day, day[:3]):
            return number
    raise ValueError(name)


def frozen(windows: Sequence[Freeze], now: datetime) -> Frozen | None:
    """Return what keeps everything as it is at `now` (with a zone), None where nothing does.

    Windows that follow one another without a gap are one: what ends last counts.
    """
    found, at = None, now
    while at - now < LONGEST:
        open_ = [
            Frozen(end, each)
            for each in windows
            for start, end in spans(each, at)
            if start <= at < end
        ]
        if not open_:
            break
        found = max(open_, key=lambda each: each.until)
        at = found.until
    return found


def spans(window: Freeze, near: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield begin and end (UTC) of a window, each time that it is open around `near`."""
    zone, start, end = ZoneInfo(window.timezone), moment(window.from_), moment(window.to)
    if isinstance(start, datetime) and isinstance(end, datetime):
        yield _instants(start, zone)[0], _instants(end, zone)[-1]
    elif isinstance(start, Weekly) and isinstance(end, Weekly):
        today = near.astimezone(zone).date()
        for back in range(-1, 9):  # it is a week long at the most, and days differ by place
            first = today - timedelta(days=back)
            if first.weekday() == start.day:
                last = first + timedelta(days=_days(start, end))
                yield _at(first, start.at, zone)[0], _at(last, end.at, zone)[-1]


def _days(start: Weekly, end: Weekly) -> int:
    days = (end.day - start.day) % 7
    return 7 if days == 0 and end.at <= start.at else days


def _at(day: date, clock: Clock, zone: ZoneInfo) -> list[datetime]:
    return _instants(datetime.combine(day, clock), zone)


def _instants(local: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return what a clock's time means, in UTC, the earlier first.

    Where clocks are put back an hour comes twice, where they are put forward one is left out (PEP
    495); a window begins at the earlier and ends at the later, so that it is never too short.
    """
    both = (local.replace(tzinfo=zone, fold=fold).astimezone(timezone.utc) for fold in (0, 1))
    return sorted(both)
