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
            "The service doesn't answer",
            "Start it, `ENABLE_TELEMETRY=true inv host.serve`, or have `inv preaggregate` do it.",
            kinds=("service",),
        ),
        Row(
            "The collector doesn't start",
            "Look for the line that its log names in otel-collector-config.yaml.",
            kinds=("collector",),
            output=r"otel-collector is \w|cannot unmarshal",
        ),
        Row(
            "The service can't reach the collector",
            "See OTEL_EXPORTER_OTLP_ENDPOINT of the service; until the collector is back, run it "
            "with ENABLE_TELEMETRY=false.",
            kinds=("exports", "received"),
        ),
        Row(
            "The collector passes nothing on",
            "Look at its pipeline of metrics in otel-collector-config.yaml, and at "
            "OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES of the service.",
            kinds=("exported", "exposed"),
        ),
        Row(
            "Prometheus doesn't answer",
            "See what it says, `inv preaggregate.logs prometheus`, and `promtool check config "
            "prometheus.yml`.",
            kinds=("prometheus",),
            output=r"prometheus is \w",
        ),
        Row(
            "Prometheus has no metrics",
            "Look at its page /targets, at prometheus/targets/ and at scrape_configs in "
            "prometheus.yml.",
            kinds=("scrape", "up", "counted"),
        ),
        Row(
            "Data points are missing, or gone too soon",
            "Look at scrape_interval in prometheus.yml, and at its --storage.tsdb.retention.time.",
            kinds=("kept",),
        ),
        Row(
            "Grafana doesn't start",
            "See who has port 3000: `ss -ltnp sport = :3000`.",
            kinds=("grafana",),
            output=r"grafana is \w|port is already allocated|address already in use",
        ),
        Row(
            "Grafana shows no data",
            "See its data source in grafana/provisioning/datasources/, and whose password it has.",
            kinds=("datasource", "login"),
        ),
        Row(
            "Alerts don't arrive",
            "Look at prometheus/targets/alertmanager/, and run `inv alert.check`.",
            kinds=("alertmanager", "connected"),
        ),
        Row(
            "Docker doesn't start",
            "See what its daemon says: `systemctl status docker`.",
            kinds=("docker",),
            output=r"[Dd]ocker's daemon|Docker (Compose )?is not installed",
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
