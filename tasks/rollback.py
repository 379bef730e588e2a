"""Step 7, rollback: safety closure."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from .lib.phase import Check, Next, Phase, Row, later, unbuilt

PHASE = Phase(
    number=7,
    name="rollback",
    closure="Safety closure",
    purpose="Return to the release that was last known to be good, fast, and think afterwards.",
    prerequisites=(
        Check("something is wrong with what was deployed", unbuilt, "inv monitor", required=False),
        # The page's `git describe HEAD^` names the last tag, which need not have worked anywhere.
        Check("a release has closed there before", unbuilt, "inv deploy.history"),
        Check("whoever has to approve has approved", unbuilt, "inv rollback --approved-by=NAME"),
    ),
    procedure=(
        "Find the release that closed last before the current one, on every host.",
        "Write down what is rolled back from, for the report.",
        "See that the target starts healthy, then switch every host to it.",
        "Request /api/health and /api/version through each host's own front.",
        "Watch for 15 minutes that errors return to what is usual.",
        "Tell the team, and write a report of what went wrong.",
    ),
    validation=(
        Check("/api/version is the earlier release's", unbuilt, "inv deploy.status"),
        Check("errors are back to what is usual", unbuilt, "inv monitor"),
        Check("/api/health answers 200", unbuilt, "inv deploy.logs"),
    ),
    troubleshooting=(
        Row(
            # There is no image here: what a host has kept is a complete release, ready to start.
            "The rollback fails",
            "Name another closed release: `inv deploy.history`, then `inv rollback --to=RELEASE`.",
            kinds=("start", "damaged", "health"),
        ),
        Row(
            "The database's schema doesn't fit the earlier release",
            "Restore the backup that is named above, or go on with `--keep-schema`.",
            kinds=("schema",),
        ),
        Row(
            "No stable release can be determined",
            "Deploy a version that you know to be good: `inv deploy --version=vX.Y.Z`.",
            kinds=("target",),
        ),
        Row(
            "The trouble goes on after the rollback",
            "It is in the infrastructure, not in the code: look at hosts, database and network.",
            kinds=("errors", "slow"),
        ),
    ),
    next=Next(closed="inv monitor --env={env}", troubled="inv deploy.status --env={env}"),
)


@task(
    default=True,
    help={"env": "Environment to roll back; empty is that of the newest deploy."},
)
def rollback(c: Context, env: str = "") -> None:
    """Return an environment to the release that closed there before."""
    later(PHASE, "git checkout vX.Y.Z && python -m uvicorn server.main:app")
