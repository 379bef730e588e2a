"""Step 4, pre-aggregate: telemetry closure."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from .lib.phase import Check, Next, Phase, Row, later, unbuilt

PHASE = Phase(
    number=4,
    name="preaggregate",
    closure="Telemetry closure",
    purpose="Collect what the service tells of itself, in the form that it is asked for later.",
    prerequisites=(
        Check("Docker with Compose", unbuilt, "docker compose version"),
        Check("the tests pass", unbuilt, "inv test", required=False),
        Check("the service can be started", unbuilt, "inv host", required=False),
    ),
    procedure=(
        "Start the collector, Prometheus and Grafana: `docker compose up --detach --wait`.",
        "See that each of them runs, by name: `docker compose ps`.",
        # With --follow, as the page has it, the command never ends.
        "Read the collector's log: `docker compose logs --tail=100 otel-collector`.",
        "Run the service with ENABLE_TELEMETRY=true.",
        "Make some traffic: requests to / and /api/health.",
        'See that `up{job="pi-forge"}` is 1 in Prometheus and the request rate above 0.',
    ),
    validation=(
        # `ps | grep Up` holds as soon as any one service is up: each has to be asked for.
        Check("every container runs", unbuilt, "docker compose up --detach --wait"),
        Check("Prometheus scrapes the service itself", unbuilt, "docker compose logs prometheus"),
        Check("requests are counted", unbuilt, "curl --fail http://localhost:8000/"),
        Check("Grafana answers", unbuilt, "docker compose up --detach --wait grafana"),
    ),
    troubleshooting=(
        Row(
            "The collector doesn't start",
            "Look for the line that its log names in otel-collector-config.yaml.",
            output=r"otel-collector.*(exit|error)|cannot unmarshal",
        ),
        Row(
            "Prometheus has no metrics",
            "Look at its targets page and at scrape_configs in prometheus.yml.",
            output=r"empty|no data|nodata",
        ),
        Row(
            "Grafana doesn't start",
            "See who has port 3000: `ss -ltnp sport = :3000`.",
            output=r"port is already allocated|address already in use",
        ),
        Row(
            "The service can't reach the collector",
            "Run it with ENABLE_TELEMETRY=false until the collector is back.",
            output=r"Connection refused|:4318",
        ),
    ),
    next=Next(closed="inv release", troubled="inv preaggregate"),
)


@task(
    default=True,
    help={
        "env": "Environment whose telemetry it is; empty is the configuration's default.",
        "check": "Only look whether the phase holds; change nothing.",
    },
)
def preaggregate(c: Context, env: str = "", check: bool = False) -> None:
    """Start the telemetry stack and see that metrics arrive."""
    later(PHASE, "curl --fail http://localhost:8000/api/metrics")
