"""Step 9, visualize: insight closure."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from .lib.phase import Check, Next, Phase, Row, later, unbuilt

PHASE = Phase(
    number=9,
    name="visualize",
    closure="Insight closure",
    purpose="Turn measurements into pictures that somebody can decide by.",
    prerequisites=(
        Check("metrics arrive", unbuilt, "inv monitor --check"),
        Check("Grafana answers", unbuilt, "docker compose up --detach --wait grafana"),
        Check("there are dashboards to load", unbuilt, "git status grafana", required=False),
    ),
    procedure=(
        # The page logs in as admin/admin: a password that everybody knows is none.
        "Log in to Grafana with the password that .env holds as GRAFANA_ADMIN_PASSWORD.",
        "See that Prometheus (http://prometheus:9090, as the containers see it) is provisioned.",
        "Load the dashboards from their files, so that they can be reviewed like code.",
        "Draw what is missing: a query, a kind of graph, a range of time.",
        "Keep one folder a role: developer (builds, tests), operator (uptime, errors, latency), "
        "business (use, conversions).",
        "Let them refresh every 30 seconds.",
        "Share the links where the team looks.",
    ),
    validation=(
        Check("every dashboard loads", unbuilt, "inv visualize"),
        Check("every panel's query has an answer", unbuilt, "inv preaggregate --check"),
        Check("the range of time reaches to now", unbuilt, "inv visualize", required=False),
    ),
    troubleshooting=(
        Row(
            "Panels have no data",
            "Test the Prometheus data source in Grafana's settings.",
            output=r"no data|nodata|empty",
        ),
        Row(
            "A query fails",
            "Try it in Prometheus first: its page says where the syntax is wrong.",
            output=r"parse error|bad_data",
        ),
        Row(
            "A dashboard is slow",
            "Shorten its range, or ask for a recording rule in place of a raw expression.",
            output=r"timed? ?out",
        ),
        Row(
            "Panels show old data",
            "Look at the refresh setting, and at whether the clocks agree.",
            output=r"stale",
        ),
    ),
    next=Next(closed="inv alert", troubled="inv monitor --env={env}"),
)


@task(
    default=True,
    help={
        "env": "Environment to show; empty is the configuration's default.",
        "check": "Only look whether the phase holds; change nothing.",
    },
)
def visualize(c: Context, env: str = "", check: bool = False) -> None:
    """Load the dashboards and see that every panel has data."""
    later(PHASE, "curl --fail http://localhost:3000/api/health")
