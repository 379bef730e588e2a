"""What is asked of a release once it is live: through each host's own front, and as users ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence

from . import console, public
from .errors import NotClosed
from .watch import NODATA, PASS, Probes, Sample, Verdict, watch

if TYPE_CHECKING:
    from .fleet import Fleet, Member
    from .settings import Environment, Thresholds


def verify(
    fleet: Fleet, environment: Environment, release: str, members: Sequence[Member], users: bool
) -> None:
    """Ask health, release id and smoke requests through the fronts of `members`.

    users: then at the public addresses, too. Raises HostErrors, NotClosed.
    """
    wanted = public.requests_for(environment, release)
    limit = environment.limits.verify

    def ask(member: Member) -> Any:
        front = member.target.front
        words: dict[str, Any] = {"front": front, "requests": wanted, "limit": limit}
        return member.session.call("verify", limit * (len(wanted) + 1), **words)

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
        return f"{', '.join(lost)} was lost" if lost else ""

    try:
        return watch(probes, thresholds, environment.watch, each_round)
    finally:
        probes.close()


def insist(fleet: Fleet, verdict: Verdict, thresholds: Thresholds) -> None:
    """Say what a watch found. Raises NotClosed where that isn't good enough."""
    passed = verdict.verdict == PASS or (verdict.verdict == NODATA and thresholds.nodata == "pass")
    console.say(f"  {'':<16}{verdict.verdict}: {verdict.why}")
    if not passed:
        kind = "lost" if fleet.lost() else "watch"
        raise NotClosed(f"{verdict.verdict}: {verdict.why}.", kind=kind)


def _urls(fleet: Fleet, environment: Environment) -> list[str]:
    return public.urls(environment, [member.target for member in fleet.members])
