"""The types of what the configuration says of gates, and what is unsound in it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Iterator

import msgspec

from ..strict import Strict

if TYPE_CHECKING:
    from ..settings import Environment

# Those that `gates:` can name; `after:` and `freeze:` are gates where they say anything.
LISTED = ("lint", "test", "release", "budget", "incident")


class Freeze(Strict, frozen=True):
    """When nothing is deployed. from, to: both a weekday and a time (`Friday 16:00`), which comes
    again every week, or both a date and a time (`2026-12-23T18:00`), by the clocks of `timezone` (a
    name of the IANA's database). why: what people are told."""

    from_: str = msgspec.field(name="from")
    to: str
    timezone: str = "UTC"
    why: str = ""


def faults(environment: Environment) -> Iterator[tuple[str, str, object]]:
    """Yield, for each unsound value: its key path, what was expected, and the value."""
    for gate in environment.gates:
        if gate not in LISTED:
            yield "gates", f"a list of some of {', '.join(LISTED)}", gate
    for index, freeze in enumerate(environment.freeze):
        for key, expected, value in _freeze(freeze):
            yield f"freeze[{index}].{key}", expected, value


def _freeze(freeze: Freeze) -> Iterator[tuple[str, str, object]]:
    from zoneinfo import ZoneInfo

    from .freeze import moment

    start, end = moment(freeze.from_), moment(freeze.to)
    expected = "a weekday and a time (Friday 16:00), or a date and a time (2026-12-23T18:00)"
    for key, value, text in (("from", start, freeze.from_), ("to", end, freeze.to)):
        if value is None:
            yield key, expected, text
    if start is not None and end is not None:
        if isinstance(start, datetime) is not isinstance(end, datetime):
            yield "to", f"of the kind that from is ({freeze.from_})", freeze.to
        elif start == end or (
            isinstance(start, datetime) and isinstance(end, datetime) and end < start
        ):
            yield "to", f"later than from ({freeze.from_})", freeze.to
    try:
        ZoneInfo(freeze.timezone)
    except (ValueError, OSError, LookupError):  # no such name, or no such database on this system
        yield "timezone", "a time zone that this system knows, as Europe/Berlin", freeze.timezone
