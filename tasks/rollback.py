"""Step 7, rollback: safety closure."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from invoke.context import Context
from invoke.tasks import task

from .lib import probes, project
from .lib.errors import Refused
from .lib.phase import Check, Next, Outcome, Phase, Row, run

if TYPE_CHECKING:
    from .lib.settings import Environment, Settings
    from .lib.target import Target


class World(NamedTuple):
    """What a rollback rests on."""

    settings: Settings
    environment: Environment
    targets: tuple[Target, ...]
    root: Path
    reason: str
    approved_by: str
    release: str = ""


def _approved(world: World) -> str:
    if world.environment.approve and not world.approved_by:
        return f"{world.environment.name} wants to know who approved"
    return ""


def _reason(world: World) -> str:
    return "" if world.reason else "none is given"


PHASE = Phase(
    number=7,
    name="rollback",
    closure="Safety closure",
    purpose="Return every host to the last release that closed, as fast as a rename.",
    prerequisites=(
        Check("a reason for the journals", _reason, 'inv rollback --reason="..."', required=False),
        Check("the rollback is approved", _approved, "inv rollback --approved-by=NAME"),
    ),
    procedure=(
        "See the target, which is the newest release that closed on every host before the live"
        " one: `inv rollback --plan`.",
        "It has to be whole and healthy on each host before any is switched.",
        "All hosts switch at once; each front and the public address are asked.",
        "Watch until the error ratio is back to normal, and tell the team.",
        "Write down what went wrong and why it was rolled back, in the page that is drafted below"
        " docs/incidents/ (`inv rollback.incident` drafts one at any time), and commit it.",
        "Return to `inv lint` with what mends it: nothing was checked out, so you are on main.",
    ),
    validation=(
        Check("the health check answers 200", probes.health, "inv deploy.logs --env=ENV"),
        Check("the version is the release's", probes.version, "inv deploy.status --env=ENV"),
        Check("the key features work", probes.smoke, "inv monitor --env=ENV"),
        Check("every host serves the same release", probes.same, "inv rollback --env=ENV"),
    ),
    troubleshooting=(
        Row(
            "The rollback fails",
            "Put the older version up again as a release: `inv deploy --version=TAG --watch=0s`.",
            kinds=("start", "health", "verify", "damaged", "host", "run", "disk", "lost"),
        ),
        Row(
            "The database's schema does not fit",
            "Restore the backup that is named above, or write a before_rollback hook.",
            kinds=("schema", "hook"),
        ),
        Row(
            "There is no version to go back to",
            "See what was released: `inv deploy.history`, `git tag --sort=-version:refname`.",
            kinds=("no-target",),
        ),
        Row(
            "The trouble goes on after it",
            "Then it is not in the code: look at the database, the network and the hosts.",
            kinds=("infrastructure",),
        ),
        Row(
            "Nothing could be measured after it, or Prometheus is away",
            "Find where telemetry ends: `inv monitor.doctor`; ask the service: `inv monitor`.",
            kinds=("nodata",),
        ),
    ),
    next=Next(closed="inv monitor --env={env}", troubled="inv deploy.status --env={env}"),
)


def read(c: Context, env: str, watch: str, reason: str, approved_by: str) -> World:
    """Read the world; without an environment, that of the newest deploy in the journal.

    Where there is no address to watch there is no watch: a rollback isn't refused for that.
    """
    from .lib import config, console, duration, public, target

    root = project.root(c)
    settings = config.load(c)
    environment = settings.environment(env or _newest(root))
    if watch:
        environment = environment.but(watch=duration.parse(watch))
    elif environment.name == "sandbox":
        environment = environment.but(watch=0.0)
    targets = target.targets(settings, environment, root)
    if environment.watch and not public.urls(environment, targets):
        console.warn(
            f"environments.{environment.name} has no url, so nothing is watched afterwards"
        )
        environment = environment.but(watch=0.0)
    return World(settings, environment, targets, root, reason, approved_by)


def _newest(root: Path, task: str = "rollback") -> str:
    """Return the environment of the newest deploy that this clone's journal has."""
    from .lib import evidence, journal

    for entry in reversed(journal.read(journal.where(root))):
        if entry.get("phase") == "deploy" and entry.get("outcome") != "refused":
            if name := evidence.environment(entry):
                return name
    raise Refused(f"No deploy is in this clone's journal: say where, `inv {task} --env=NAME`.")


@task(
    default=True,
    help={
        "env": "where to roll back (default: that of the newest deploy here; it is asked for)",
        "to": "a release, version or commit that closed (default: the one before)",
        "reason": "why, for the journals",
        "watch": "how long to watch afterwards, such as 90s or 15m; 0s for not at all",
        "plan": "print what would be done, with a hash of what it rests on; change nothing",
        "yes": "don't ask; needs --env",
        "approved-by": "who approved it, for the journals",
        "keep-schema": "go back although migrations ran since and nothing takes them back",
        "check": "look only at what the environment serves now",
        "json": "print one JSON document on stdout, all else on stderr",
    },
)
def rollback(
    c: Context,
    env: str = "",
    to: str = "",
    reason: str = "",
    watch: str = "",
    plan: bool = False,
    yes: bool = False,
    approved_by: str = "",
    keep_schema: bool = False,
    check: bool = False,
    json: bool = False,
) -> None:
    """Return every host to the last release that closed.

    Example: inv rollback --env=production --reason="checkout answers 500"
    """
    begun, decided = time.monotonic(), time.time()
    seen: list[World] = []

    def world() -> World:
        seen.append(read(c, env, watch, reason, approved_by))
        return seen[0]

    def procedure() -> Outcome:
        rollout = _rollout(seen[0], to, keep_schema, decided)
        if plan:
            from .lib import asking

            planned = rollout.planned()
            asking.show(planned)
            again = rollout.again(planned.release)
            return Outcome(planned.document(), next=again, document=planned.document())
        return _rollback(seen[0], rollout, bool(env), yes, begun)

    from .lib.incident import after

    after.run(PHASE, c, procedure, world=world, plan=plan, check=check, as_json=json)


def _rollout(world: World, to: str, keep_schema: bool, begun: float) -> Any:
    from .lib.backward import Rollback
    from .lib.moment import iso

    said = {"reason": world.reason, "approved_by": world.approved_by}
    said = {key: value for key, value in said.items() if value}
    said["begun"] = iso(begun)
    where = (world.targets, world.root)
    return Rollback(world.settings, world.environment, *where, to, keep_schema, said)


def _rollback(world: World, rollout: Any, named: bool, yes: bool, begun: float) -> Outcome:
    from .lib import asking, console
    from .lib.notify.telling import told

    env = world.environment
    if env.confirm or not named:
        asking.confirm(env.name, f"Roll {env.name} back", named, yes)
    console.say(f"Rolling {env.name} back")
    with told(world.settings, env, rollout):
        detail = rollout.carry_out()
    watched = detail["watch"]["seconds"] if detail["watch"] else 0.0
    detail["total_seconds"] = round(time.monotonic() - begun - watched, 3)
    console.say(
        f"{env.name}: from {detail['from'] or 'nothing'} to {detail['to']} in"
        f" {detail['total_seconds']:.2f} s (start {detail['start_seconds']:.2f} s,"
        f" switch {detail['switch_seconds']:.3f} s)"
    )
    return Outcome(detail)


@task(
    optional=["issue"],
    help={
        "env": "where it happened (default: that of the newest deploy here)",
        "since": "from when on is looked at: so long ago, as 2h, or a time in UTC",
        "title": "what it is called (default: the rollback's reason)",
        "close": "the name of an incident: set its state to closed",
        "issue": "open a GitHub issue, too: of the page that is drafted, or --issue=NAME",
        "json": "print one JSON document on stdout, all else on stderr",
    },
)
def incident(
    c: Context,
    env: str = "",
    since: str = "",
    title: str = "",
    close: str = "",
    issue: Any = "",
    json: bool = False,
) -> None:
    """Draft the page of an incident: timeline, impact, commits, graphs and logs; or close one.

    Example: inv rollback.incident --env=production --title="No checkout"
    Example: inv rollback.incident --close=2026-11-25-no-checkout
    """

    def act() -> Outcome:
        from .lib import config
        from .lib.incident import command

        def where() -> str:
            return env or _newest(root, "rollback.incident")

        root, asked = project.root(c), command.Asked(since, title, close, issue)
        return command.carry_out(config.load(c), root, asked, where)

    run(PHASE.part("incident"), c, act, as_json=json, validate=False)
