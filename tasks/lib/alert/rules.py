"""The alert rules as Prometheus has them: what each says, and what it finds now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterator, Mapping, NamedTuple

from ..moment import unix
from . import bounds

if TYPE_CHECKING:
    from ..telemetry.prometheus import Prometheus, Value
    from .bounds import Bound

# It always fires, so that its absence is seen: nobody has to act on it.
HEARTBEAT = "Watchdog"
ORDER = ("firing", "pending", "inactive")


class Active(NamedTuple):
    """What a rule is true of. state: pending or firing. since: Unix seconds. value: measured."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    state: str
    since: float
    value: float


class Rule(NamedTuple):
    """An alert rule.

    seconds: how long it has to be true until it fires (`for`). interval: seconds between two looks
    at it. wrong: why it can't be evaluated, "" where it can. looked: when it last was, Unix time.
    """

    name: str
    query: str
    seconds: float
    interval: float
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    active: tuple[Active, ...]
    wrong: str
    looked: float

    @property
    def severity(self) -> str:
        """critical, warning or info; "" where it has none."""
        return self.labels.get("severity", "")

    @property
    def bound(self) -> Bound | None:
        """Its threshold, where it is one."""
        return bounds.split(self.query)


class State(NamedTuple):
    """A rule in one environment ("" where it is about none).

    state: inactive, pending or firing. since: Unix seconds, 0 where it is inactive. value: what was
    measured, the worst of several; None where the rule measures no one thing, or nothing is there.
    """

    rule: Rule
    environment: str
    state: str
    since: float
    value: float | None
    labels: Mapping[str, str]
    summary: str


def read(prometheus: Prometheus) -> tuple[Rule, ...]:
    """Return the alert rules that are loaded. Raises Unanswered."""
    return tuple(
        _rule(each, float(group["interval"]))
        for group in prometheus.get("rules", {"type": "alert"})["groups"]
        for each in group["rules"]
    )


def _rule(said: Mapping[str, Any], interval: float) -> Rule:
    wrong = said.get("lastError", "") if said["health"] == "err" else ""
    looked = unix(said["lastEvaluation"]) if said["health"] != "unknown" else 0.0
    active = tuple(
        Active(each["labels"], each["annotations"], each["state"], unix(each["activeAt"]), value)
        for each in said["alerts"]
        for value in [float(each["value"])]
    )
    name, query, seconds = said["name"], said["query"], float(said["duration"])
    labels, annotations = said.get("labels", {}), said.get("annotations", {})
    return Rule(name, query, seconds, interval, labels, annotations, active, wrong, looked)


def measured(prometheus: Prometheus, rules: tuple[Rule, ...]) -> dict[str, tuple[Value, ...]]:
    """Return, by rule, what its expression gives now beside its threshold. Raises Unanswered."""
    return {
        rule.name: prometheus.query(bound.expression)
        for rule in rules
        if (bound := rule.bound) and not rule.wrong
    }


def states(
    rules: tuple[Rule, ...], found: Mapping[str, tuple[Value, ...]], environment: str
) -> tuple[State, ...]:
    """Return the state of every rule by environment, those that fire first.

    found: what `measured` returned. environment: only what is about it or about none; "" is all.
    """
    told = [state for rule in rules for state in _of(rule, found.get(rule.name, ()))]
    mine = [each for each in told if not environment or each.environment in ("", environment)]
    # A rule that is about another environment alone is inactive here.
    for rule in rules:
        if not any(each.rule is rule for each in mine):
            mine.append(State(rule, environment, "inactive", 0.0, None, {}, ""))
    return tuple(sorted(mine, key=lambda each: ORDER.index(each.state)))


def _of(rule: Rule, values: tuple[Value, ...]) -> Iterator[State]:
    active = {each.labels.get("environment", "") for each in rule.active}
    by: dict[str, list[float]] = {}
    for found in values:
        by.setdefault(found.labels.get("environment", ""), []).append(found.value)
    for environment in sorted(active | set(by)) or [""]:
        here = [a for a in rule.active if a.labels.get("environment", "") == environment]
        if not here:
            bound, given = rule.bound, by.get(environment)
            value = bound.worst(given) if bound and given else None
            yield State(rule, environment, "inactive", 0.0, value, {}, "")
        for each in here:
            summary = each.annotations.get("summary", "")
            yield State(rule, environment, each.state, each.since, each.value, each.labels, summary)
