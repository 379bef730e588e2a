"""The phase `host` for the sandbox: hosts on this machine, for trying things."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .. import console
from ..declare import Check, Next, Outcome, Phase, Row

if TYPE_CHECKING:
    from ..settings import Settings

NAME = "sandbox"


class World(NamedTuple):
    """The sandbox as it is configured, in a project's directory."""

    settings: Settings
    root: Path
    environment: str = NAME


def _running(world: World) -> str:
    """Probe: every host that is configured has its daemon."""
    from . import control

    missing = control.missing(world.settings, world.root)
    return f"{', '.join(missing)} not running" if missing else ""


def _reached(world: World) -> str:
    """Probe: every host lets the operator in."""
    from .. import ssh, target

    environment = world.settings.environment(NAME)
    for each in target.targets(world.settings, environment, world.root):
        ssh.connect(each, environment.limits).close()
    return ""


def _answered(world: World) -> str:
    """
    Probe: every front speaks HTTP; what it says is the business of what is deployed behind it.
    """
    import requests

    from .. import target

    environment = world.settings.environment(NAME)
    with requests.Session() as session:
        session.trust_env = False  # no proxy stands between this machine and itself
        for each in target.targets(world.settings, environment, world.root):
            session.get(each.front, timeout=environment.limits.connect)
    return ""


PHASE = Phase(
    number=2,
    name="host",
    closure="Environment closure",
    purpose="Have hosts to deploy to on this machine, reached over real SSH and real HTTP.",
    prerequisites=(),
    procedure=("Start what the configuration wants as sandbox.hosts and isn't running.",),
    validation=(
        Check("the hosts run", _running, "inv host --env=sandbox"),
        Check("SSH lets us in", _reached, "inv host --env=sandbox"),
        Check("the fronts answer", _answered, "inv host --env=sandbox"),
    ),
    troubleshooting=(
        Row(
            "A host doesn't start, or is in a state that nothing explains",
            "Begin anew: `inv host.down --env=sandbox`, then `inv host --env=sandbox`.",
            kinds=("start", "validation"),
        ),
    ),
    next=Next(closed="inv deploy --env=sandbox", troubled="inv host.down --env=sandbox"),
)


END = Phase(
    number=2,
    name="host.down",
    closure="Environment closure",
    purpose="End the sandbox.",
    prerequisites=(),
    procedure=("End every process that was started in it, and remove its files.",),
    validation=(),
    troubleshooting=(),
    next=Next(closed="inv host --env=sandbox", troubled="inv host.down --env=sandbox"),
)


def start(world: World) -> Outcome:
    """Start the sandbox and say where it answers."""
    from . import control

    hosts = control.start(world.settings, world.root)
    rows = [(each.name, each.front, each.ssh_port) for each in hosts]
    console.table(rows, ("host", "front", "ssh port"))
    if hosts[0].front_port != world.settings.sandbox.port:
        console.warn(f"port {world.settings.sandbox.port} is taken: {hosts[0].front} instead")
    return Outcome(detail={"hosts": {name: {"front": front} for name, front, _ in rows}})


def stop(world: World) -> Outcome:
    from . import control

    ended = control.stop(world.settings, world.root)
    console.say(f"The sandbox is gone: {ended} processes ended, its files removed.")
    return Outcome(detail={"processes": ended})
