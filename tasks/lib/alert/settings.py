"""The types of what the configuration says of alerts and of whom to call, and what is unsound."""

from __future__ import annotations

from datetime import datetime
from typing import Iterator, Mapping, Union

from ..duration import Seconds
from ..strict import Strict

HOUR = 3600.0


class Rotation(Strict, frozen=True):
    """Who is on call in turns.

    people: in their order. period: how long each is, by the clock on the wall. start: when the
    first one's turn began, as 2026-01-05T09:00 in `timezone` (a name of the IANA's database).
    """

    people: tuple[str, ...]
    start: str
    period: Seconds = Seconds(7 * 24 * HOUR)
    timezone: str = "UTC"


class Contact(Strict, frozen=True):
    """Whom to call in one role.

    channels: how, the best first. availability: when. rotation: who it is in turns. schedule: the
    id of a schedule of PagerDuty, or the name of one of OpsGenie, which is asked where `.env` has a
    key for it; `rotation` is what counts where it can't be.
    """

    channels: tuple[str, ...]
    availability: str = ""
    rotation: Union[Rotation, None] = None
    schedule: str = ""


class Alerting(Strict, frozen=True):
    """How alerts are looked at.

    directory: of Alertmanager's configuration and secrets. pages: of what to do for each alert.
    response: how soon somebody should answer. false_positives: the ratio of alerts that nobody had
    to act on which is still borne. tested: for how long a test of the receivers counts. limit: how
    long one may take for each severity. pagerduty, opsgenie: where their schedules are asked for.
    """

    directory: str = "alertmanager"
    pages: str = "docs/alerts"
    response: Seconds = Seconds(900)
    false_positives: float = 0.1
    tested: Seconds = Seconds(30 * 24 * HOUR)
    limit: Seconds = Seconds(120)
    pagerduty: str = "https://api.pagerduty.com"
    opsgenie: str = "https://api.opsgenie.com"


def faults(alerting: Alerting) -> Iterator[tuple[str, str, object]]:
    """Yield, for each unsound value: its key, what was expected, and the value."""
    from ..sound import relative

    for key in ("directory", "pages"):
        if not relative(value := getattr(alerting, key)) or value.startswith("-"):
            yield key, "a directory below the project's", value
    for key in ("response", "tested", "limit"):
        if getattr(alerting, key) <= 0:
            yield key, "more than 0s", getattr(alerting, key)
    if not 0 <= alerting.false_positives <= 1:
        yield "false_positives", "a ratio from 0 to 1", alerting.false_positives
    for key in ("pagerduty", "opsgenie"):
        if not getattr(alerting, key).startswith(("http://", "https://")):
            yield key, "a URL that begins with http:// or https://", getattr(alerting, key)


def contact_faults(
    contacts: Mapping[str, Union[str, Contact]],
) -> Iterator[tuple[str, str, object]]:
    """Yield the same for each contact that is more than text; the key begins with its role."""
    for role, contact in contacts.items():
        if isinstance(contact, Contact):
            if not contact.channels or not all(each.strip() for each in contact.channels):
                yield f"{role}.channels", "a list of at least one channel", list(contact.channels)
            if contact.rotation:
                for key, expected, value in _turns(contact.rotation):
                    yield f"{role}.rotation.{key}", expected, value


def _turns(rotation: Rotation) -> Iterator[tuple[str, str, object]]:
    from zoneinfo import ZoneInfo

    if not rotation.people or not all(each.strip() for each in rotation.people):
        yield "people", "a list of at least one name", list(rotation.people)
    # Shorter ones could fall into the hour that is left out or comes twice.
    if rotation.period < 4 * HOUR or rotation.period % 60:
        yield "period", "at least 4h, in whole minutes", rotation.period
    try:
        local = datetime.fromisoformat(rotation.start)
    except ValueError:
        local = None
    if local is None or local.tzinfo:
        yield "start", "a local date and time, as 2026-01-05T09:00", rotation.start
    try:
        ZoneInfo(rotation.timezone)
    except (ValueError, OSError, LookupError):  # no such name, or no such database on this system
        yield "timezone", "a time zone that this system knows, as Europe/Berlin", rotation.timezone
