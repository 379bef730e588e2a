"""What Prometheus measured of an incident: requests that failed, graphs, and the alerts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from ..alert import episodes
from ..telemetry import names
from ..telemetry.alertmanager import Alertmanager, Silence
from ..telemetry.prometheus import Prometheus, matching
from ..visualize import period

if TYPE_CHECKING:
    from ..alert.episodes import Episode
    from ..settings import Thresholds
    from ..visualize.period import Plot, Span

ANSWER = 8.0  # seconds for one answer
SHORTEST = 60.0  # seconds over which something can be counted
LATE = 60.0  # seconds that samples may take
DRAWN = ("Requests", "Error ratio", "Latency", "Instances")


class Counted(NamedTuple):
    """Requests that a service answered, and those of them with a 5xx."""

    requests: float
    failed: float

    @property
    def ratio(self) -> float | None:
        """The share that failed, None without requests."""
        return self.failed / self.requests if self.requests else None


class Measured(NamedTuple):
    """What was measured.

    every: of all releases of the environment, own: of that which was left, both while it was live
    and until samples have come in (LATE); None where nothing was counted. highest: error ratio over
    five minutes. over: seconds for which it was over its bound. plots: those that have points.
    """

    every: Counted | None
    own: Counted | None
    highest: float | None
    over: float | None
    plots: tuple[Plot, ...]


class Where(NamedTuple):
    """Of whom is asked what: the Prometheus's address, the service, and the release that was left
    ("" for none); live: when it was. end: until when (Unix) samples may have come in late."""

    url: str
    job: str
    environment: str
    release: str
    live: tuple[float, float]
    end: float


def read(where: Where, wanted: Span, thresholds: Thresholds) -> Measured:
    """Return what was measured. wanted: what is drawn. Raises Unanswered."""
    drawn = tuple(each for each in period.measures(thresholds) if each.title in DRAWN)
    of = {"environment": where.environment, "job": where.job}
    with Prometheus(where.url, ANSWER) as asked:
        found = period.read(asked, wanted, where.job, where.environment, drawn)
        # Once it was left it answers nothing more, but its last samples come in after that.
        late = (where.live[0], min(where.end, where.live[1] + LATE))
        every = counted(asked, of, late)
        own = counted(asked, {**of, "release": where.release}, late)
    ratio = next(each for each in found.figures if each.label == "error ratio")
    return Measured(
        every,
        own if where.release else None,
        ratio.highest,
        None if ratio.highest is None else ratio.out,
        tuple(plot for plot in found.plots if any(plot.points)),
    )


def counted(asked: Prometheus, of: dict[str, str], span: tuple[float, float]) -> Counted | None:
    """Return what the services with these labels answered between two times (Unix), None where
    nothing of them was measured. Raises Unanswered."""
    start, end = span
    seconds = max(SHORTEST, end - start)
    every = names.REQUESTS + matching(of)
    bad = every[:-1] + ', http_response_status_code=~"5.."}'

    def total(selector: str) -> float | None:
        reach, before = f"[{seconds:.0f}s]", f"{selector} offset {seconds:.0f}s"
        # A process that began within the time counts from 0: increase() would miss its first
        # sample, and with it all that a release answered before it was first looked at.
        new = f"sum(last_over_time({selector}{reach}) unless {before})"
        old = f"sum(increase({selector}{reach}) and {before})"
        parts = [asked.query(each, end) for each in (new, old)]
        values = [v.value for part in parts for v in part if math.isfinite(v.value)]
        return sum(values) if values else None

    requests = total(every)
    return None if requests is None else Counted(requests, total(bad) or 0.0)


def alerts(url: str, environment: str, span: tuple[float, float]) -> list[Episode]:
    """Return the alerts that fired between two times, the oldest first. Raises Unanswered."""
    start, end = span
    with Prometheus(url, ANSWER) as asked:
        found = episodes.read(asked, (), end - start, end)
    return episodes.mine(found, environment)


def silences(url: str) -> tuple[Silence, ...]:
    """Return what Alertmanager has of silences, acknowledgements among them. Raises Unanswered."""
    with Alertmanager(url, ANSWER) as told:
        return told.silences()
