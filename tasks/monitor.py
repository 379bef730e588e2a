"""Step 8, monitor: awareness closure."""

from __future__ import annotations

from functools import partial

from invoke.context import Context
from invoke.tasks import task

from . import preaggregate
from .lib import project
from .lib.phase import Check, Next, Outcome, Phase, Row, probe, run

_holds = partial(probe, "monitor.closure")

PHASE = Phase(
    number=8,
    name="monitor",
    closure="Awareness closure",
    purpose="Know at any time how the service does, and notice when that changes.",
    prerequisites=(
        Check("the service is deployed and running", _holds("deployed"), "inv deploy"),
        # Advised: health and logs are known without it, and the verdict says what is not.
        Check(
            "the telemetry stack is running", _holds("stack"), "inv preaggregate", required=False
        ),
        Check(
            "there are dashboards",
            probe("monitor.opening", "dashboards"),
            "inv visualize",
            required=False,
        ),
    ),
    procedure=(
        "Open Prometheus (port 9090) and Grafana (port 3000): `inv monitor --open`.",
        "Look at the request rate, the error ratio (below 1 %), the latency (p50, p95, p99), "
        "the processor and the memory.",
        # With --follow, as the page has it, the command never ends.
        "Read the recent log: `inv deploy.logs`.",
        "Ask the service itself: /api/health and /api/metrics.",
        "See that the alert rules are loaded, so that somebody is told when nobody looks.",
        "Go through the night's events in the morning and the day's in the evening: "
        "`inv monitor.review --since=12h`.",
        "Write down what was unusual, for whoever looks into it: `inv monitor.note TEXT`.",
    ),
    validation=(
        Check(
            "/api/metrics answers",
            _holds("metrics"),
            "curl --fail http://localhost:8000/api/metrics",
        ),
        Check(
            # In a URL, curl takes the braces for a pattern of its own, so the query is encoded.
            "Prometheus scrapes the service",
            _holds("scraped"),
            "curl --fail --get http://localhost:9090/api/v1/query "
            "--data-urlencode 'query=up{job=\"pi-forge\"} == 1'",
        ),
        # Counting the lines with `grep | wc -l`, as the page does, succeeds whatever the count is.
        Check("the log has no critical errors", _holds("log"), "inv deploy.logs"),
    ),
    troubleshooting=(
        Row(
            "Metrics don't appear",
            "See that the collector runs and what it is configured to receive: `inv monitor.doctor`"
            " walks the way from the service to Prometheus.",
            kinds=("nodata",),
            output=r"\bno data of|scrapes no instance",
        ),
        Row(
            "The dashboards are empty",
            "See that Grafana has Prometheus as a data source.",
            kinds=("datasource",),
        ),
        Row(
            "The error ratio is high",
            "Look into the log; if it began with a deploy, `inv rollback`.",
            kinds=("errors",),
            output=r"error ratio is .+, over",
        ),
        Row(
            "Data points are missing",
            "Compare the scrape interval with the range asked for, and look at the retention.",
            output=r"stale|missing points",
        ),
    ),
    next=Next(closed="inv visualize", troubled="inv monitor --once --env={env}"),
)


ENV = "which environment (default: the configuration's default_environment; `local`: this machine)"
JSON = "print one JSON document on stdout, all else on stderr"


@task(
    default=True,
    help={
        "env": ENV,
        "once": "look once, and exit with 0 in bounds, 1 out of bounds, 2 where it can't be known",
        "logs": "ask the hosts, too: what is live there, and their logs",
        "open": "open Prometheus and Grafana in a browser first",
        "check": "only look whether the phase holds; change nothing",
        "json": JSON,
    },
)
def monitor(
    c: Context,
    env: str = "",
    once: bool = False,
    logs: bool = True,
    open: bool = False,
    check: bool = False,
    json: bool = False,
) -> None:
    """Show how the service does: traffic, errors, latency, resources, alerts, health, logs.

    Example: inv monitor --env=production --once
    """
    import contextlib

    from .lib.monitor import closure, opening
    from .lib.monitor import world as worlds

    once = once or json or check
    with contextlib.ExitStack() as stack:
        seen: list[tuple[worlds.World, worlds.Watcher]] = []

        def world() -> worlds.World:
            found = worlds.read(c, env)
            watcher = stack.enter_context(worlds.Watcher(found, logs))
            found = found._replace(board=watcher.look(None if once else worlds.PATIENCE))
            seen.append((found, watcher))
            return found

        def procedure() -> Outcome:
            if open:
                opening.open_pages(seen[0][0])
            return closure.look(*seen[0], once)

        # A board that somebody looks at all day, or a script every minute, writes only changes.
        run(
            PHASE,
            c,
            procedure,
            world=world,
            check=check,
            as_json=json,
            validate=False,
            record=False,
        )


@task(
    help={
        "env": ENV,
        "since": "the period up to now, such as 12h, 24h or 7d; it is compared with the one before",
        "write": "write it as Markdown, too, below docs/reviews/",
        "json": JSON,
    },
)
def review(
    c: Context, env: str = "", since: str = "24h", write: bool = False, json: bool = False
) -> None:
    """Review a period: what left its bounds, alerts, restarts, deploys, and the slowest routes.

    Example: inv monitor.review --since=7d --write
    """
    own = PHASE.part("review", next=PHASE.next)

    def procedure() -> Outcome:
        from .lib.monitor import reviewing, world

        return reviewing.carry_out(world.read(c, env, hosts=False), since, write)

    fills = {"env": env} if env else None
    run(own, c, procedure, as_json=json, validate=False, fills=fills)


@task(
    positional=["text"],
    help={"text": "what was unusual, for whoever looks into it", "env": ENV, "json": JSON},
)
def note(c: Context, text: str, env: str = "", json: bool = False) -> None:
    """Note an anomaly in the journal, and mark it on the boards.

    Example: inv monitor.note "the queue grew at noon" --env=production
    """
    own = PHASE.part("note", next=Next("inv monitor.review"))

    def procedure() -> Outcome:
        from .lib.monitor import notes, world

        said = notes.text_of(text)
        return notes.note(world.read(c, env, hosts=False), said)

    run(own, c, procedure, as_json=json, validate=False)


@task(
    help={
        "env": "Environment to walk through; empty is the configuration's default, local is the "
        "service on this machine.",
        "json": "Print one JSON document on standard output, everything else on standard error.",
    }
)
def doctor(c: Context, env: str = "", json: bool = False) -> None:
    """Walk from the service to Grafana and Alertmanager; name the first hop that is broken.

    Example: inv monitor.doctor --env=local
    """
    own = preaggregate.PHASE._replace(name="monitor.doctor", prerequisites=(), validation=())
    own = own._replace(
        number=PHASE.number, next=Next("inv monitor --env={env}", "inv preaggregate")
    )

    def procedure() -> Outcome:
        from .lib import config
        from .lib.telemetry import doctor, flows

        settings = config.load(c)
        name = env or settings.default_environment
        with flows.opened(settings, name, project.root(c)) as flow:
            return doctor.examine(flow)

    run(own, c, procedure, as_json=json, fills={"env": env} if env else None, record=False)
