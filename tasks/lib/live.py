"""What is asked of a release once it is live: through each host's own front, and as users ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Sequence

from . import console, public
from .errors import NotClosed
from .fleet import Fleet, HostErrors, Member
from .hostlist import counted
from .watch import NODATA, PASS, Probes, Sample, Verdict, patience, watch, watch_each

if TYPE_CHECKING:
    from .settings import Environment, Thresholds


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


def watch_users(fleet: Fleet, environment: Environment) -> Verdict:
    """Watch the public addresses for the environment's `watch`; a lost host ends it as FAIL."""
    thresholds = environment.thresholds
    probes = Probes(_urls(fleet, environment), thresholds, environment.host_header)

    def each_round(samples: Sequence[Sample], seconds: float) -> str:
        lost = fleet.lost()
        return f"{counted(list(lost))} was lost" if lost else ""

    try:
        return watch(probes, thresholds, environment.watch, each_round)
    finally:
        probes.close()


class Front:
    """A host's own front as a source of samples, asked by the host's own agent."""

    def __init__(self, member: Member, environment: Environment) -> None:
        self._session, self._front = member.session, member.target.front
        thresholds, host = environment.thresholds, public.host(environment)
        self._asked = [{"path": path, "host": host} for path in thresholds.paths]
        self._limit = patience(thresholds)

    def sample(self) -> list[Sample]:
        """Ask every path once. Raises HostError, Lost."""
        within = self._limit * (len(self._asked) + 1)
        words: dict[str, Any] = {"front": self._front, "requests": self._asked}
        found = self._session.call("probe", within, limit=self._limit, **words)
        return [Sample(each["ok"], each["seconds"], each["wrong"]) for each in found]


def watch_fronts(
    fleet: Fleet, environment: Environment, members: Sequence[Member], seconds: float
) -> dict[str, Verdict]:
    """Watch each of `members` through its own front for `seconds`; the verdicts by host.

    Raises HostErrors, also for a lost host that isn't one of them.
    """
    sources = {member.name: Front(member, environment) for member in members}

    def sample() -> dict[str, list[Sample]]:
        return fleet.each(lambda member: sources[member.name].sample(), members)

    def each_round(samples: Mapping[str, Sequence[Sample]], spent: float) -> str:
        if lost := fleet.lost():
            raise HostErrors(lost)
        return ""

    return watch_each(sample, environment.thresholds, seconds, each_round)


def insist(fleet: Fleet, verdict: Verdict, thresholds: Thresholds) -> None:
    """Say what a watch found. Raises NotClosed where that isn't good enough."""
    passed = verdict.verdict == PASS or (verdict.verdict == NODATA and thresholds.nodata == "pass")
    console.say(f"  {'':<16}{verdict.verdict}: {verdict.why}")
    if not passed:
        kind = "lost" if fleet.lost() else "watch"
        raise NotClosed(f"{verdict.verdict}: {verdict.why}.", kind=kind)


def _urls(fleet: Fleet, environment: Environment) -> list[str]:
    return public.urls(environment, [member.target for member in fleet.members])
