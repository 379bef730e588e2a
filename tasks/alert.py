"""Step 10, alert: response closure."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from .lib.phase import Check, Next, Phase, Row, later, unbuilt

PHASE = Phase(
    number=10,
    name="alert",
    closure="Response closure",
    purpose="Tell the right people when, and only when, somebody has to act.",
    prerequisites=(
        Check("monitoring holds", unbuilt, "inv monitor --check"),
        Check("there are thresholds", unbuilt, "Set them in the alert rules of Prometheus."),
        Check("there are receivers", unbuilt, "Set them in Alertmanager's configuration."),
    ),
    procedure=(
        # "Notification channels" left Grafana with version 11, and one authority is enough.
        "Configure the receivers (Slack, email, PagerDuty, webhook) in Alertmanager.",
        "Keep each receiver's secret in a file of its own: Alertmanager reads no variables.",
        "Have rules for a high error ratio (above 0.01 for 5 minutes), a high latency (p95 above "
        "1 second, for 5 minutes) and a service that is down (for 1 minute).",
        "Raise a test alert and follow it to each receiver.",
        "Route by severity: critical calls whoever is on call, warning goes to the channel, info "
        "is only kept.",
        "Have a schedule of who is on call.",
        "Have a page for each alert that says what to do when it fires.",
        "Go through the alerts once a week and remove those that nobody had to act on.",
    ),
    validation=(
        # Without --fail, as on the page, curl is content with any answer.
        Check("a test alert reaches every receiver", unbuilt, "inv alert"),
        Check(
            "the alert rules are loaded",
            unbuilt,
            "curl --fail http://localhost:9090/api/v1/rules",
        ),
        Check("every alert has a page", unbuilt, "ls docs/alerts", required=False),
    ),
    troubleshooting=(
        Row(
            "Alerts don't fire",
            "Ask Prometheus for the rule's expression, and look at its evaluation interval.",
            output=r"not fir(ed|ing)",
        ),
        Row(
            "Too many false alarms",
            "Raise the threshold, or how long it must be exceeded (`for:`).",
            output=r"false[ _]positive",
        ),
        Row(
            "Notifications don't arrive",
            "Look for the receiver in Alertmanager's log; try its URL from that machine.",
            output=r"notif(y|ication).*fail|webhook",
        ),
        Row(
            "Too many alerts",
            "Group them, let a critical alert silence what follows from it, drop the rest.",
            output=r"fatigue",
        ),
    ),
    next=Next(closed="inv lint", troubled="inv alert"),
)


@task(
    default=True,
    help={
        "env": "Environment whose alerts they are; empty is the configuration's default.",
        "check": "Only look whether the phase holds; change nothing.",
    },
)
def alert(c: Context, env: str = "", check: bool = False) -> None:
    """See that alerts are raised, routed and received."""
    later(PHASE, "curl --fail http://localhost:9090/api/v1/alerts")
