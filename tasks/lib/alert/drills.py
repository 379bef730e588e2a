"""Drills: the condition of a rule made true where nobody is hurt, followed to the receivers.

What a drill did it puts back, whatever ends it.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Callable, Iterator

from .. import asking, console
from ..declare import Outcome
from ..duration import show as length
from ..errors import NotClosed, Refused
from ..telemetry.alertmanager import Alertmanager
from ..telemetry.prometheus import Prometheus
from . import rules, synthetic, trial

if TYPE_CHECKING:
    from ..telemetry.alertmanager import Alert
    from .rules import Rule
    from .world import World

SANDBOX = "sandbox"
TARGET = "prometheus/targets/service/drill.yml"
NOBODY = "127.0.0.1:9"  # the port of `discard`: nothing listens there
TICK = 0.5  # seconds between two looks
# Beside its `for`: as many looks at the rule, exports and scrapes may pass until there is a rate.
PATIENCE = 4
SENT = 90.0  # seconds until what fires has arrived in Alertmanager

Making = Callable[["World"], AbstractContextManager[None]]


@contextmanager
def _down(world: World) -> Iterator[None]:
    """Take the sandbox's first host down; where nobody scrapes it, have one scraped that is not
    there."""
    from ..sandbox import control

    name, settings, root = world.environment.name, world.settings, world.root
    if name != SANDBOX:
        raise Refused(f"Only the sandbox can be taken down for a drill: leave --env={name} out.")
    scraped = [v for v in world.up if v.labels.get("environment") == name and v.value == 1]
    if not scraped:
        with _nobody(world):
            yield
        return
    if "host1" in control.missing(settings, root):
        raise Refused("The sandbox does not run: start it with `inv host --env=sandbox`.")
    console.say("  The sandbox's host1 is taken down, as by a power failure.")
    try:
        control.kill_host(settings, root, "host1")
        yield
    finally:
        control.restart_host(settings, root, "host1")
        console.say("  The sandbox's host1 is up again.")


@contextmanager
def _nobody(world: World) -> Iterator[None]:
    import yaml

    file = world.root / TARGET
    if not file.parent.is_dir():
        raise Refused(
            f"Prometheus scrapes no {world.settings.app} in {world.environment.name}, and there is"
            f" no {file.parent.relative_to(world.root)} to change that in."
        )
    console.say(f"  Nobody scrapes the sandbox, so {TARGET} names an instance that is not there.")
    said = [{"targets": [NOBODY], "labels": {"environment": world.environment.name}}]
    try:
        file.write_text(yaml.safe_dump(said))
        file.chmod(0o644)
        yield
    finally:
        file.unlink(missing_ok=True)
        console.say(f"  {TARGET} is gone again.")


DRILLS: dict[str, Making] = {
    "ServiceDown": _down,
    "HighErrorRate": lambda world: synthetic.sent(world, status=500, seconds=0.02),
    "HighLatency": lambda world: synthetic.sent(world, status=200, seconds=4.0),
}


def drill(world: World, name: str, named: bool, yes: bool) -> Outcome:
    """Make the rule `name` true in the world's environment and follow it to its receivers.

    named, yes: whether `--env` and `--yes` were given: elsewhere than in the sandbox, it has to be
    asked for in so many words. Raises Refused, NotClosed, Unanswered.
    """
    rule = _rule(world, name)
    environment = world.environment.name
    if environment != SANDBOX:
        asking.confirm(environment, f"Have {name} fire in {environment}", named, yes)
    console.say(f"Drill: {name}, `{rule.query}` for {length(rule.seconds)}, in {environment}")
    since = time.monotonic()
    with (
        Prometheus(world.places.prometheus) as asked,
        Alertmanager(world.places.alertmanager) as to,
    ):
        before = to.counters()
        with DRILLS[name](world):
            _fires(asked, rule, world, since)
            alert = _arrives(to, name, environment, since)
            arrivals = trial.arrive(world, to, alert, before, time.monotonic())
            found = [(rule.severity, arrival) for arrival in arrivals]
    trial.show(found)
    took = round(time.monotonic() - since, 1)
    detail = {"environment": environment, "drill": name, "seconds": took}
    detail |= {"arrivals": trial.told_of(found)}
    if found:  # what is only kept is told to nobody
        trial.insist(found, f"The drill of {name}", detail)
    return Outcome(detail)


def _rule(world: World, name: str) -> Rule:
    if name not in DRILLS:
        raise Refused(f"There is no drill of {name!r}; there are: {', '.join(DRILLS)}.")
    found = next((rule for rule in world.rules if rule.name == name), None)
    if found is None:
        where = world.places.prometheus
        raise Refused(f"Prometheus at {where} has no alert rule {name}: run `inv alert`.")
    environment = world.environment.name
    if any(a.labels.get("environment") == environment for a in found.active):
        raise Refused(f"{name} is true in {environment} already: run `inv alert.explain {name}`.")
    return found


def _fires(asked: Prometheus, rule: Rule, world: World, since: float) -> None:
    """Wait until the rule fires. Raises NotClosed."""
    environment, own = world.environment.name, world.environment.observability
    limit = rule.seconds + PATIENCE * (rule.interval + own.export + own.scrape)
    told = ""
    while time.monotonic() - since < limit:
        now = next((each for each in rules.read(asked) if each.name == rule.name), rule)
        states = {a.state for a in now.active if a.labels.get("environment") == environment}
        state = "firing" if "firing" in states else "pending" if states else ""
        if state != told:
            passed = time.monotonic() - since
            console.say(f"  {state or 'inactive'} in Prometheus after {passed:.1f} s")
            told = state
        if state == "firing":
            return
        time.sleep(TICK)
    raise NotClosed(
        f"{rule.name} did not fire in {environment} within {length(round(limit))}: "
        f"ask Prometheus for `{rule.query}`.",
        kind="drill",
    )


def _arrives(to: Alertmanager, name: str, environment: str, since: float) -> Alert:
    until = time.monotonic() + SENT
    labels = {"alertname": name, "environment": environment}
    while not (found := to.alerts(labels)) or found[0].state == "unprocessed":
        if time.monotonic() > until:
            raise NotClosed(
                f"{name} fires in Prometheus and has not arrived in Alertmanager: "
                "run `inv monitor.doctor`.",
                kind="delivery",
            )
        time.sleep(TICK)
    console.say(f"  in Alertmanager after {time.monotonic() - since:.1f} s")
    return found[0]
