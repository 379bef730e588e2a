"""What is told: one deploy or rollback that has begun or ended, in the words of who reads it."""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple
from urllib.parse import urlencode

from ..duration import show
from ..errors import Interrupted, Refused, Trouble
from ..hostlist import counted

BEGUN, CLOSED, BACK, REFUSED, INTERRUPTED, FAILED, TROUBLED = (
    "begun",
    "closed",
    "taken back",
    "refused",
    "interrupted",
    "failed",
    "troubled",
)
GOOD = (BEGUN, CLOSED)


class Event(NamedTuple):
    """A deploy or rollback as it is told.

    kind: "deploy" or "rollback". outcome: one of those above; "troubled" is a rollback that closed
    while the trouble goes on. before, release: which release was live and which was to be. seconds:
    how long it took. why: what failed, else what the watch found. board: a URL, "" for none.
    contacts: who can be called, where somebody may have to be. at: Unix time of its begin, seconds.
    forced: the gates that were passed by force. fixes: the incidents that it mends.
    """

    kind: str
    app: str
    environment: str
    outcome: str
    version: str
    commit: str
    before: str
    release: str
    hosts: tuple[str, ...]
    who: str
    seconds: float
    at: float
    why: str = ""
    reason: str = ""
    approved_by: str = ""
    forced: tuple[str, ...] = ()
    fixes: tuple[str, ...] = ()
    board: str = ""
    contacts: Mapping[str, str] = {}

    @property
    def good(self) -> bool:
        """Whether nobody has to do anything."""
        return self.outcome in GOOD

    def document(self) -> dict[str, Any]:
        """Return it as plain objects, for the generic webhook."""
        return {**self._asdict(), "headline": headline(self), "seconds": round(self.seconds, 3)}


def outcome(kind: str, error: Trouble | None, detail: Mapping[str, Any]) -> str:
    """Return how a run ended that raised `error` (None: it closed); detail: what it has told."""
    if error is None:
        return CLOSED
    if isinstance(error, Refused):
        return REFUSED
    if kind == "rollback" and error.kind in ("infrastructure", "nodata"):
        return TROUBLED
    if detail.get("reverted"):
        return BACK
    return INTERRUPTED if isinstance(error, Interrupted) else FAILED


def headline(event: Event) -> str:
    """Return the event in one line, without a dot."""
    forced = f"FORCED past {' and '.join(event.forced)}: " if event.forced else ""
    return f"{forced}{_happened(event)}"


def _happened(event: Event) -> str:
    what = f"{event.app} {event.version}" if event.kind == "deploy" else event.app
    where, rolled = event.environment, f"{event.environment} was rolled back to {event.version}"
    if event.kind == "deploy":
        return {
            BEGUN: f"{what} is being deployed to {where}",
            CLOSED: f"{what} is live on {where}",
            BACK: f"{what} was taken back from {where}",
        }.get(event.outcome, f"The deploy of {what} to {where} {_ended(event.outcome)}")
    return {
        BEGUN: f"{what}: {where} is being rolled back to {event.version}",
        CLOSED: f"{what}: {rolled}",
        TROUBLED: f"{what}: {rolled}, and the trouble is not known to be over",
    }.get(event.outcome, f"{what}: the rollback of {where} {_ended(event.outcome)}")


def _ended(outcome: str) -> str:
    return outcome if outcome == FAILED else f"was {outcome}"


def facts(event: Event) -> list[tuple[str, str]]:
    """Return what else is known, as named values; what isn't known is left out."""
    found = [
        ("From", event.before or "nothing"),
        ("To", event.release),
        ("Commit", event.commit[:7]),
        ("Hosts", counted(list(event.hosts))),
        ("By", event.who),
        ("Took", "" if event.outcome == BEGUN else show(event.seconds)),
        ("Forced past", ", ".join(event.forced)),
        ("Reason", event.reason),
        ("Fixes", ", ".join(event.fixes)),
        ("Approved by", event.approved_by),
    ]
    return [(name, value) for name, value in found if value]


def board(grafana: str, uid: str, environment: str, at: float) -> str:
    """Return the link to the dashboard `uid` about `environment` from a quarter before `at` on;
    "" where there is no Grafana or no dashboard."""
    if not grafana or not uid:
        return ""
    start = round((at - 900) * 1000)
    words = urlencode({"var-environment": environment, "from": start, "to": "now"})
    return f"{grafana.rstrip('/')}/d/{uid}?{words}"
