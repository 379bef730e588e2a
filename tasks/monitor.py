"""Step 8, monitor: awareness closure."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from . import preaggregate
from .lib import project
from .lib.phase import Check, Next, Outcome, Phase, Row, later, run, unbuilt

PHASE = Phase(
    number=8,
    name="monitor",
    closure="Awareness closure",
    purpose="Know at any time how the service does, and notice when that changes.",
    prerequisites=(
        Check("the service is deployed and running", unbuilt, "inv deploy.status"),
        Check("the telemetry stack is running", unbuilt, "inv preaggregate"),
        Check("there are dashboards", unbuilt, "inv visualize", required=False),
    ),
    procedure=(
        "Open Prometheus (port 9090) and Grafana (port 3000).",
        "Look at the request rate, the error ratio (below 1 %), the latency (p50, p95, p99), "
        "the processor and the memory.",
        # With --follow, as the page has it, the command never ends.
        "Read the recent log: `inv deploy.logs`.",
        "Ask the service itself: /api/health and /api/metrics.",
        "See that the alert rules are loaded, so that somebody is told when nobody looks.",
        "Go through the night's events in the morning and the day's in the evening.",
        "Write down what was unusual, for whoever looks into it.",
    ),
    validation=(
        Check("/api/metrics answers", unbuilt, "curl --fail http://localhost:8000/api/metrics"),
        Check(
            # In a URL, curl takes the braces for a pattern of its own, so the query is encoded.
            "Prometheus scrapes the service",
            unbuilt,
            "curl --fail --get http://localhost:9090/api/v1/query "
            "--data-urlencode 'query=up{job=\"pi-forge\"} == 1'",
        ),
        # Counting the lines with `grep | wc -l`, as the page does, succeeds whatever the count is.
        Check("the log has no critical errors", unbuilt, "inv deploy.logs"),
    ),
    troubleshooting=(
        Row(
            "Metrics don't appear",
            "See that the collector runs and what it is configured to receive.",
            output=r"no data|nodata|empty",
        ),
        Row(
            "The dashboards are empty",
            "See that Grafana has Prometheus as a data source.",
            output=r"data ?source",
        ),
        Row(
            "The error ratio is high",
            "Look into the log; if it began with a deploy, `inv rollback`.",
            kinds=("errors",),
            output=r"error[ _]ratio",
        ),
        Row(
            "Data points are missing",
            "Compare the scrape interval with the range asked for, and look at the retention.",
            output=r"stale|missing points",
        ),
    ),
    next=Next(closed="inv visualize", troubled="inv rollback --env={env}"),
)


@task(
    default=True,
    help={
        "env": "Environment to look at; empty is the configuration's default.",
        "check": "Only look whether the phase holds; change nothing.",
    },
)
def monitor(c: Context, env: str = "", check: bool = False) -> None:
    """Show how the service does: errors, latency, traffic, resources."""
    later(PHASE, "inv deploy.status")


@task(
    help={
        "env": "Environment to walk through; empty is the configuration's default, local is the "
        "service on this machine.",
        "json": "Print one JSON document on standard output, everything else on standard error.",
    }
)
def doctor(c: Context, env: str = "", json: bool = False) -> None:
    """Walk from the service to Grafana and Alertmanager; name the first hop that is broken."""
    own = preaggregate.PHASE._replace(name="monitor.doctor", prerequisites=(), validation=())
    own = own._replace(
        number=PHASE.number, next=Next("inv monitor --env={env}", "inv preaggregate")
    )

    def procedure() -> Outcome:
        from .lib import config
        from .lib.telemetry import doctor, flows

        settings = config.load(c)
        flow = flows.of(settings, env or settings.default_environment, project.root(c))
        return doctor.examine(flow)

    run(own, c, procedure, as_json=json, fills={"env": env} if env else None, record=False)
