"""Step 2, host: environment closure."""

from __future__ import annotations

import sys
from functools import cache, partial
from typing import TYPE_CHECKING

from invoke.context import Context
from invoke.tasks import task

from .lib import project
from .lib.errors import Refused
from .lib.phase import Check, Next, Outcome, Phase, Row, probe, run

if TYPE_CHECKING:
    from .lib.developer.world import World
    from .lib.settings import Settings

_holds = partial(probe, "developer.checks")

PHASE = Phase(
    number=2,
    name="host",
    closure="Environment closure",
    purpose="Make an environment to develop in that is apart from others and the same everywhere.",
    prerequisites=(
        Check(
            "Python 3.11 or newer, with venv",
            _holds("python"),
            "install it (Debian, Ubuntu: apt install python3-venv), or name another as in "
            "`PYTHON=python3.12 inv host`.",
        ),
        Check(".venv can be used", _holds("usable"), "inv host --recreate"),
        Check("a lock to install", _holds("lock"), "name one in invoke.yaml: host.requirements."),
        Check(".env can be read", _holds("readable"), "ls -ld .env .env.example"),
        Check("a stack that can be started", _holds("startable"), "inv host"),
        Check("a clone of the repository", _holds("clone"), "git status", required=False),
    ),
    procedure=(
        "Make .venv, with pip as it is locked, and install what is locked: `inv host`.",
        "Activate it: `source .venv/bin/activate` (Windows: `.venv\\Scripts\\activate`).",
        "Fill in .env, which is made of .env.example: its secrets stay on this machine.",
        "Start the services beside it (optional): `inv host --stack`.",
        "Serve, again after each change: `inv host.serve`.",
    ),
    validation=(
        Check(".venv is there and can be used", _holds("made"), "inv host --recreate"),
        Check("Python is 3.11 or newer", _holds("recent"), "PYTHON=python3.12 inv host --recreate"),
        Check("pip is the one that is locked", _holds("pip"), "inv host"),
        Check("what is locked is installed", _holds("installed"), "inv host"),
        Check(".env is there", _holds("env"), "inv host"),
        Check(".env is private", _holds("private"), "chmod 600 .env", required=False),
        Check(".env is clear", _holds("clear"), "correct it in .env.", required=False),
        Check("each key of .env.example is there", _holds("complete"), "inv host", required=False),
        Check("what is required has a value", _holds("required"), "fill it in, in .env."),
        Check(
            "every other key has a value", _holds("valued"), "fill it in, in .env.", required=False
        ),
        Check("values have their form", _holds("formed"), "correct it in .env."),
        Check(
            "the services beside it, where there are any, are up",
            _holds("up"),
            "inv host --stack",
            required=False,
        ),
    ),
    troubleshooting=(
        Row(
            "It is the wrong Python",
            "Name it (`PYTHON=python3.11 inv host --recreate`) or put it first in PATH.",
            output=r"is of Python|is Python \d|doesn't run|has no venv module",
        ),
        Row(
            "A package can't be built",
            "It may need a compiler and headers: `apt install build-essential python3-dev`.",
            kinds=("build",),
        ),
        Row(
            "The package index can't be reached",
            "See PIP_INDEX_URL, HTTPS_PROXY and `pip config list`.",
            kinds=("network",),
        ),
        Row(
            "A package fits no hash of its lock",
            "It isn't what was looked at: don't install it; ask who changed the index or the lock.",
            kinds=("hash",),
        ),
        Row(
            "The service wants other versions than inv",
            "Compile its lock with `-c requirements.txt`, or install inv in an environment apart.",
            kinds=("conflict",),
        ),
        Row("The disk is full", "Make room: `df -h .`, `pip cache purge`.", kinds=("disk",)),
        Row(
            "Docker doesn't start",
            "See what its daemon says: `systemctl status docker`.",
            kinds=("docker",),
            output=r"[Dd]ocker's daemon|Docker (Compose )?is not installed",
        ),
        Row(
            "There is no .env, or it can't be read",
            "`inv host` makes it of .env.example; fill it in.",
            kinds=("env",),
            output=r"\.env\b",
        ),
    ),
    next=Next(closed="inv test", troubled="inv host"),
)

SANDBOX_NAME = "sandbox"


TRUST = Phase(
    number=2,
    name="host.trust",
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
        "recreate": "Make .venv anew; without --env.",
        "stack": "Start the services of docker-compose.yml, too, and wait for them; without --env.",
        "json": "Print one JSON document on standard output, everything else on standard error.",
    },
)
def host(
    c: Context,
    env: str = "",
    plan: bool = False,
    check: bool = False,
    admin: str = "",
    recreate: bool = False,
    stack: bool = False,
    json: bool = False,
) -> None:
    """Make an environment to work in, hosts to try deploys on, or servers to deploy to.

    Example: inv host --env=sandbox
    """
    settings = _settings(c)
    if not env:
        if plan or admin:
            raise Refused("--plan and --admin are for servers: add `--env=` with a name.")
        _developer(c, settings, recreate, stack, check, json)
        return
    if recreate or stack:
        raise Refused("--recreate and --stack are for this machine: leave `--env` out.")
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


def _developer(
    c: Context, settings: Settings, recreate: bool, stack: bool, check: bool, json: bool
) -> None:
    from .lib import asking
    from .lib.developer import closure

    @cache
    def seen() -> World:
        return closure.read(settings, project.root(c), recreate, stack and not check, check)

    asks = asking.offered if sys.stdin.isatty() and not json else None
    run(PHASE, c, lambda: closure.prepare(seen(), asks), world=seen, check=check, as_json=json)


def _sandbox(c: Context, settings: Settings, servers_only: bool, check: bool, json: bool) -> None:
    from .lib.sandbox import closure

    if servers_only:
        raise Refused("--plan and --admin are for servers; run `inv host --env=sandbox`.")
    world = closure.World(settings, project.root(c))
    run(closure.PHASE, c, lambda: closure.start(world), world=world, check=check, as_json=json)


@task(help={"port": "Port to serve at; 0 is host.port of the configuration."})
def serve(c: Context, port: int = 0) -> None:
    """Serve on this machine with .env, again after each change, until Ctrl-C.

    Example: inv host.serve --port=8001
    """
    settings = _settings(c)
    own = PHASE.part("serve")

    def procedure() -> Outcome:
        from .lib.developer import serving

        directory = settings.environment(SANDBOX_NAME).directory
        serving.serve(settings.host, port, project.root(c), directory)
        return Outcome()

    run(own, c, procedure, record=False)


@task(help={"env": "Environment to end: only the sandbox can be."})
def down(c: Context, env: str = "") -> None:
    """Stop the sandbox: every process that was started in it, and its files.

    Example: inv host.down --env=sandbox
    """
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
    """Show the keys of an environment's hosts, ask, and write them to the project's known_hosts.

    Example: inv host.trust --env=staging
    """
    settings = _settings(c)
    environment = settings.environment(env)
    root = project.root(c)

    def procedure() -> Outcome:
        from .lib import ssh, target, vouching

        stack = target.stack_host(environment, root)
        hosts = target.targets(settings, environment, root) + ((stack,) if stack else ())
        for each in hosts:
            decide = vouching.decider(target.known_hosts(root), yes, replace)
            ssh.show_keys(each, environment.limits, decide)
        return Outcome()

    run(TRUST, c, procedure, fills={"env": environment.name})


def _settings(c: Context) -> Settings:
    from .lib import config

    return config.load(c)
