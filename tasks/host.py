"""Step 2, host: environment closure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

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


@task(
    default=True,
    help={
        "env": "Environment to make: sandbox is a host on this machine, others are servers.",
        "plan": "Show what would be changed on the servers; change nothing.",
        "check": "Only look whether the phase holds; change nothing.",
        "admin": "Who logs in to prepare the servers; empty is server.admin.",
        "json": "Print one JSON document on standard output, everything else on standard error.",
    },
)
def host(
    c: Context,
    env: str = "",
    plan: bool = False,
    check: bool = False,
    admin: str = "",
    json: bool = False,
) -> None:
    """Make an environment to work in, hosts to try deploys on, or servers to deploy to."""
    if not env:
        later(PHASE, "scripts/setup && cp .env.example .env")
    settings = _settings(c)
    if env == SANDBOX_NAME and not settings.environment(env).hosts:
        _sandbox(c, settings, plan or bool(admin), check, json)
        return
    from .lib.server import closure

    def seen() -> closure.World:
        return closure.read(settings, env, project.root(c), admin)

    def procedure() -> Outcome:
        act = closure.check if check else closure.plan if plan else closure.prepare
        return act(seen())

    reads = plan or check
    run(closure.PHASE, c, procedure, world=seen, as_json=json, validate=not reads, record=not reads)


def _sandbox(c: Context, settings: Settings, servers_only: bool, check: bool, json: bool) -> None:
    from .lib.sandbox import closure

    if servers_only:
        raise Refused("--plan and --admin are for servers; run `inv host --env=sandbox`.")
    world = closure.World(settings, project.root(c))
    run(closure.PHASE, c, lambda: closure.start(world), world=world, check=check, as_json=json)


@task(help={"env": "Environment to end: only the sandbox can be."})
def down(c: Context, env: str = "") -> None:
    """Stop the sandbox: every process that was started in it, and its files."""
    if env != SANDBOX_NAME:
        raise Refused("Only the sandbox can be ended: `inv host.down --env=sandbox`.")
    from .lib.sandbox import closure

    world = closure.World(_settings(c), project.root(c))
    run(closure.END, c, lambda: closure.stop(world), world=world)


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
