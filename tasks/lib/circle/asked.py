"""What the hosts of the environments say: all asked at once, none waited for beyond a limit."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterable, Mapping, NamedTuple

from .. import atonce, history
from ..errors import Trouble
from ..fleet import Fleet, HostErrors, Member

if TYPE_CHECKING:
    from ..settings import Environment, Settings
    from ..target import Target

LIMIT = 5.0  # seconds for all of them
LINES = 400  # of a host's journal, the newest: those of a hundred runs
EXAMPLE = "your-domain.com"  # what invoke.yaml names until somebody puts hosts of their own there

ANSWERS, SILENT, DOWN, UNSET = "answers", "no answer", "not running", "not set up"


class Asked(NamedTuple):
    """One environment.

    state: ANSWERS (a host of it at least), SILENT, DOWN (the sandbox doesn't run) or UNSET (it has
    no hosts, or the example's). why: a sentence or clause where none answers. said: facts by host,
    absent: why a host says nothing. runs: what was done there, as `history.merge` has it.
    """

    name: str
    state: str
    why: str = ""
    said: Mapping[str, Mapping[str, Any]] = {}
    absent: Mapping[str, str] = {}
    runs: tuple[Mapping[str, Any], ...] = ()


def ask(
    settings: Settings, root: Path, names: Iterable[str], limit: float = LIMIT
) -> dict[str, Asked]:
    """Return what each environment says, in the order of `names`; limit: seconds for all of them.

    Whatever keeps one from answering is told in its place, and nothing is raised.
    """

    def one(name: str) -> Asked:
        try:
            return _one(settings, root, name, limit)
        except Exception as bug:  # of ours; the others are told all the same
            return Asked(name, SILENT, f"{type(bug).__name__} in the recipes ({bug})")

    wanted = tuple(names)
    asked = {name: partial(one, name) for name in wanted}
    found = atonce.ask(asked, time.monotonic() + limit)
    late = f"it had not answered after {limit:g} s"
    return {name: found.get(name) or Asked(name, SILENT, late) for name in wanted}


def _one(settings: Settings, root: Path, name: str, limit: float) -> Asked:
    from .. import target

    try:
        environment = settings.environment(name)
    except Trouble as error:
        return Asked(name, UNSET, str(error))
    if example(environment):
        return Asked(name, UNSET, "its hosts are the example's: put your own in invoke.yaml")
    try:
        targets = target.targets(settings, environment, root)
    except Trouble as error:
        return Asked(name, DOWN if error.kind == "unreachable" else UNSET, str(error))
    try:
        return _hosts(targets, _bounded(environment, limit), limit)
    except Trouble as error:
        return Asked(name, SILENT, str(error))


def example(environment: Environment) -> bool:
    """Tell whether an environment's hosts are those of the example, which are nobody's to ask."""
    hosts = [host.partition("@")[2] or host for host in environment.hosts]
    names = [host.partition(":")[0] for host in hosts]
    return any(name == EXAMPLE or name.endswith(f".{EXAMPLE}") for name in names)


def _bounded(environment: Environment, limit: float) -> Environment:
    """Return the environment with no limit beyond `limit`: a thread that still connects would keep
    the whole from ending."""
    from msgspec import structs

    limits = environment.limits
    shorter = {key: min(getattr(limits, key), limit) for key in ("connect", "step")}
    return environment.but(limits=structs.replace(limits, **shorter))


def _hosts(targets: tuple[Target, ...], environment: Environment, limit: float) -> Asked:
    def one(member: Member) -> tuple[Mapping[str, Any], list[history.Entry]]:
        facts = member.session.call("facts", limit)
        return facts, history.journal(member, limit, LINES)

    with Fleet(targets, environment) as fleet:
        absent = {name: str(error) for name, error in fleet.connect().items()}
        there = [member for member in fleet.members if member.name not in absent]
        try:
            told = fleet.each(one, there)
        except HostErrors as error:
            absent |= {name: each.message for name, each in error.errors.items()}
            told = error.values
    said = {name: facts for name, (facts, _) in told.items()}
    runs = history.merge({name: entries for name, (_, entries) in told.items()})
    why = "" if said else next(iter(absent.values()), "")
    return Asked(environment.name, ANSWERS if said else SILENT, why, said, absent, tuple(runs))
