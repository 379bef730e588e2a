"""The types of what the configuration says of incidents, and what is unsound in it."""

from __future__ import annotations

from typing import Iterator

from ..duration import Seconds
from ..strict import Strict


class Incidents(Strict, frozen=True):
    """When the page of an incident is drafted.

    draft: whether a rollback, and a deploy that was taken back, drafts one; in the sandbox neither
    does. limit: seconds that all of the asking may take. same: seconds within which what happens to
    an environment belongs to the incident that is open there.
    """

    draft: bool = True
    limit: Seconds = Seconds(20)
    same: Seconds = Seconds(4 * 3600)


def faults(incident: Incidents) -> Iterator[tuple[str, str, object]]:
    """Yield, for each unsound value: its key path, what was expected, and the value."""
    if not 1 <= incident.limit <= 300:
        yield "limit", "1s to 5m", incident.limit
