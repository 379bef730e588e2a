"""Step 6, deploy: production closure."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from .lib.phase import Check, Next, Phase, Row, later, unbuilt

PHASE = Phase(
    number=6,
    name="deploy",
    closure="Production closure",
    purpose="Bring a release to where its users are, so that they notice nothing but what is new.",
    prerequisites=(
        Check("the release is tagged and pushed", unbuilt, "inv release"),
        Check("the version has closed in staging", unbuilt, "inv deploy --env=staging"),
        Check("the hosts let us in", unbuilt, "inv host.trust --env=staging"),
    ),
    procedure=(
        "Deploy to staging first: `inv deploy --env=staging`.",
        "Follow the steps as they are told, host by host.",
        "Request /api/health, the version and the smoke paths through each host's own front.",
        "Watch the error ratio and the latency for 15 to 30 minutes.",
        "Deploy to production when staging is stable: `inv deploy --env=production`.",
        "See that production is healthy, and look at response times, errors and connections.",
        "Tell the team.",
    ),
    validation=(
        Check("/api/health answers 200", unbuilt, "inv deploy.logs"),
        # The page prints the version with jq and compares it with nothing.
        Check("/api/version is the release's", unbuilt, "inv deploy.status"),
        Check("the smoke requests are answered as expected", unbuilt, "inv deploy.logs"),
    ),
    troubleshooting=(
        Row(
            "The deploy fails",
            "Read the release's last lines: `inv deploy.logs`.",
            kinds=("start", "hook", "stage"),
        ),
        Row(
            "The health check fails",
            "See that the required variables are set: `inv deploy.env` shows their names.",
            kinds=("health",),
        ),
        Row("The error ratio is high", "Roll back at once: `inv rollback`.", kinds=("errors",)),
        Row(
            "Responses are slow",
            "Look at each host's load and memory: `inv deploy.status`.",
            kinds=("slow", "disk", "memory"),
        ),
    ),
    next=Next(closed="inv monitor --env={env}", troubled="inv rollback --env={env}"),
)


@task(
    default=True,
    help={"env": "Environment to deploy to; empty is the configuration's default."},
)
def deploy(c: Context, env: str = "") -> None:
    """Bring a release into an environment, on all its hosts or on none."""
    later(PHASE, "git checkout vX.Y.Z && python -m uvicorn server.main:app")
