"""Which release is live, and since when: as the hosts say, else this clone's journal, else the
label that the service's metrics carry."""

from __future__ import annotations

from typing import Any, Iterable, Mapping, NamedTuple, Sequence

from ..moment import known
from .hosts import Told

HOSTS = "the hosts"


class Live(NamedTuple):
    """releases: the ids, more than one where hosts differ. since: when the newest was closed (Unix
    time), None where nobody says. source: who says so."""

    releases: tuple[str, ...] = ()
    since: float | None = None
    source: str = ""


def live(told: Told | None, journalled: Live, measured: Mapping[str, float]) -> Live:
    """Return what is live. measured: requests in the last minute by release."""
    if told and told.facts:
        current = {str(fact["current"]) for fact in told.facts.values() if fact["current"]}
        closed = [entry for fact in told.facts.values() for entry in fact.get("closed", ())]
        return Live(tuple(sorted(current)), _since(closed, current), HOSTS)
    if journalled.releases:
        return journalled
    answering = [release for release, count in measured.items() if count] or list(measured)
    return Live(tuple(sorted(answering)), None, "the metrics' label" if answering else "")


def journalled(entries: Sequence[Mapping[str, Any]], environment: str) -> Live:
    """Return what the operator's journal says is live: the newest deploy or rollback that closed.

    entries: the oldest first. Another clone may have deployed since: the hosts know better.
    """
    for entry in reversed(entries):
        detail = entry.get("detail") or {}
        about = entry.get("phase") in ("deploy", "rollback") and entry.get("outcome") == "closed"
        if about and detail.get("environment") == environment and detail.get("release"):
            return Live((str(detail["release"]),), known(entry.get("at")), "the journal")
    return Live()


def _since(closed: Iterable[Mapping[str, Any]], current: set[str]) -> float | None:
    found = [known(each.get("at")) for each in closed if each["release"] in current]
    return max((at for at in found if at is not None), default=None)
