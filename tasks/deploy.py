"""Step 6, deploy: production closure."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from invoke.context import Context
from invoke.tasks import task

from .lib import probes
from .lib.errors import Refused
from .lib.phase import Check, Next, Outcome, Phase, Row, run

if TYPE_CHECKING:
    from .lib.world import World

_gate = partial(partial, probes.gate)

PHASE = Phase(
    number=6,
    name="deploy",
    closure="Production closure",
    purpose="Put a release into service on every host, with no request lost and a way back.",
    prerequisites=(
        Check("lint closed for it", _gate("lint"), "inv lint"),
        Check("the tests closed for it", _gate("test"), "inv test"),
        Check("the release is tagged and pushed", _gate("release"), "git push --follow-tags"),
        Check("it has closed where it has to before", _gate("after"), "inv deploy --env=staging"),
        Check("a time that isn't frozen", _gate("freeze"), "wait until it is over."),
        Check("an error budget that isn't spent", _gate("budget"), "inv monitor --env=ENV"),
        Check("incidents that are closed", _gate("incident"), "inv deploy --fixes=INCIDENT"),
        Check("there is something to watch", probes.watchable, "inv deploy --watch=0s"),
        Check("the watch's Prometheus answers", probes.prometheus, "inv preaggregate --env=ENV"),
    ),
    procedure=(
        "Deploy to staging first: `inv deploy --env=staging`.",
        "Your SSH key is let in on every host; all are locked, and the release is prepared beside"
        " the live one.",
        "It has to start and be healthy before any user sees it; then all hosts switch at once.",
        "Each front and the public address answer health, version and smoke requests.",
        "The release is watched for `watch` (15 to 30 minutes); should it turn bad, every host goes"
        " back by itself, and the team is told either way.",
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
            "A gate refuses",
            "Mend what it names. What can't wait goes past it, and all are told:"
            ' `inv deploy --force --reason="…"`.',
            output=r"- (lint|the tests) closed for it:|- the release is tagged and pushed:"
            r"|- it has closed where|- a time that|- an error budget|- incidents that",
        ),
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
            "Nothing could be measured, or Prometheus is away",
            "Find where telemetry ends: `inv monitor.doctor`; `thresholds.nodata: pass` allows it.",
            kinds=("nodata",),
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


@task(
    default=True,
    help={
        "env": "where to deploy (default: the configuration's default_environment)",
        "version": "a tag, branch or commit (default: HEAD's newest tag, else HEAD)",
        "plan": "print what would be done, with a hash of what it rests on; change nothing",
        "watch": "how long to watch, such as 90s or 15m; 0s for not at all",
        "without": "hosts to leave out, with commas between them",
        "strategy": "which hosts first: all, canary:1, canary:10% or batch:2",
        "fixes": "the open incidents that this mends, with commas between",
        "force": "go past the gates that refuse; needs --reason, and is journalled and told",
        "reason": "why, for the journals",
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
    strategy: str = "",
    fixes: str = "",
    force: bool = False,
    reason: str = "",
    yes: bool = False,
    check: bool = False,
    json: bool = False,
) -> None:
    """Put a version into service on every host, watched, with a way back.

    Example: inv deploy --env=staging --version=v1.4.0 --plan
    """
    from .lib import deploying
    from .lib.world import read

    seen: list[World] = []

    def world() -> World:
        said = (env, version, watch, without, strategy)
        seen.append(read(c, *said, git=not check, past=(force, reason, fixes)))
        return seen[0]

    def procedure() -> Outcome:
        return deploying.plan(seen[0]) if plan else deploying.deploy(seen[0], bool(env), yes)

    from .lib.incident import after

    after.run(PHASE, c, procedure, world=world, plan=plan, check=check, as_json=json)


# Around the phase: what the hosts say, their logs, commands and environment files.

ENV = "which environment (default: the configuration's default_environment)"
JSON = "print one JSON document on stdout, all else on stderr"


def _around(
    c: Context,
    name: str,
    env: str,
    act: Callable[..., Outcome],
    json: bool = False,
    record: bool = False,
) -> None:
    """Do one of them; it fails as the phase does, with the same rows of the runbook."""
    from .lib.world import read

    own = PHASE.part(name)

    def procedure() -> Outcome:
        seen = read(c, env, git=False)
        return act(seen.targets, seen.environment)

    run(own, c, procedure, as_json=json, validate=False, record=record)


@task(help={"env": ENV, "json": JSON})
def status(c: Context, env: str = "", json: bool = False) -> None:
    """Show what each host serves, runs and has room for, and where that is not as it should be.

    Example: inv deploy.status --env=production
    """
    from .lib import status as about

    _around(c, "status", env, about.status, json)


@task(help={"env": ENV, "count": "how many of the newest runs", "json": JSON})
def history(c: Context, env: str = "", count: int = 20, json: bool = False) -> None:
    """Show what was done, when, by whom and why, from the journals of all hosts.

    Example: inv deploy.history --env=production --count=5
    """
    from .lib import history as about

    _around(c, "history", env, partial(about.history, count=count), json)


@task(
    help={
        "env": ENV,
        "host": "one host (default: all of them)",
        "process": "which of the release's processes",
        "release": "a release that is on the hosts (default: the live one)",
        "lines": "how many of the newest lines",
        "follow": "go on until Ctrl-C",
    }
)
def logs(
    c: Context,
    env: str = "",
    host: str = "",
    process: str = "web",
    release: str = "",
    lines: int = 100,
    follow: bool = False,
) -> None:
    """Show what the service logs, with the values of its environment file hidden.

    Example: inv deploy.logs --env=production --lines=50 --follow
    """
    from .lib import remote

    wanted = remote.Logs(process, release, lines, follow)
    _around(c, "logs", env, partial(remote.logs, wanted=wanted, host=host))


@task(name="run", help={"env": ENV})
def command(c: Context, env: str = "") -> None:
    """Run what follows `--` on every host, in the live release's directory and environment.

    Example: inv deploy.run --env=staging -- python --version
    """
    from .lib import remote

    argv = remote.words(sys.argv)
    _around(c, "run", env, partial(remote.command, argv=argv), record=True)


@task(
    help={
        "env": ENV,
        "push": "a file to make the hosts' environment file, for the next release",
        "rotated": "keys whose new values older releases get at a rollback, with commas between",
        "json": JSON,
    }
)
def env(c: Context, env: str = "", push: str = "", rotated: str = "", json: bool = False) -> None:
    """List the keys of the hosts' environment file, or push a new one; values are never shown.

    Example: inv deploy.env --env=staging --push=staging.env
    """
    from .lib import environment

    renewed = [key.strip() for key in rotated.split(",") if key.strip()]
    if not push:
        if renewed:
            raise Refused("--rotated says which keys of a pushed file are new: add `--push=FILE`.")
        return _around(c, "env", env, environment.keys, json)
    act = partial(environment.push, path=Path(push), rotated=renewed)
    _around(c, "env", env, act, json, record=True)
