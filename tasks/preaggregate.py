"""Step 4, pre-aggregate: telemetry closure."""

from __future__ import annotations

from functools import partial

from invoke.context import Context
from invoke.tasks import task

from .lib import project
from .lib.phase import Check, Next, Outcome, Phase, Row, probe, run

_holds = partial(probe, "preaggregate.closure")

PHASE = Phase(
    number=4,
    name="preaggregate",
    closure="Telemetry closure",
    purpose="Collect what the service tells of itself, in the form that it is asked for later.",
    prerequisites=(
        Check(
            "Docker with Compose",
            _holds("docker"),
            "install and start it, or prove a stack that runs elsewhere with `--no-stack`.",
        ),
        Check(
            "the stack's ports are free",
            _holds("ports"),
            "end that, or take other ports under `stack:` in invoke.yaml.",
        ),
        Check("the tests pass", _holds("tested"), "inv test", required=False),
        Check("the service answers, or can be started", _holds("servable"), "inv host"),
    ),
    procedure=(
        "Have the collector look at its configuration: `otelcol-contrib validate`.",
        "Start the collector, Prometheus, Alertmanager and Grafana, and wait for each: "
        "`docker compose up --detach --wait`.",
        # With --follow, as the page has it, the command never ends.
        "Read the collector's log: `inv preaggregate.logs --service=otel-collector`.",
        "Start the service with ENABLE_TELEMETRY=true where none answers, and open the way from "
        "the containers to it.",
        "Make some traffic: requests to /.",
        "Go along the telemetry, hop by hop, until Prometheus has counted what was sent, and "
        'see that `up{job="pi-forge"}` is 1.',
    ),
    validation=(
        # `ps | grep Up` holds as soon as any one service is up: each has to be asked for.
        Check("every container runs", _holds("containers"), "inv preaggregate"),
        Check("every hop to Prometheus holds", _holds("flows"), "inv preaggregate"),
        Check("Prometheus scrapes the service itself", _holds("scraped"), "inv preaggregate"),
        Check("requests are counted", _holds("counted"), "inv preaggregate"),
        Check("Grafana answers", _holds("grafana"), "inv preaggregate.logs --service=grafana"),
    ),
    troubleshooting=(
        Row(
            "The service doesn't answer",
            "Start it, `ENABLE_TELEMETRY=true inv host.serve`, or have `inv preaggregate` do it.",
            kinds=("service",),
            output=r"“the service answers”",
        ),
        Row(
            "The collector doesn't start",
            "Look for the line that its log names in otel-collector-config.yaml.",
            kinds=("collector",),
            output=r"“the collector is healthy”|otel-collector is \w|cannot unmarshal",
        ),
        Row(
            "The service can't reach the collector",
            "See OTEL_EXPORTER_OTLP_ENDPOINT of the service; until the collector is back, run it "
            "with ENABLE_TELEMETRY=false.",
            kinds=("exports", "received"),
            output=r"“the (service shows its metrics|collector received)”",
        ),
        Row(
            "The collector passes nothing on",
            "Look at its pipeline of metrics in otel-collector-config.yaml, and at "
            "OTEL_SERVICE_NAME and ENVIRONMENT of the service.",
            kinds=("exported", "exposed"),
            output=r"“the collector (passed on|shows the series)”",
        ),
        Row(
            "Prometheus doesn't answer",
            "See `inv preaggregate.logs --service=prometheus`, and `promtool check config "
            "prometheus.yml`.",
            kinds=("prometheus",),
            output=r"“Prometheus answers”|prometheus is \w",
        ),
        Row(
            "Prometheus has no metrics",
            "Look at its page /targets, at prometheus/targets/ and at scrape_configs in "
            "prometheus.yml.",
            kinds=("scrape", "up", "counted"),
            output=r"“(Prometheus scrapes|requests are counted)|Prometheus (has no|can't scrape)",
        ),
        Row(
            "Data points are missing, or gone too soon",
            "Look at scrape_interval in prometheus.yml, and at its --storage.tsdb.retention.time.",
            kinds=("kept",),
            output=r"“it is kept as configured”",
        ),
        Row(
            "Grafana doesn't start",
            "See who has port 3000: `ss -ltnp sport = :3000`.",
            kinds=("grafana",),
            output=r"Grafana at |grafana('s \d+)? is \w|port is already allocated|"
            r"address already in use",
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
            "Services on other hosts are not let in",
            "Open the port of observability.otlp on the stack's host, and give the services what "
            ".circle/telemetry/ENV has.",
            kinds=("way-in",),
        ),
        Row(
            "More of the stack is open than it should be",
            "Bind it to 127.0.0.1 in docker-compose.yml: see docs/EXPOSURE.md.",
            kinds=("open",),
        ),
        Row(
            "The stack's host is not reached, or its key is not known",
            "See observability.host, and vouch for the key: `inv host.trust --env=ENV`.",
            kinds=("hostkey-unknown", "hostkey-changed", "auth", "unreachable"),
        ),
        Row(
            "Docker doesn't start",
            "See what its daemon says: `systemctl status docker`.",
            kinds=("docker",),
            output=r"[Dd]ocker's daemon|Docker (Compose )?is not installed",
        ),
    ),
    next=Next(closed="inv release", troubled="inv preaggregate --env={env}"),
)


ENV = "Environment whose stack it is; empty is this machine's."


@task(
    default=True,
    help={
        "env": ENV,
        "stack": "Start what doesn't run of the stack; without, prove one that runs elsewhere.",
        "check": "Only look whether the phase holds; change nothing.",
        "json": "Print one JSON document on standard output, everything else on standard error.",
    },
)
def preaggregate(
    c: Context, env: str = "", stack: bool = True, check: bool = False, json: bool = False
) -> None:
    """Start the telemetry stack, send requests, and prove that they arrive, hop by hop.

    Example: inv preaggregate --env=production --no-stack
    """
    from .lib import config
    from .lib.preaggregate import closure, world

    seen: list[world.World] = []

    def read() -> world.World:
        seen.append(world.read(config.load(c), project.root(c), env, not stack))
        return seen[0]

    # Of containers elsewhere nothing is known.
    phase = PHASE if stack else PHASE._replace(validation=PHASE.validation[1:])
    run(phase, c, lambda: closure.prove(seen[0]), world=read, check=check, as_json=json)


@task(help={"env": ENV})
def down(c: Context, env: str = "") -> None:
    """Stop what inv preaggregate has started, and only that; what the stack has kept stays.

    Example: inv preaggregate.down
    """
    own = PHASE.part("down")

    def procedure() -> Outcome:
        from .lib import config
        from .lib.preaggregate import ending, world

        root = project.root(c)
        return ending.end(root, world.placed(config.load(c), root, env))

    run(own, c, procedure)


@task(
    help={
        "env": ENV,
        "service": "One service of the stack; empty is all of them.",
        "tail": "How many of the last lines of each.",
        "follow": "Go on with what comes, until Ctrl-C.",
    }
)
def logs(
    c: Context, env: str = "", service: str = "", tail: int = 100, follow: bool = False
) -> None:
    """Show the last lines of the stack's logs.

    Example: inv preaggregate.logs --service=prometheus --follow
    """
    own = PHASE.part("logs")

    def procedure() -> Outcome:
        from .lib import config
        from .lib.preaggregate import ending, world

        ending.logs(world.placed(config.load(c), project.root(c), env), service, tail, follow)
        return Outcome()

    run(own, c, procedure, record=False)


@task(help={"env": "Environment whose stack it is; one with a host of its own."})
def tunnel(c: Context, env: str = "") -> None:
    """Reach an environment's own stack at this machine's addresses, through SSH, until Ctrl-C.

    Example: inv preaggregate.tunnel --env=production
    """
    own = PHASE.part("tunnel")

    def procedure() -> Outcome:
        from .lib import config
        from .lib.preaggregate import away, world

        settings = config.load(c)
        away.tunnel(world.distant(settings, project.root(c), env), settings.stack)
        return Outcome()

    run(own, c, procedure, record=False)
