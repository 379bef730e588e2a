"""Step 10, alert: response closure."""

from __future__ import annotations

from functools import partial
from typing import Callable

from invoke.context import Context
from invoke.tasks import task

from .lib.phase import Check, Next, Outcome, Phase, Row, probe, run

_holds = partial(probe, "alert.closure")

PHASE = Phase(
    number=10,
    name="alert",
    closure="Response closure",
    purpose="Tell the right people when, and only when, somebody has to act.",
    prerequisites=(
        Check("monitoring is active", _holds("monitored"), "inv monitor --check"),
        Check("the service is scraped", _holds("watched"), "inv monitor.doctor", required=False),
        Check(
            "visualization is active",
            _holds("visualized"),
            "inv visualize --check",
            required=False,
        ),
        Check(
            "there are thresholds",
            _holds("thresholds"),
            "Set them in prometheus/rules/alerts.yml, as docs/alerts has it.",
        ),
        Check("Alertmanager answers", _holds("routed"), "inv preaggregate"),
        # "Notification channels" left Grafana with version 11, and one authority is enough.
        Check("there are receivers", _holds("channels"), "inv alert.configure"),
    ),
    procedure=(
        "Put the receivers' secrets (Slack, Teams, PagerDuty, OpsGenie, mail, webhook) into `.env`"
        " and hand them to Alertmanager: `inv alert.configure`.",
        "Have rules for a high error ratio (above 0.01 for 5 minutes), a high latency (p95 above "
        "1 second, for 5 minutes) and a service that is down (for 1 minute): `inv alert`.",
        "Raise a test alert and follow it to each receiver: `inv alert.test`.",
        "Make a rule true in the sandbox and follow that: `inv alert.test --drill=ServiceDown`.",
        "Route by severity: critical calls whoever is on call, warning goes to the channel, info "
        "is only kept.",
        "Have a schedule of who is on call: `inv alert.contacts`.",
        "Have a page for each alert that says what to do when it fires: `inv alert.explain NAME`.",
        "Acknowledge what fires, with a verdict: `inv alert.ack NAME --reason=WHY`.",
        "Go through the alerts once a week and remove those that nobody had to act on:"
        " `inv alert.review`.",
    ),
    validation=(
        Check(
            "the alert rules are loaded",
            _holds("loaded"),
            "curl --fail http://localhost:9090/api/v1/rules",
        ),
        Check("what fires arrives in Alertmanager", _holds("arriving"), "inv monitor.doctor"),
        Check("notifications are delivered", _holds("delivering"), "inv alert.test"),
        # Without --fail, as on the page, curl is content with any answer.
        Check(
            "a test alert has reached every receiver",
            _holds("tested"),
            "inv alert.test",
            required=False,
        ),
        Check("every alert has a page", _holds("documented"), "ls docs/alerts", required=False),
    ),
    troubleshooting=(
        Row(
            "Alerts don't fire",
            "Ask Prometheus for the rule's expression, and look at its evaluation interval;"
            " `inv alert --json` has what each measures.",
            output=r"evaluated|no alert rule|did not fire",
        ),
        Row(
            "Too many false alarms",
            "Raise the threshold, or how long it must be exceeded (`for:`): `inv alert.review` says"
            " which would have halved them.",
            output=r"false positive",
        ),
        Row(
            "Notifications don't arrive",
            "Look for the receiver in Alertmanager's log (`inv preaggregate.logs`); try its URL"
            " from that machine.",
            output=r"notifications? .*failed|did not deliver|has not arrived",
        ),
        Row(
            "Too many alerts",
            "Group them, let a critical alert silence what follows from it, drop the rest.",
            output=r"flapping|fatigue",
        ),
    ),
    next=Next(closed="inv lint", troubled="inv alert --env={env}"),
)

ENV = "which environment (default: the configuration's default_environment)"
JSON = "Print one JSON document on standard output, everything else on standard error."


@task(
    default=True,
    help={
        "env": "One environment's alerts; empty is all that the default one's stack knows.",
        "check": "Only look whether the phase holds; change nothing.",
        "json": JSON,
    },
)
def alert(c: Context, env: str = "", check: bool = False, json: bool = False) -> None:
    """Show the state of every alert rule, and see that they are raised, routed and received."""
    from .lib.alert import closure
    from .lib.alert import world as worlds

    seen: list[worlds.World] = []

    def world() -> worlds.World:
        seen.append(worlds.read(c, env))
        return seen[0]

    def procedure() -> Outcome:
        return closure.show(seen[0], not env)

    run(PHASE, c, procedure, world=world, check=check, as_json=json)


def _around(c: Context, name: str, act: Callable[[], Outcome], json: bool, record: bool) -> None:
    """Do what is around the phase; it fails as that does, with the same rows of the runbook."""
    own = PHASE._replace(name=f"alert.{name}", prerequisites=(), validation=(), next=Next(""))
    run(own, c, act, as_json=json, validate=False, record=record)


@task(help={"json": JSON})
def contacts(c: Context, json: bool = False) -> None:
    """Show whom to call, and who is on call now."""
    from .lib import config
    from .lib.alert import contacts as about

    _around(c, "contacts", lambda: about.show(config.load(c)), json, record=False)
