"""What a walk along the telemetry is about, and what each hop of it comes to."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Callable, Mapping, NamedTuple

from .settings import Stack

HOLDS, BROKEN, UNKNOWN, UNASKED = "holds", "broken", "not known from here", "not looked at"

LOCAL = "local"  # the service of `inv host.serve`, as prometheus/targets/service/local.yml says

NOTHING: Mapping[Any, float] = MappingProxyType({})


class Flow(NamedTuple):
    """One service and the stack that its telemetry goes to.

    job, environment: its labels. service: its base URL; "" where it can't be reached from here.
    health, metrics: paths of it. places: where the stack's programs are; "" is as for the service.
    export, scrape: seconds between two exports and two scrapes. retention: seconds that Prometheus
    is to keep data. sent: requests that were sent to it since `before` was read, which is the
    request count by series; 0 where nobody sent any.
    """

    job: str
    environment: str
    service: str
    places: Stack
    health: str = "/api/health"
    metrics: str = "/metrics"
    export: float = 15.0
    scrape: float = 15.0
    retention: float = 90 * 86400.0
    sent: int = 0
    before: Mapping[Any, float] = NOTHING

    @property
    def labels(self) -> dict[str, str]:
        """What selects the service's series."""
        return {"job": self.job, "environment": self.environment}


class Seen(NamedTuple):
    """What one look at a hop found.

    holds: None where it can't be known from here. said: what was measured; of a broken hop the
    sentence that says what is wrong and what to do.
    """

    holds: bool | None
    said: str
    measured: Mapping[str, Any] = NOTHING


class Hop(NamedTuple):
    """One hop: its name, the kind of failure that a row of the runbook is about, and the look.

    rounds: (exports, scrapes) that may pass before it holds, of what has just been started.
    """

    name: str
    kind: str
    look: Callable[[Flow], Seen]
    rounds: tuple[int, int] = (0, 0)


class Step(NamedTuple):
    """A hop as a walk found it. state: HOLDS, BROKEN, UNKNOWN or UNASKED."""

    name: str
    kind: str
    state: str
    said: str
    measured: Mapping[str, Any] = NOTHING


class Broken(Exception):
    """A hop doesn't hold; the message is its sentence."""

    def __init__(self, said: str, **measured: Any) -> None:
        super().__init__(said)
        self.seen = Seen(False, said, measured)


class Unknown(Exception):
    """A hop can't be looked at from here; the message says why."""
