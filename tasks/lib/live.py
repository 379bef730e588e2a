"""What is asked of a release once it is live: through each host's own front, and as users ask."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Callable, Iterator, Sequence

from . import checks, console, probing, public
from .errors import NotClosed
from .fleet import Fleet, HostErrors, Member
from .hostlist import counted
from .probing import Probes, Sample, Samples
from .watch import NODATA, PASS, Reading, Readings, Source, Verdicts, deciding, watch, worst

if TYPE_CHECKING:
    from .settings import Environment

PROBES = "probes"


def verify(
    fleet: Fleet, environment: Environment, release: str, members: Sequence[Member], users: bool
) -> None:
    """Ask health, release id and smoke requests through the fronts of `members`.

    users: then at the public addresses, too. Raises HostErrors, NotClosed.
    """
    wanted = public.requests_for(environment, release)
    limit = environment.limits.verify
    # What runs beside has to have started by then, after the end of what ran before.
    beside = environment.limits.drain + environment.limits.step

    def ask(member: Member) -> Any:
        front = member.target.front
        words: dict[str, Any] = {"front": front, "requests": wanted, "limit": limit}
        return member.session.call("verify", limit * (len(wanted) + 1) + beside, **words)

    fleet.each(ask, members)
    wrong = public.wrong(environment, _urls(fleet, environment), release) if users else ""
    if wrong:
        raise NotClosed(f"{wrong}.", kind="health")


def watch_users(fleet: Fleet, environment: Environment, app: str, release: str) -> Verdicts:
    """Watch the public addresses, and `release` in Prometheus where the environment wants that, for
    the environment's `watch`; a lost host ends it as FAIL."""
    thresholds = environment.thresholds
    probes = Probes(_urls(fleet, environment), thresholds, environment.host_header)

    def lost() -> str:
        names = fleet.lost()
        return f"{counted(list(names))} was lost" if names else ""

    with contextlib.closing(probes), _told(app, environment, release, fleet.members) as more:
        sources = {PROBES: probes, **more}
        return _watched(sources, environment, environment.watch, lost)


class Fronts:
    """Each host's own front as a source, asked by the host's own agent."""

    def __init__(self, fleet: Fleet, environment: Environment, members: Sequence[Member]) -> None:
        self._fleet, self._members = fleet, members
        self._limits = thresholds = environment.thresholds
        host = public.host(environment)
        self._asked = [{"path": path, "host": host} for path in probing.asked(thresholds)]
        self._samples = {member.name: Samples() for member in members}

    def look(self) -> None:
        """Ask every host. Raises HostErrors."""
        for name, found in self._fleet.each(self._ask, self._members).items():
            self._samples[name].add(found)

    def known(self, whole: bool) -> Reading:
        """Return what each host's front has shown."""
        return {name: s.measured(self._limits, whole) for name, s in self._samples.items()}

    def _ask(self, member: Member) -> list[Sample]:
        limit = probing.patience(self._limits)
        within = self._limits.interval
        words: dict[str, Any] = {"front": member.target.front, "requests": self._asked}
        words |= {"limit": limit, "within": within}
        found = member.session.call("probe", within + 2 * limit, **words)
        return [Sample(each["ok"], each["seconds"], each["wrong"]) for each in found]


def watch_fronts(
    fleet: Fleet,
    environment: Environment,
    app: str,
    release: str,
    members: Sequence[Member],
    seconds: float,
) -> Verdicts:
    """Watch each of `members` through its own front, and in Prometheus, for `seconds`.

    Raises HostErrors, also for a lost host that isn't one of them.
    """

    def lost() -> str:
        if names := fleet.lost():
            raise HostErrors(names)
        return ""

    with _told(app, environment, release, members) as more:
        sources = {PROBES: Fronts(fleet, environment, members), **more}
        return _watched(sources, environment, seconds, lost)


def _watched(
    sources: dict[str, Source], environment: Environment, seconds: float, lost: Callable[[], str]
) -> Verdicts:
    """Watch, and show each check."""
    console.say(checks.beforehand(environment, seconds))
    shown = checks.Shown(seconds)

    def each_check(readings: Readings, spent: float) -> str:
        shown.check(readings, spent)
        return lost()

    try:
        return watch(sources, environment.thresholds, seconds, each_check)
    finally:
        shown.end()


@contextlib.contextmanager
def _told(
    app: str, environment: Environment, release: str, members: Sequence[Member]
) -> Iterator[dict[str, Source]]:
    """Give what Prometheus has of the release as a source, where the environment wants it."""
    if not environment.observability.watch:
        yield {}
        return
    from .telemetry.watched import SOURCE, Releases, too_short

    if said := too_short(environment):  # a rollback's, which is refused for nothing of this
        console.warn(f"Prometheus is not asked: {said}")
        yield {}
        return
    targets = [member.target for member in members]
    with contextlib.closing(Releases(app, environment, release, targets)) as releases:
        yield {SOURCE: releases}


def insist(fleet: Fleet, verdicts: Verdicts, environment: Environment) -> None:
    """Say what each source of a watch found. Raises NotClosed where the worst isn't good enough."""
    for name, each in verdicts.items():
        found = worst(each)
        console.say(f"  {name if len(verdicts) > 1 else '':<16}{found.verdict}: {found.why}")
    name, decided = deciding(verdicts)
    lenient = environment.thresholds.nodata == "pass"
    if decided.verdict == PASS or (decided.verdict == NODATA and lenient):
        return
    kind = "lost" if fleet.lost() else "nodata" if decided.verdict == NODATA else "watch"
    by = f"{name}: " if len(verdicts) > 1 else ""
    raise NotClosed(f"{decided.verdict}: {by}{decided.why}.", kind=kind)


def _urls(fleet: Fleet, environment: Environment) -> list[str]:
    return public.urls(environment, [member.target for member in fleet.members])
