"""What the environment's hosts say: what is live, since when, and their logs."""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple, Sequence

from .. import remote
from ..fleet import Fleet, HostErrors, Member
from ..settings import Environment
from ..target import Target
from .loglines import Found, errors


class Told(NamedTuple):
    """facts: what each host says of itself. errors: of its log's newest lines. absent: why a host,
    or its log, told nothing; by host, all three."""

    facts: Mapping[str, Mapping[str, Any]] = {}
    errors: Mapping[str, Found] = {}
    absent: Mapping[str, str] = {}


class Hosts:
    """All hosts of an environment, asked again and again over the same connections."""

    def __init__(self, targets: Sequence[Target], environment: Environment, lines: int) -> None:
        """Be about these hosts, and the newest `lines` of their logs. Asks nothing yet."""
        self._targets, self._environment, self._lines = targets, environment, lines
        self.fleet: Fleet | None = None

    def read(self) -> Told:
        """Ask every host. Raises nothing: who doesn't answer is named."""
        fleet = self.fleet = self.fleet or Fleet(self._targets, self._environment)
        absent = {name: str(error) for name, error in fleet.connect().items()}
        there = [member for member in fleet.members if member.name not in absent]
        facts, wrong = _each(fleet, self._facts, there)
        absent |= wrong
        logs, wrong = _each(fleet, self._log, [m for m in there if m.name in facts])
        for member in there:
            member.renew()
        return Told(facts, {name: errors(lines) for name, lines in logs.items()}, absent | wrong)

    def close(self) -> None:
        """Hang up."""
        if self.fleet:
            self.fleet.__exit__()
            self.fleet = None

    def _facts(self, member: Member) -> Any:
        return member.session.call("facts", self._environment.limits.step)

    def _log(self, member: Member) -> list[str]:
        pieces: list[str] = []
        words: dict[str, Any] = remote.Logs(lines=self._lines)._asdict()
        limit = self._environment.limits.step
        member.session.call("logs", limit, heard=pieces.append, **words)
        return "".join(pieces).splitlines()


def _each(
    fleet: Fleet, act: Any, members: Sequence[Member]
) -> tuple[dict[str, Any], dict[str, str]]:
    try:
        return fleet.each(act, members), {}
    except HostErrors as error:
        return error.values, error.said
