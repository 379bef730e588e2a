"""What `inv deploy` does when its gates have let it pass: show the plan, or carry it out."""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from typing import Iterator

from . import asking, console, duration
from .declare import Outcome
from .forward import Deploy
from .notify.telling import told
from .parcel import Parcel
from .world import World


def plan(world: World) -> Outcome:
    """Show what would be done, on no host changing anything. Raises one of our errors."""
    _tell(world)
    with _rollout(world) as rollout:
        planned = rollout.planned()
    asking.show(planned)
    document = planned.document()
    if world.gates and (rows := world.gates.rows()):
        console.table(rows, ("gate", "says"))
        document["gates"] = dict(rows)
        document["forced"] = world.gates.forced
    return Outcome(document, next=again(world), document=document)


def again(world: World) -> str:
    """Return the command that does what was planned: on the same hosts, watched as long."""
    env, usual = world.environment, world.settings.environment(world.environment.name)
    said = world.gates.facts() if world.gates else {}
    words = {
        "env": env.name,
        "version": world.source.version,
        "watch": "" if env.watch == usual.watch else duration.show(env.watch),
        "strategy": "" if env.strategy == usual.strategy else env.strategy.replace(" ", ""),
        "without": ",".join(world.without),
        "fixes": ",".join(said.get("fixes", ())),
        "reason": said.get("reason", ""),
    }
    given = [f"--{name}={value}" for name, value in words.items() if value]
    return shlex.join(["inv", "deploy", *given, *["--force"] * bool(said.get("forced"))])


def deploy(world: World, named: bool, yes: bool) -> Outcome:
    """Deploy; named, yes: whether `--env` and `--yes` were given. Raises one of our errors."""
    _tell(world)
    env, source = world.environment, world.source
    if env.confirm:
        asking.confirm(env.name, f"Deploy {source.version} to {env.name}", named, yes)
    console.say(f"Deploying {source.version} ({source.commit[:7]}) to {env.name}")
    with _rollout(world) as rollout, told(world.settings, env, rollout):
        detail = rollout.carry_out()
    watched = sum(spent for name, spent in detail["steps"].items() if name.startswith("watch"))
    console.say(
        f"{detail['release']} is live on {len(detail['hosts'])} host(s)"
        f" after {sum(detail['steps'].values()) - watched:.2f} s"
        + (f" and {watched:.0f} s of watching" if watched else "")
    )
    return Outcome(detail, world=world._replace(release=detail["release"]))


def _tell(world: World) -> None:
    """Warn of what is passed by force, and of what a deploy does not do."""
    for name, why in world.gates.forced.items() if world.gates else ():
        console.warn(f"FORCED past {name}: {why}")
    asking.tell(world.source, world.environment)


@contextmanager
def _rollout(world: World) -> Iterator[Deploy]:
    """Give the Deploy with its parcel open."""
    env = world.environment
    with Parcel(world.root, world.source, env.include, env.directory) as parcel:
        said = {"without": list(world.without)} if world.without else {}
        said |= world.gates.facts() if world.gates else {}
        settings, where = world.settings, (world.targets, world.root)
        yield Deploy(settings, env, *where, world.source, parcel, said)
