"""Step 10, alert: response closure."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from invoke.context import Context
from invoke.tasks import task

from .lib.phase import Check, Next, Outcome, Phase, Row, probe, run

if TYPE_CHECKING:
    from .lib.alert.world import World

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
            "visualization is active", _holds("visualized"), "inv visualize --check", required=False
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
            kinds=("delivery",),
            output=r"notifications? .*failed|has not arrived",
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
    """Show the state of every alert rule, and see that they are raised, routed and received.

    Example: inv alert --env=production
    """
    from .lib.alert import closure, world as worlds

    seen: list[World] = []

    def world() -> World:
        seen.append(worlds.read(c, env))
        return seen[0]

    def procedure() -> Outcome:
        return closure.show(seen[0], not env)

    run(PHASE, c, procedure, world=world, check=check, as_json=json)


@task(
    help={
        "env": ENV,
        "drill": "A rule to make true and follow, as ServiceDown; by itself only in the sandbox.",
        "severity": "Only one of critical, warning and info (default: one after the other).",
        "yes": "Don't ask; needs --env where the environment asks.",
        "json": JSON,
    }
)
def test(
    c: Context,
    env: str = "",
    drill: str = "",
    severity: str = "",
    yes: bool = False,
    json: bool = False,
) -> None:
    """Raise a real test alert, follow it to every receiver, and resolve it.

    Example: inv alert.test --severity=critical
    """
    from .lib import asking
    from .lib.alert import around, drills, trial

    def act(world: World) -> Outcome:
        if drill:
            return drills.drill(world, drill, bool(env), yes)
        chosen = trial.chosen(severity)
        if world.environment.confirm:
            name = world.environment.name
            asking.confirm(name, f"Raise test alerts in {name}", bool(env), yes)
        return trial.trial(world, chosen)

    around.asking(PHASE, c, "test", env, act, json, record=True, needs=trial.needs(drill))


@task(
    positional=["name"],
    help={
        "name": "The alert, as HighErrorRate.",
        "reason": "What it is, or what you do about it.",
        "env": ENV,
        "false_positive": "Nobody has to act on it; the weekly review counts those.",
        "for_": "How long nobody is told again, such as 30m or 2h.",
        "json": JSON,
    },
)
def ack(
    c: Context,
    name: str,
    reason: str = "",
    env: str = "",
    false_positive: bool = False,
    for_: str = "2h",
    json: bool = False,
) -> None:
    """Acknowledge an alert in one environment, with a verdict, so that nobody else is called.

    Example: inv alert.ack HighErrorRate --reason="rolling back" --for=1h
    """
    from .lib import duration
    from .lib.alert import acks, around

    verdict = acks.FALSE_POSITIVE if false_positive else acks.ACTIONABLE

    def act(world: World) -> Outcome:
        return acks.acknowledge(world, name, reason, verdict, duration.parse(for_))

    around.asking(PHASE, c, "ack", env, act, json, record=True)


@task(
    help={
        "env": "One environment's; empty is those of all that the default one's stack knows.",
        "since": "How far back, such as 24h or 30d.",
        "json": JSON,
    }
)
def history(c: Context, env: str = "", since: str = "7d", json: bool = False) -> None:
    """Show what fired, for how long, who answered and how it was judged.

    Example: inv alert.history --since=30d
    """
    from .lib import duration
    from .lib.alert import around, past

    around.asking(
        PHASE, c, "history", env, lambda w: past.show(w, duration.parse(since), env), json
    )


@task(
    help={
        "env": "One environment's; empty is those of all that the default one's stack knows.",
        "since": "How far back, such as 7d or 30d.",
        "write": "A file to write it to, as Markdown.",
        "json": JSON,
    }
)
def review(
    c: Context, env: str = "", since: str = "7d", write: str = "", json: bool = False
) -> None:
    """Review what fired: response, false positives, noise, and what would have halved it.

    Example: inv alert.review --since=7d --write=review.md
    """
    from .lib import duration
    from .lib.alert import around, review as about

    def act(world: World) -> Outcome:
        return about.show(world, duration.parse(since), env, write)

    around.asking(PHASE, c, "review", env, act, json, record=True)


@task(positional=["name"], help={"name": "The alert, as HighErrorRate.", "env": ENV, "json": JSON})
def explain(c: Context, name: str, env: str = "", json: bool = False) -> None:
    """Print what an alert means and what to do, with its commands filled in.

    Example: inv alert.explain HighErrorRate --env=production
    """
    from .lib import config, project
    from .lib.alert import around, pages

    def act() -> Outcome:
        settings = config.load(c)
        return pages.explain(settings, project.root(c), name, settings.environment(env).name)

    around.alone(PHASE, c, "explain", act, json)


@task(help={"json": JSON})
def configure(c: Context, json: bool = False) -> None:
    """Write the secrets of .env into the files that Alertmanager reads, and have it read them.

    Example: inv alert.configure
    """
    from .lib import config, project
    from .lib.alert import around, secrets

    def act() -> Outcome:
        settings = config.load(c)
        return secrets.configure(settings, project.root(c), settings.stack.alertmanager)

    around.alone(PHASE, c, "configure", act, json, record=True)


@task(name="check", help={"json": JSON})
def check_(c: Context, json: bool = False) -> None:
    """Check what ships for alerting: rules and their tests, routes, thresholds, pages.

    Example: inv alert.check
    """
    from .lib import config, project
    from .lib.alert import around, checking

    around.alone(PHASE, c, "check", lambda: checking.check(config.load(c), project.root(c)), json)


@task(help={"json": JSON})
def contacts(c: Context, json: bool = False) -> None:
    """Show whom to call, and who is on call now.

    Example: inv alert.contacts
    """
    from .lib import config
    from .lib.alert import around, contacts as about

    around.alone(PHASE, c, "contacts", lambda: about.show(config.load(c)), json, record=False)
