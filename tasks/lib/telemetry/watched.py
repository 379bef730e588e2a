"""What Prometheus has of one release, host by host, as a source of a deploy's watch.

It is asked beside the watch, so that one that dawdles delays no probe, and `vector(1)` first: that
Prometheus is away says nothing of the release.
"""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, Iterable, Sequence

from ..duration import show
from ..watch import Measured, Reading
from . import names
from .prometheus import Prometheus, Unanswered, Value, matching

if TYPE_CHECKING:
    from ..settings import Environment
    from ..target import Target
    from .settings import Observability

SOURCE = "Prometheus"
LIMIT = 2.0  # seconds for an answer; the next check asks again
PATIENCE = 4 * LIMIT  # for all that is asked at once; an answer may come a byte at a time

_NAMES = (
    names.WATCH_REQUESTS,
    names.WATCH_ERROR_RATIO,
    names.WATCH_P95,
    names.WATCH_IN_FLIGHT,
)


def late(own: Observability) -> float:
    """Return after how many seconds at most Prometheus has what the service counts now."""
    return own.export + own.scrape if own.watch else 0.0


def needed(environment: Environment) -> float:
    """Return how many seconds of watching it takes to know a bad release surely by Prometheus:
    a rate needs two samples, each of which may be that late. 0 where it isn't asked."""
    limits, behind = environment.thresholds, late(environment.observability)
    return 2 * behind + limits.interval * limits.failures if behind else 0.0


def too_short(environment: Environment) -> str:
    """Return "" where the environment's `watch` is long enough for Prometheus to know of the
    release, else what is wrong."""
    if not 0 < environment.watch < (least := needed(environment)):
        return ""
    return (
        f"{environment.name} is watched for {show(environment.watch)}, and Prometheus surely knows"
        f" of a release after {show(least)} (`--watch={show(least)}`)"
    )


def away(environment: Environment) -> str:
    """Return "" where the Prometheus that the watch will ask answers, or need not, else why."""
    own = environment.observability
    if not (own.watch and environment.watch) or environment.thresholds.nodata == "pass":
        return ""
    with Prometheus(own.prometheus, LIMIT) as prometheus:
        return prometheus.answers()


class Releases:
    """The series of `release` on each of `targets`, as of the last time that it was asked."""

    def __init__(
        self, app: str, environment: Environment, release: str, targets: Sequence[Target]
    ) -> None:
        own = environment.observability
        self._prometheus = Prometheus(own.prometheus, LIMIT)
        self._about = {"job": app, "environment": environment.name}
        self._scraped = matching({"environment": environment.name})
        self._release, self._hosts = release, [target.name for target in targets]
        self._environment = environment
        self._asking: Thread | None = None
        self._last: Reading = self._all(Measured(unknown="not asked yet"))
        self._before: set[str] | None = None

    def look(self) -> None:
        """Begin to ask, where that isn't under way; waits for nothing."""
        if self._asking is None or not self._asking.is_alive():
            self._asking = Thread(target=self._ask, daemon=True)
            self._asking.start()

    def known(self, whole: bool) -> Reading:
        """Return what was last known; at the end of the watch the question under way is part."""
        if whole and self._asking is not None:
            self._asking.join(PATIENCE)
            if self._asking.is_alive():
                return self._all(Measured(unknown="it did not answer in time"))
        return self._last

    def close(self) -> None:
        """Let go of the connections."""
        self._prometheus.close()

    def _ask(self) -> None:
        try:
            self._last = self._read()
        except Exception as error:  # what answers may be anything, and is no reason to fall over
            odd = f"Prometheus at {self._prometheus.url} gave what is no answer"
            self._last = self._all(Measured(unknown=f"{odd} ({type(error).__name__})"))

    def _all(self, measured: Measured) -> Reading:
        return dict.fromkeys(self._hosts, measured)

    def _read(self) -> Reading:
        if wrong := self._prometheus.answers():
            return self._all(Measured(unknown=wrong.rstrip(".")))
        try:
            values = self._prometheus.query(selecting(self._about, self._release))
            down = self._down()
        except Unanswered as error:
            return self._all(Measured(unknown=str(error).rstrip(".")))
        limits, least = self._environment.thresholds, self._environment.observability.minimum
        return {host: measured(host, values, down, least, limits.p95) for host in self._hosts}

    def _down(self) -> tuple[str, ...]:
        """Return the instances that answered no scrape of the last two, and did when it began.

        What is scraped has the scrape's job, whatever the app is called: its environment says it.
        """
        span = f"[{round(2000 * self._environment.observability.scrape)}ms]"
        found = self._prometheus.query(f"max_over_time(up{self._scraped}{span}) == 0")
        now = {each.labels.get("instance", "") for each in found}
        self._before = now if self._before is None else self._before & now
        return tuple(sorted(now - self._before))


def selecting(about: dict[str, str], release: str) -> str:
    """Return the one query that gives all that a release is judged by, on every host."""
    inside = matching({**about, "release": release}).strip("{}")
    return f'{{__name__=~"{"|".join(_NAMES)}", {inside}}}'


def measured(
    host: str, values: Iterable[Value], down: tuple[str, ...], minimum: int, p95: float
) -> Measured:
    """Return what `values` say of `host`.

    minimum: requests below which they say nothing; p95: seconds over which requests are slow. How
    many are slow isn't known: where the p95 is over the limit, one in twenty at the least.
    """
    said = {
        each.labels["__name__"]: each.value for each in values if each.labels.get("host") == host
    }
    requests = said.get(names.WATCH_REQUESTS, 0.0)
    if requests < minimum and not down:
        few = f"{round(requests)} requests in a minute, of {minimum} needed"
        return Measured(unknown=few)
    slowest = said.get(names.WATCH_P95)
    return Measured(
        requests=requests,
        errors=said.get(names.WATCH_ERROR_RATIO, 0.0) * requests,
        p95=slowest,
        slow=requests if slowest is not None and slowest > p95 else 0,
        in_flight=said.get(names.WATCH_IN_FLIGHT),
        down=down,
    )
