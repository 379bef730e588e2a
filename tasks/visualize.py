"""Step 9, visualize: insight closure."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Callable

from invoke.context import Context
from invoke.tasks import task

from .lib import project
from .lib.phase import Check, Next, Outcome, Phase, Row, probe, run

if TYPE_CHECKING:
    from .lib.visualize.world import World

_rests = partial(probe, "visualize.world")
_holds = partial(probe, "visualize.closure")

PHASE = Phase(
    number=9,
    name="visualize",
    closure="Insight closure",
    purpose="Turn measurements into pictures that somebody can decide by.",
    prerequisites=(
        Check("metrics arrive", _rests("metrics"), "inv preaggregate"),
        Check("Grafana answers", _rests("reachable"), "inv preaggregate"),
        Check("there are dashboards to load", _rests("templates"), "git restore grafana"),
    ),
    procedure=(
        # The page logs in as admin/admin: a password that everybody knows is none.
        "Log in to Grafana with the password that .env holds as GRAFANA_ADMIN_PASSWORD.",
        # The page adds it by hand: grafana/provisioning/ has it, where it can be reviewed.
        "See that Prometheus (http://prometheus:9090, as the containers see it) is a data source.",
        # The page uploads the files: Grafana loads and reloads them by itself.
        "See that each dashboard of grafana/dashboards/ is loaded: `inv visualize`.",
        "Draw what is missing in Grafana, then keep it: `inv visualize.save UID`.",
        "Keep one folder a role: sre (uptime, errors, latency), developer (builds, tests), "
        "business (use, conversions).",
        "See that they refresh, every 30 seconds or every minute.",
        "Share the links that `inv visualize` prints, or a period as one file: "
        "`inv visualize.report --since=24h`.",
    ),
    validation=(
        Check("every dashboard loads", _holds("loads"), "inv visualize"),
        Check("every panel has data", _holds("has_data"), "inv visualize.check"),
        Check("answers are quick and new", _holds("in_time"), "inv visualize.check"),
        Check(
            "the range reaches to now, and refreshes",
            _holds("reaches"),
            "inv visualize.save UID",
            required=False,
        ),
        Check(
            "the bounds that are drawn are those that count",
            _holds("bounds"),
            "Set the panel's thresholds to those of invoke.yaml.",
            required=False,
        ),
    ),
    troubleshooting=(
        Row(
            "Panels have no data",
            "Look at the connection of Prometheus's data source (Connections → Data sources → Save "
            "& test), then walk the way of the data: `inv monitor.doctor`.",
            kinds=("source", "prometheus"),
            output=r"no data",
        ),
        Row(
            "A query fails",
            "Correct its PromQL: Prometheus's own page says where the syntax is wrong, "
            "`inv visualize.check` asks all of them anew.",
            output=r"parse error|bad_data|failed,|stands for nothing",
        ),
        Row(
            "A dashboard is slow",
            "Shorten its range, or ask for a recording rule in place of a raw expression.",
            output=r"timed? ?out|: slow,",
        ),
        Row(
            "Panels show old data",
            "Look at the refresh setting, and at whether the clocks agree.",
            output=r"stale",
        ),
    ),
    next=Next(closed="inv alert", troubled="inv monitor --env={env}"),
)

ENV = "Environment to show; empty is the configuration's default, else what this machine serves."
JSON = "Print one JSON document on standard output, everything else on standard error."


def _run(
    c: Context,
    phase: Phase,
    env: str,
    look: Callable[[World], World],
    act: Callable[[World], Outcome],
    through: bool,
    check: bool,
    json: bool,
) -> None:
    """Run one of this phase's tasks: read the world, look once what it rests on holds, act."""
    from .lib import config
    from .lib.visualize import world

    seen: list[World] = []

    def read() -> World:
        found = world.read(config.load(c), project.root(c), env, through)
        seen.append(look(found) if check else found)
        return seen[0]

    run(phase, c, lambda: act(look(seen[0])), world=read, check=check, as_json=json)


@task(
    default=True,
    help={
        "env": ENV,
        "open": "Show the dashboards in a browser.",
        "check": "Only look whether the phase holds; change nothing.",
        "json": JSON,
    },
)
def visualize(
    c: Context, env: str = "", open: bool = False, check: bool = False, json: bool = False
) -> None:
    """See that Grafana has every dashboard, and that every panel has data.

    Example: inv visualize --env=staging --open
    """
    from .lib.visualize import closure

    _run(
        c,
        PHASE,
        env,
        closure.looked,
        lambda world: closure.visualize(world, open),
        through=True,
        check=check,
        json=json,
    )


@task(name="check", help={"env": ENV, "json": JSON})
def without(c: Context, env: str = "", json: bool = False) -> None:
    """Ask Prometheus itself all that the dashboards' files ask, without Grafana.

    Example: inv visualize.check --env=production
    """
    from .lib.visualize import closure

    phase = PHASE.part(
        "check",
        prerequisites=(PHASE.prerequisites[0], PHASE.prerequisites[2]),
        validation=PHASE.validation,
        next=Next("inv visualize", "inv monitor --env={env}"),
    )
    _run(c, phase, env, closure.checked, closure.visualize, through=False, check=False, json=json)


@task(
    positional=["uid"],
    help={
        "uid": "The dashboard's uid: in its address after /d/.",
        "role": "The folder of one that has no file yet, such as sre (default: as in Grafana).",
        "env": ENV,
        "json": JSON,
    },
)
def save(c: Context, uid: str, role: str = "", env: str = "", json: bool = False) -> None:
    """Bring a dashboard that was made in Grafana into grafana/dashboards/.

    Example: inv visualize.save checkout-funnel --role=sre
    """
    from .lib.visualize import saving

    phase = PHASE.part(
        "save",
        prerequisites=PHASE.prerequisites[1:2],
        next=Next("inv visualize.check", "inv visualize"),
    )
    _run(
        c,
        phase,
        env,
        lambda world: world,
        lambda world: saving.save(world, uid, role),
        through=True,
        check=False,
        json=json,
    )


@task(
    help={
        "since": "Where it begins: so long ago, as 24h or 7d, or a time in UTC, 2026-11-25T14:00.",
        "until": "Where it ends, written the same (default: now).",
        "env": ENV,
        "file": "Where to write it (default: in .circle/reports/).",
        "open": "Show it in a browser.",
        "json": JSON,
    },
)
def report(
    c: Context,
    since: str = "24h",
    until: str = "",
    env: str = "",
    file: str = "",
    open: bool = False,
    json: bool = False,
) -> None:
    """Write the SRE's view of a period to one HTML file, for a mail or an incident's page.

    Example: inv visualize.report --since=24h --file=report.html
    """
    from time import time

    from .lib.visualize import period
    from .lib.visualize import report as writing

    phase = PHASE.part("report", next=Next("inv alert"))

    def act(world: World) -> Outcome:
        return writing.report(world, period.span(since, until, time()), file, open)

    _run(c, phase, env, lambda world: world, act, through=False, check=False, json=json)
