"""Step 2, host: environment closure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from invoke.context import Context
from invoke.tasks import task

from .lib import console, project
from .lib.errors import NotClosed, Refused
from .lib.phase import Check, Next, Outcome, Phase, Row, later, run, unbuilt

if TYPE_CHECKING:
    import paramiko

    from .lib.hops import Hop
    from .lib.settings import Settings
    from .lib.target import Target

PHASE = Phase(
    number=2,
    name="host",
    closure="Environment closure",
    purpose="Make an environment to develop in that is apart from others and the same everywhere.",
    prerequisites=(
        Check("Python 3.11 or newer", unbuilt, "python3 --version"),
        Check("a clone of the repository", unbuilt, "git status"),
    ),
    procedure=(
        "Make the virtual environment and install what is locked: `scripts/setup`.",
        "Copy the template of the environment: `cp .env.example .env`.",
        "Fill in the values of .env: they are secrets and stay on this machine.",
        "Start the services that you want beside it: `docker compose up -d` (optional).",
    ),
    validation=(
        Check("Python is 3.11 or newer", unbuilt, "python3 --version"),
        Check("what is locked is installed", unbuilt, "scripts/setup"),
        Check("the required variables have values", unbuilt, "cp .env.example .env"),
        Check("the services beside it are up", unbuilt, "docker compose up -d", required=False),
    ),
    troubleshooting=(
        Row(
            "It is the wrong Python",
            "Name it (`python3.11 -m venv .venv`) or put it first in PATH.",
            output=r"python.*(version|3\.\d+)",
        ),
        Row(
            "An installation fails",
            "A package may need headers to build: `apt install python3-dev`.",
            output=r"pip|wheel|Python\.h",
        ),
        Row(
            "Docker doesn't start",
            "See what its daemon says: `systemctl status docker`.",
            output=r"docker",
        ),
        Row("There is no .env", "Copy .env.example and fill it in.", output=r"\.env\b"),
    ),
    next=Next(closed="inv test", troubled="inv host"),
)

SANDBOX_NAME = "sandbox"


class World(NamedTuple):
    """The sandbox as it is configured, in a project's directory."""

    settings: Settings
    root: Path
    environment: str = SANDBOX_NAME


def _running(world: World) -> str:
    """Probe: every host that is configured has its daemon."""
    from .lib.sandbox import control

    missing = control.missing(world.settings, world.root)
    return f"{', '.join(missing)} not running" if missing else ""


def _reached(world: World) -> str:
    """Probe: every host lets the operator in."""
    from .lib import ssh, target

    environment = world.settings.environment(SANDBOX_NAME)
    for each in target.targets(world.settings, environment, world.root):
        ssh.connect(each, environment.limits).close()
    return ""


def _answered(world: World) -> str:
    """
    Probe: every front speaks HTTP; what it says is the business of what is deployed behind it.
    """
    import requests

    from .lib import target

    environment = world.settings.environment(SANDBOX_NAME)
    with requests.Session() as session:
        session.trust_env = False  # no proxy stands between this machine and itself
        for each in target.targets(world.settings, environment, world.root):
            session.get(each.front, timeout=environment.limits.connect)
    return ""


SANDBOX = Phase(
    number=2,
    name="host",
    closure=PHASE.closure,
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


TRUST = Phase(
    number=2,
    name="host",
    closure=PHASE.closure,
    purpose="Know an environment's hosts by their keys, so that nobody can pose as one of them.",
    prerequisites=(),
    procedure=("Ask each hop on the way for its key, show it, and write down what is agreed to.",),
    validation=(),
    troubleshooting=(),
    next=Next(closed="inv deploy --env={env} --plan", troubled="inv host.trust --env={env}"),
)

END = Phase(
    number=2,
    name="host",
    closure=PHASE.closure,
    purpose="End the sandbox.",
    prerequisites=(),
    procedure=("End every process that was started in it, and remove its files.",),
    validation=(),
    troubleshooting=(),
    next=Next(closed="inv host --env=sandbox", troubled="inv host.down --env=sandbox"),
)


@task(
    default=True,
    help={
        "env": "Environment to make; sandbox is a host on this machine, for trying things.",
        "check": "Only look whether the phase holds; change nothing.",
        "json": "Print one JSON document on standard output, everything else on standard error.",
    },
)
def host(c: Context, env: str = "", check: bool = False, json: bool = False) -> None:
    """Make an environment to work in, or with --env=sandbox hosts to deploy to."""
    if env != SANDBOX_NAME:
        later(PHASE, "scripts/setup && cp .env.example .env")
    world = World(_settings(c), project.root(c))
    run(SANDBOX, c, lambda: _start(world), world=world, check=check, as_json=json)


@task(help={"env": "Environment to end: only the sandbox can be."})
def down(c: Context, env: str = "") -> None:
    """Stop the sandbox: every process that was started in it, and its files."""
    if env != SANDBOX_NAME:
        raise Refused("Only the sandbox can be ended: `inv host.down --env=sandbox`.")
    world = World(_settings(c), project.root(c))
    run(END, c, lambda: _stop(world), world=world)


@task(
    help={
        "env": "Environment whose hosts are to be trusted; empty is the configuration's default.",
        "yes": "Trust what the hosts show without asking: on a network that you trust.",
        "replace": "Trust a key that has changed in the place of the one that was known.",
    }
)
def trust(c: Context, env: str = "", yes: bool = False, replace: bool = False) -> None:
    """Show the keys of an environment's hosts, ask, and write them to the project's known_hosts."""
    settings = _settings(c)
    environment = settings.environment(env)
    root = project.root(c)

    def procedure() -> Outcome:
        from .lib import ssh, target

        for each in target.targets(settings, environment, root):
            ssh.show_keys(
                each, environment.limits, _decider(target.known_hosts(root), yes, replace)
            )
        return Outcome()

    run(TRUST, c, procedure, fills={"env": environment.name})


def _settings(c: Context) -> Settings:
    from .lib import config

    return config.load(c)


def _start(world: World) -> Outcome:
    """Start the sandbox and say where it answers."""
    from .lib.sandbox import control

    hosts = control.start(world.settings, world.root)
    rows = [(each.name, each.front, each.ssh_port) for each in hosts]
    console.table(rows, ("host", "front", "ssh port"))
    if hosts[0].front_port != world.settings.sandbox.port:
        console.warn(f"port {world.settings.sandbox.port} is taken: {hosts[0].front} instead")
    return Outcome(detail={"hosts": {name: {"front": front} for name, front, _ in rows}})


def _stop(world: World) -> Outcome:
    from .lib.sandbox import control

    ended = control.stop(world.settings, world.root)
    console.say(f"The sandbox is gone: {ended} processes ended, its files removed.")
    return Outcome(detail={"processes": ended})


def _decider(file: Path, yes: bool, replace: bool) -> Callable[[Hop, Target, paramiko.PKey], None]:
    """Return what decides on one key: known ones pass, the others are shown and asked about."""
    from .lib import hostkeys, refusals

    def decide(hop: Hop, target: Target, key: paramiko.PKey) -> None:
        verdict = hostkeys.judge(target.known_hosts, hop.known_as, key)
        shown = f"{hop.known_as} shows {hostkeys.fingerprint(key)}"
        if verdict == hostkeys.KNOWN:
            console.say(f"{shown}: known.")
            return
        if verdict == hostkeys.CHANGED and not replace:
            raise refusals.changed(hop, target, key)
        console.say(f"{shown}: {verdict}.")
        if not (yes or _agreed(f"Is this the key of {hop.known_as}?")):
            raise NotClosed(f"{hop.known_as} is not trusted; compare its key and come back.")
        hostkeys.trust(file, hop.known_as, key)
        if hostkeys.judge(target.known_hosts, hop.known_as, key) != hostkeys.KNOWN:
            # Nothing outvotes a line that says @revoked.
            raise refusals.changed(hop, target, key)

    return decide


def _agreed(question: str) -> bool:
    """Ask; only a whole yes is one."""
    try:
        return input(f"{question} [yes/no] ").strip().lower() == "yes"
    except EOFError:
        raise Refused("There is nobody to ask; compare the keys above and add `--yes`.") from None
