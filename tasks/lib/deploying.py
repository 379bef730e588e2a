"""What `inv deploy` does when its gates have let it pass: show the plan, or carry it out."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

from . import asking, console
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
    again = f"inv deploy --env={world.environment.name} --version={world.source.version}"
    return Outcome(document, next=again, document=document)


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
