"""Before something is done: its plan is shown, and the operator types the environment's name."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from . import console, duration
from .errors import Refused
from .hostlist import by, compact, counted

if TYPE_CHECKING:
    from .plan import Plan
    from .settings import Environment
    from .source import Source


def tell(source: Source, environment: Environment) -> None:
    """Warn of what a deploy does not do, where somebody may think it does."""
    if source.dirty:
        paths = ", ".join(source.dirty[:3]) + (", …" if len(source.dirty) > 3 else "")
        console.warn(f"changes that are not committed are not deployed: {paths}")
    if environment.schema == "breaking":
        console.warn("schema: breaking: once it is live this release is not switched back")


def confirm(name: str, what: str, named: bool, yes: bool) -> None:
    """Have the operator type the environment's name.

    what: a sentence without its dot; named: whether `--env` was given; yes: whether `--yes` was.
    Raises Refused.
    """
    if yes:
        if not named:
            raise Refused(f"--yes needs --env={name}, so that nothing is done by a default.")
        return
    if not sys.stdin.isatty():
        raise Refused(f"{what} has to be confirmed: add `--env={name} --yes`.")
    print(f"{what}. Type {name} to go on: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != name:
        raise Refused(f"{name} was not typed; nothing was changed.")


def offered(question: str) -> bool:
    """Offer something that may as well be left; whoever ends the input (Ctrl-D) leaves it."""
    try:
        return input(f"{question} [yes/no] ").strip().lower() == "yes"
    except EOFError:
        print(flush=True)
        return False


def staged(plan: Plan) -> str:
    """Return in one sentence in which stages the hosts switch and how long that takes; "" for all
    at once."""
    if len(plan.stages) < 2:
        return ""
    groups = "; then ".join(counted(names) for names in plan.stages)
    watched = f"watched for {duration.show(plan.watched)} in all" if plan.watched else "not watched"
    return f"{plan.strategy}, {len(plan.stages)} stages: {groups}; {watched}."


def show(plan: Plan) -> None:
    """Print a plan for people."""
    console.say(f"{plan.phase} of {plan.version} ({plan.commit[:7]}) on {plan.environment}")
    console.say(f"release {plan.release}, resting on facts {plan.facts}")
    if said := staged(plan):
        console.say(said)
    live = by({name: release or "nothing" for name, release in sorted(plan.hosts.items())})
    console.table([(compact(names), release) for release, names in live], ("host", "live"))
    console.table([(s.name, s.on, s.does) for s in plan.steps], ("step", "on", "does"))
