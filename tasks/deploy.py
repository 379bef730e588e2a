"""Step 6, deploy: production closure."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.context import Context
from invoke.tasks import task

from .lib import asking, console, probes, project
from .lib.errors import Refused
from .lib.phase import Check, Next, Outcome, Phase, Row, run

if TYPE_CHECKING:
    from .lib.settings import Environment, Settings
    from .lib.source import Source
    from .lib.target import Target


@dataclass(frozen=True)
class World:
    """What a deploy rests on: the configuration, the version in this clone, and the hosts."""

    settings: Settings
    environment: Environment
    targets: tuple[Target, ...]
    root: Path
    source: Source
    without: tuple[str, ...] = ()
    release: str = field(default="")


PHASE = Phase(
    number=6,
    name="deploy",
    closure="Production closure",
    purpose="Put a release into service on every host, with no request lost and a way back.",
    prerequisites=(
        Check("the release is tagged and pushed", probes.tagged, "git push --follow-tags"),
        Check(
            "it has closed where it has to before", probes.closed_before, "inv deploy --env=staging"
        ),
        Check("there is something to watch", probes.watchable, "inv deploy --watch=0s"),
    ),
    procedure=(
        "Deploy to staging first: `inv deploy --env=staging`.",
        "Every host is locked, and the release is prepared beside the live one.",
        "It has to start and be healthy before any user sees it; then all hosts switch at once.",
        "Each front and the public address answer health, version and smoke requests.",
        "The release is watched; should it turn bad, every host goes back by itself.",
        "When staging has closed, deploy to production: `inv deploy --env=production`.",
    ),
    validation=(
        Check("the health check answers 200", probes.health, "inv deploy.logs --env=ENV"),
        Check("the version is the release's", probes.version, "inv deploy.status --env=ENV"),
        Check("the key features work", probes.smoke, "inv rollback --env=ENV"),
        Check("every host serves the same release", probes.same, "inv deploy --env=ENV"),
    ),
    troubleshooting=(
        Row(
            "The deployment fails",
            "Read what the failed step printed above, then the host's log: `inv deploy.logs`.",
            kinds=("start", "hook", "venv", "upload", "host", "run", "lost", "disk", "protocol"),
        ),
        Row(
            "The health check fails",
            "See that the variables which the service needs are set: `inv deploy.env`.",
            kinds=("health", "verify", "start"),
        ),
        Row(
            "The error ratio is high",
            "Roll back at once where the hosts have not gone back by themselves: `inv rollback`.",
            kinds=("watch",),
            output=r"error ratio",
        ),
        Row(
            "It answers slowly",
            "Look at the load and the memory of the hosts, printed above; add hosts or room.",
            output=r"p95|not healthy after|timed? ?out",
        ),
        Row(
            "A host refuses the login",
            "See that your key is on it and loaded: `ssh-add -l`, then `ssh USER@HOST`.",
            kinds=("auth",),
        ),
        Row(
            "pip can't make the virtual environment",
            "The host needs venv, headers and a way to the registry: `apt install python3-venv`.",
            kinds=("venv",),
        ),
    ),
    next=Next(closed="inv monitor --env={env}", troubled="inv deploy.status --env={env}"),
)


def read(
    c: Context, env: str, version: str = "", watch: str = "", without: str = "", git: bool = True
) -> World:
    """Read the world: configuration, clone and hosts. Changes nothing. Raises Refused."""
    from .lib import config, duration, source, target

    root = project.root(c)
    settings = config.load(c)
    environment = settings.environment(env)
    if watch:
        environment = _structured(environment, watch=duration.parse(watch))
    targets = target.targets(settings, environment, root)
    left_out = tuple(name for name in without.split(",") if name)
    unknown = sorted(set(left_out) - {each.name for each in targets})
    if unknown or len(set(left_out)) == len(targets):
        names = ", ".join(each.name for each in targets)
        raise Refused(f"--without names some of the hosts of {environment.name}: {names}.")
    targets = tuple(each for each in targets if each.name not in left_out)
    found = source.resolve(root, version) if git else source.Source("", "", "", False, (), "")
    return World(settings, environment, targets, root, found, left_out)


def _structured(environment: Environment, **changes: Any) -> Environment:
    import msgspec

    return msgspec.structs.replace(environment, **changes)


@task(
    default=True,
    help={
        "env": "where to deploy (default: the configuration's default_environment)",
        "version": "a tag, branch or commit (default: HEAD's newest tag, else HEAD)",
        "plan": "print what would be done, with a hash of what it rests on; change nothing",
        "watch": "how long to watch, such as 90s or 15m; 0s for not at all",
        "without": "hosts to leave out, with commas between them",
        "yes": "don't ask; needs --env where the environment asks",
        "check": "look only at what the environment serves now",
        "json": "print one JSON document on stdout, all else on stderr",
    },
)
def deploy(
    c: Context,
    env: str = "",
    version: str = "",
    plan: bool = False,
    watch: str = "",
    without: str = "",
    yes: bool = False,
    check: bool = False,
    json: bool = False,
) -> None:
    """Put a version into service on every host, watched, with a way back."""
    seen: list[World] = []

    def world() -> World:
        seen.append(read(c, env, version, watch, without, git=not check))
        return seen[0]

    def procedure() -> Outcome:
        return _plan(seen[0]) if plan else _deploy(seen[0], bool(env), yes)

    run(
        PHASE, c, procedure, world=world, check=check, as_json=json, validate=False, record=not plan
    )


def _rollout(world: World) -> Any:
    """Return a context manager that gives the Deploy with its parcel open."""
    import contextlib

    from .lib.forward import Deploy
    from .lib.parcel import Parcel

    @contextlib.contextmanager
    def opened() -> Any:
        env = world.environment
        with Parcel(world.root, world.source, env.include, env.directory) as parcel:
            said = {"without": list(world.without)} if world.without else {}
            settings, where = world.settings, (world.targets, world.root)
            yield Deploy(settings, env, *where, world.source, parcel, said)

    return opened()


def _tell(world: World) -> None:
    if world.source.dirty:
        paths = ", ".join(world.source.dirty[:3]) + (", …" if len(world.source.dirty) > 3 else "")
        console.warn(f"changes that are not committed are not deployed: {paths}")
    if world.environment.schema == "breaking":
        console.warn("schema: breaking: once it is live this release is not switched back")


def _plan(world: World) -> Outcome:
    _tell(world)
    with _rollout(world) as rollout:
        planned = rollout.planned()
    asking.show(planned)
    again = f"inv deploy --env={world.environment.name} --version={world.source.version}"
    return Outcome(planned.document(), next=again, document=planned.document())


def _deploy(world: World, named: bool, yes: bool) -> Outcome:
    _tell(world)
    env, source = world.environment, world.source
    if env.confirm:
        asking.confirm(env.name, f"Deploy {source.version} to {env.name}", named, yes)
    console.say(f"Deploying {source.version} ({source.commit[:7]}) to {env.name}")
    with _rollout(world) as rollout:
        detail = rollout.carry_out()
    watched = detail["watch"]["seconds"] if detail["watch"] else 0.0
    console.say(
        f"{detail['release']} is live on {len(detail['hosts'])} host(s)"
        f" after {sum(detail['steps'].values()) - watched:.2f} s"
        + (f" and {watched:.0f} s of watching" if watched else "")
    )
    return Outcome(detail, world=dataclasses.replace(world, release=detail["release"]))
