"""What the hosts of an environment say of themselves: asked without a lock, changing nothing."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from .fleet import Fleet, HostErrors
from .hostlist import FEW, by, counted
from .settings import Environment
from .target import Target


def facts(
    targets: Sequence[Target], environment: Environment
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Return what each host says, and why the others don't."""
    with Fleet(targets, environment) as fleet:
        absent = {name: str(error) for name, error in fleet.connect().items()}
        answering = [member for member in fleet.members if member.name not in absent]
        try:
            return fleet.call("facts", environment.limits.step, answering), absent
        except HostErrors as error:
            absent.update({name: each.message for name, each in error.errors.items()})
            return error.values, absent


def difference(said: Mapping[str, Mapping[str, Any]]) -> str:
    """Return "" when all hosts serve the same release, and it runs; else what differs."""
    current = {name: fact["current"] or "nothing" for name, fact in said.items()}
    if len(set(current.values())) > 1:
        if len(current) > FEW:
            return "; ".join(f"{counted(names)} serve {live}" for live, names in by(current))
        return "; ".join(f"{name} serves {live}" for name, live in sorted(current.items()))
    down = [
        n
        for n, f in said.items()
        if f["current"] and "web" not in f["running"].get(f["current"], ())
    ]
    if down:
        return f"what is live does not run on {counted(sorted(down))}"
    return ""


def drift(targets: Sequence[Target], environment: Environment) -> str:
    """Return "" when every host answers and serves the same release, else what is wrong."""
    said, absent = facts(targets, environment)
    if absent:
        return f"{counted(sorted(absent))} did not answer"
    return difference(said)
