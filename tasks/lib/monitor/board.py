"""What one look at a service found, and what it comes to."""

from __future__ import annotations

from typing import Any, NamedTuple

from . import released
from .asked import Answer
from .hosts import Told
from .loglines import Found
from .measured import Firing, Measured, Points

OK, OUT, UNKNOWN, FREE = "ok", "out", "unknown", ""  # FREE: it has no bound


class Seen(NamedTuple):
    """Everything that one look found. told: None while the hosts are still being asked, and where
    nobody asks them. live: what this clone's journal says is live."""

    at: float
    measured: Measured
    health: Answer
    metrics: Answer
    told: Told | None
    live: released.Live = released.Live()


class Reading(NamedTuple):
    """One line of the board.

    text: the value as it is shown. bound: the same of its bound, "" where it has none. why: in a
    clause, where it is out of bounds or unknown. limit: the bound as a number. past: for the
    sparkline. note: more of it, where there is no past to show.
    """

    key: str
    name: str
    text: str
    state: str = FREE
    why: str = ""
    bound: str = ""
    value: float | None = None
    limit: float | None = None
    past: Points = ()
    note: str = ""


class Board(NamedTuple):
    """The readings of an environment. at: Unix time, seconds. until: the same by Prometheus's
    clock, where the past ends."""

    environment: str
    at: float
    until: float
    window: float
    readings: tuple[Reading, ...]
    alerts: tuple[Firing, ...]
    log: Found
    live: released.Live

    def named(self, key: str) -> Reading:
        """Return the reading `key`."""
        return next(each for each in self.readings if each.key == key)

    def those(self, state: str) -> tuple[Reading, ...]:
        """Return the readings of that state."""
        return tuple(each for each in self.readings if each.state == state)

    @property
    def verdict(self) -> str:
        """What it comes to: something is out, something isn't known, or neither."""
        return OUT if self.those(OUT) else UNKNOWN if self.those(UNKNOWN) else OK

    def document(self) -> dict[str, Any]:
        """Return it for `--json`."""
        kept = ("state", "text", "value", "bound", "limit", "why", "note")
        return {
            "environment": self.environment,
            "at": round(self.at, 3),
            "verdict": self.verdict,
            "readings": {r.key: {k: getattr(r, k) for k in kept} for r in self.readings},
            "alerts": [each._asdict() for each in self.alerts],
            "last_error": self.log.last,
            "release": self.live._asdict(),
        }
