"""Whom to call: the roles of the configuration, and who is on call in them now."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Mapping, NamedTuple

from .. import console
from ..declare import Outcome
from ..errors import NotClosed, Refused
from . import rotation, schedules
from .settings import Contact

if TYPE_CHECKING:
    from ..settings import Settings
    from .settings import Alerting

# Those that the runbook wants at least.
ROLES = ("on-call engineer", "team lead", "database admin", "security")


class Whom(NamedTuple):
    """Whom to call in a role.

    person: who is on call, "" where the role says it. until: when the next one is, Unix seconds, 0
    where nobody follows. source: who says so: "rotation", "PagerDuty", "OpsGenie" or "".
    """

    role: str
    person: str
    channels: tuple[str, ...]
    availability: str
    until: float = 0.0
    next: str = ""
    source: str = ""

    def line(self) -> str:
        """Return how to reach them, in one line, without the role."""
        said = [self.person, " or ".join(self.channels), self.availability]
        return ", ".join(filter(None, said))


def read(
    contacts: Mapping[str, str | Contact], at: datetime, alerting: Alerting | None = None
) -> tuple[Whom, ...]:
    """Return whom to call in each role at an aware time.

    alerting: then the schedules of PagerDuty or OpsGenie are asked; without, only what is
    configured counts, and nothing is waited for.
    """
    return tuple(_whom(role, contact, at, alerting) for role, contact in contacts.items())


def lines(contacts: Mapping[str, str | Contact]) -> dict[str, str]:
    """Return by role how to reach whom now, from the configuration alone: beside a failure."""
    now = datetime.now(timezone.utc)
    return {whom.role: whom.line() for whom in read(contacts, now)}


def _whom(role: str, contact: str | Contact, at: datetime, alerting: Alerting | None) -> Whom:
    if isinstance(contact, str):
        return Whom(role, "", (contact,), "")
    known = Whom(role, "", contact.channels, contact.availability)
    if contact.rotation:
        turn = rotation.turn(contact.rotation, at)
        until = turn.end.timestamp()
        known = known._replace(person=turn.person, until=until, next=turn.next, source="rotation")
    if contact.schedule and alerting:
        try:
            found = schedules.ask(alerting, contact.schedule)
        except NotClosed as error:
            instead = "the configured rotation counts" if contact.rotation else "nobody is known"
            console.warn(f"{role}: {str(error).rstrip('.')}; {instead}")
            return known
        if found:
            person = ", ".join(found.people)
            known = known._replace(person=person, until=0.0, next="", source=found.source)
    return known


def show(settings: Settings) -> Outcome:
    """Tell whom to call now. Raises Refused where nobody is configured."""
    if not settings.contacts:
        raise Refused(
            "invoke.yaml has no contacts: say there whom to call, as `contacts: team lead: …`.",
            kind="config",
        )
    now = datetime.now(timezone.utc)
    found = read(settings.contacts, now, settings.alert)
    for whom in found:
        console.say(f"{whom.role}: {whom.line()}")
        if whom.until:
            until = datetime.fromtimestamp(whom.until).astimezone()
            console.say(f"  until {until:%a %d %b %H:%M %Z}, then {whom.next}")
        elif whom.source:
            console.say(f"  by the schedule of {whom.source}")
    if lacking := [role for role in ROLES if not any(role in each.role for each in found)]:
        console.warn(f"nobody is named for: {', '.join(lacking)}")
    told = [{**whom._asdict(), "channels": list(whom.channels)} for whom in found]
    return Outcome({"contacts": told, "at": now.timestamp()})
