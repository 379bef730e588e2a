"""What is about all of the circle: where it stands, a run of it, its figures, its runbook."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Callable

from invoke.context import Context
from invoke.tasks import task

from .lib import project
from .lib.phase import Next, Outcome, Phase, run

# No step of its own: what its tasks are told as, and the rows that fit all of them.
CIRCLE = Phase(
    number=0,
    name="circle",
    closure="The circle's closure",
    purpose="Make one whole of the ten phases.",
    prerequisites=(),
    procedure=(),
    validation=(),
    troubleshooting=(),
    next=Next(""),
)

JSON = "print one JSON document on stdout, all else on stderr"


def _told(c: Context, name: str, act: Callable[[], Outcome], json: bool = False) -> None:
    """Do one of them; nothing of it is journalled, as it proves nothing of a commit."""
    run(CIRCLE.part(name), c, act, as_json=json, validate=False, record=False)


@task(
    default=True,
    help={
        "version": "a tag, branch or commit (default: HEAD)",
        "env": "one environment (default: all that have hosts)",
        "json": JSON,
    },
)
def status(c: Context, version: str = "", env: str = "", json: bool = False) -> None:
    """Show where a commit stands: which phases closed, on which environments, and what is next.

    Example: inv circle.status --version=v1.4.0
    """

    def act() -> Outcome:
        from .lib import config
        from .lib.circle import seen, showing
        from .lib.circle import status as standing

        root, asking = project.root(c), showing.asking
        return standing.status(seen.read(config.load(c), root, version, env, asking))

    _told(c, "status", act, json)


@task(
    name="run",
    help={
        "env": "where to deploy (default: the configuration's default_environment)",
        "path": "a path of the configuration, such as feature or production-down",
        "from": "the phase to begin with",
        "to": "the phase to end with",
        "plan": "print what would be run and what already closed; change nothing",
        "yes": "don't ask; needs --env where an environment asks",
        "json": JSON,
    },
)
def go(
    c: Context,
    env: str = "",
    path: str = "",
    from_: str = "",
    to: str = "",
    plan: bool = False,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Run the circle for this commit, phase by phase, from where it stands.

    Example: inv circle.run --env=sandbox --plan
    """
    from .lib import config
    from .lib.circle import run as about
    from .lib.circle.looked import Asked
    from .lib.testing.choice import passed_on

    def act() -> Outcome:
        file = str(getattr(c.config, "_runtime_path", None) or "")
        asked = Asked(env, path, from_, to, yes, passed_on(), file)
        world = about.read(config.load(c), project.root(c), asked)
        return about.plan(world) if plan else about.carry_out(world)

    _told(c, "run", act, json)


@task(
    help={
        "since": "how far back, such as 30d or 90d",
        "env": "the environment that counts as production (default: the last in the order)",
        "html": "a file to write it to as a page",
        "json": JSON,
    }
)
def scorecard(
    c: Context, since: str = "90d", env: str = "", html: str = "", json: bool = False
) -> None:
    """Show the runbook's six figures against their targets, and DORA's four keys.

    Example: inv circle.scorecard --since=30d --html=scorecard.html
    """

    def act() -> Outcome:
        from .lib.scorecard import card

        return card.scorecard(c, since, env, html)

    _told(c, "scorecard", act, json)


@task(help={"check": "write nothing; fail where a page has drifted", "json": JSON})
def runbook(c: Context, check: bool = False, json: bool = False) -> None:
    """Write docs/RUNBOOK.md and the command reference from what the phases declare.

    Example: inv circle.runbook --check
    """

    def act() -> Outcome:
        from .lib import config, project
        from .lib.circle import pages

        return pages.carry_out(config.load(c), project.root(c), _anew(), check)

    _told(c, "runbook", act, json)


def _anew() -> ModuleType:
    """Return the circle as it was before Invoke read it, which takes the help out of the tasks."""
    kept = {
        name: module
        for name, module in sys.modules.items()
        if name.split(".")[0] == "tasks" and name.split(".")[1:2] != ["lib"]
    }
    for name in kept:
        del sys.modules[name]
    try:
        return import_module("tasks")
    finally:
        sys.modules.update(kept)


@task(
    positional=["directory"],
    help={
        "directory": "the repository to bring the recipes into, or to update them in",
        "name": "what the service is called (default: as its project)",
        "module": "its application, as package.module:object (default: found in its source)",
        "run": "the command that serves it, with {socket} or {fd} in it, in place of --module",
        "health": "a path that answers 200 when it can serve (default: found, or /)",
        "requirements": "files that name what it needs, with commas (default: found)",
        "packages": "what it needs beside those, with commas, such as whitenoise,psycopg",
        "staging": "user@host of each of staging's hosts, with commas",
        "production": "user@host of each of production's hosts, with commas",
        "yes": "don't ask; what is not said is as it was found",
        "plan": "print what would be written; change nothing",
        "json": JSON,
    },
)
def adopt(
    c: Context,
    directory: str,
    name: str = "",
    module: str = "",
    run: str = "",
    health: str = "",
    requirements: str = "",
    packages: str = "",
    staging: str = "",
    production: str = "",
    yes: bool = False,
    plan: bool = False,
    json: bool = False,
) -> None:
    """Bring the recipes into another repository, or update them there.

    Example: inv circle.adopt ../shop
    """

    def act() -> Outcome:
        from .lib.adopt import closure
        from .lib.adopt.answers import Given

        hosts = {"staging": staging, "production": production}
        given = Given(name, module, run, health, requirements, packages, hosts)
        ask = None if yes or json or not sys.stdin.isatty() else closure.ask
        return closure.adopt(project.root(c), directory, given, ask, plan)

    _told(c, "adopt", act, json)
