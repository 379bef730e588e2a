"""Whether what ships for alerting holds together: rules, their tests, routes, pages, thresholds."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Iterator, NamedTuple

import yaml

from .. import console, duration, tools
from ..declare import Outcome
from ..errors import NotClosed, Refused
from ..settings import Settings
from . import bounds, receivers

# What both programs come with.
PACKAGES = {"promtool": "prometheus", "amtool": "prometheus-alertmanager"}
# How long the runbook has them true before they fire, in seconds.
WAITS = {"HighErrorRate": 300.0, "HighLatency": 300.0, "ServiceDown": 60.0}
THRESHOLDS = {"HighErrorRate": "error_ratio", "HighLatency": "p95"}
SEVERITIES = ("critical", "warning", "info")
CALLING = {"pagerduty", "opsgenie", "victorops", "pushover"}


class Shipped(NamedTuple):
    """What is looked at. rules: the alerts, by name, as their files say them. tests: promtool's.
    config: Alertmanager's configuration. pages: the directory of the alerts' pages."""

    root: Path
    rules: dict[str, dict[str, Any]]
    tests: tuple[Path, ...]
    config: Path
    pages: Path


def check(settings: Settings, root: Path) -> Outcome:
    """Look at it all, and say what was found.

    Raises Refused where promtool, amtool or a file that they read is missing, and NotClosed with
    the first difference.
    """
    programs = {name: _program(root, name) for name in PACKAGES}
    shipped = read(settings, root)
    console.say(f"{len(shipped.rules)} alerts, {len(shipped.tests)} files of tests.")
    for wrong in differences(settings, shipped, programs):
        raise NotClosed(wrong[0], kind="rules", evidence=wrong[1])
    for name, value in _apart(settings, shipped):
        console.warn(f"environments.{name} says {value}: its alerts fire as the others' do.")
    console.say("Rules, tests, routes, thresholds and pages hold together.")
    return Outcome({"alerts": sorted(shipped.rules), "tests": len(shipped.tests)})


def _program(root: Path, name: str) -> Path:
    found = tools.find(root, name)
    if not found:
        raise Refused(
            f"{name} is not installed: `apt install {PACKAGES[name]}`, or take it from"
            " https://prometheus.io/download, then run `inv alert.check` again.",
            kind="tool",
        )
    return found


def read(settings: Settings, root: Path) -> Shipped:
    """Return what ships, of the project at `root`. Raises Refused where it can't be read."""
    main = _yaml(root / "prometheus.yml")
    files = [path for glob in main.get("rule_files") or () for path in sorted(root.glob(glob))]
    alerts = {
        rule["alert"]: rule
        for file in files
        for group in _yaml(file).get("groups") or ()
        for rule in group.get("rules") or ()
        if "alert" in rule
    }
    config = (
        root
        / settings.alert.directory
        / (os.environ.get("ALERTMANAGER_CONFIG") or "alertmanager.yml")
    )
    _yaml(config)
    tests = tuple(sorted((root / "prometheus/tests").rglob("*.yml")))
    return Shipped(root, alerts, tests, config, root / settings.alert.pages)


def _yaml(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text())
    except OSError as error:
        raise Refused(f"{path} can't be read ({error.strerror}).", kind="config") from None
    except yaml.YAMLError as error:
        where = str(error).splitlines()[-1].strip()
        raise Refused(f"{path} is no YAML: {where}.", kind="config") from None
    if not isinstance(found, dict):
        raise Refused(f"{path} says nothing.", kind="config")
    return found


def differences(
    settings: Settings, shipped: Shipped, programs: dict[str, Path]
) -> Iterator[tuple[str, str]]:
    """Yield what does not hold, as a sentence and what a program said of it, the gravest first."""
    promtool, amtool = programs["promtool"], programs["amtool"]
    root, config = shipped.root, shipped.config.relative_to(shipped.root)
    yield from _told(
        (promtool, "check", "config", "prometheus.yml"), root, "Prometheus would not start with it"
    )
    yield from ((each, "") for each in watched(settings, shipped.rules))
    # Before the tests, which are wrong as well where a threshold was changed.
    yield from ((each, "") for each in thresholds(settings, shipped.rules))
    yield from ((each, "") for each in labels(shipped))
    if shipped.tests:
        yield from _told(
            (promtool, "test", "rules", *shipped.tests),
            root,
            "A rule does not do what its test says",
        )
    yield from _told((amtool, "check-config", config), root, "Alertmanager would not start with it")
    yield from ((each, "") for each in routes(shipped, amtool))


def _told(argv: tuple[str | Path, ...], root: Path, what: str) -> Iterator[tuple[str, str]]:
    ran = tools.run(argv, root, show=False)
    if ran.code:
        words = " ".join(str(word) for word in argv[1:3])
        newer = "msteamsv2_configs not found" in ran.output
        more = " (Microsoft Teams needs amtool 0.28 or newer)" if newer else ""
        name = Path(argv[0]).name
        yield f"{what}{more}: `{name} {words}` says why.", _last(ran.output)


def _last(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip() and "SUCCESS" not in line]
    return "\n".join(lines[:20])


def watched(settings: Settings, rules: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield where the rules are about another service than the one that is deployed."""
    expr = str(rules.get("ServiceDown", {}).get("expr", ""))
    jobs = re.findall(r'\bjob="([^"]*)"', expr)
    if jobs and settings.app not in jobs:
        yield (
            f"ServiceDown is about the job {jobs[0]}, and the app is {settings.app}: name that in"
            " prometheus.yml, prometheus/rules and prometheus/tests."
        )


def thresholds(settings: Settings, rules: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield where a rule fires at something else than the configuration says, or sooner or later
    than the runbook has it."""
    for name, key in THRESHOLDS.items():
        if name not in rules:
            yield f"There is no alert {name}: put it back into prometheus/rules."
        elif not (bound := bounds.split(rules[name]["expr"])):
            yield f"{name} has no threshold that can be compared with service.thresholds.{key}."
        elif said := {_wanted(settings, env, key) for env in settings.environments}:
            if bound.at not in said:
                yield (
                    f"{name} fires above {bound.at:g}, but service.thresholds.{key} is"
                    f" {min(said):g}: change one of the two."
                )
    for name, seconds in WAITS.items():
        waits = duration.parse(str(rules.get(name, {}).get("for", "0s")))
        if waits != seconds:
            yield f"{name} fires after {waits:g}s, and should after {seconds:g}s (`for:`)."


def _wanted(settings: Settings, environment: str, key: str) -> float:
    said = settings.environments[environment].get("thresholds") or {}
    value = said.get(key, {"error_ratio": 0.01, "p95": "1s"}[key])
    return duration.parse(value) if isinstance(value, str) else float(value)


def _apart(settings: Settings, shipped: Shipped) -> Iterator[tuple[str, str]]:
    """Yield the environments whose deploys are watched by another threshold than the alerts'."""
    for name, key in THRESHOLDS.items():
        bound = bounds.split(shipped.rules[name]["expr"])
        for environment in settings.environments:
            value = _wanted(settings, environment, key)
            if bound and value != bound.at:
                yield environment, f"thresholds.{key} is {value:g}, and {name} {bound.at:g}"


def labels(shipped: Shipped) -> Iterator[str]:
    """Yield the alerts that don't say how bad they are, what of, or what to do."""
    for name, rule in shipped.rules.items():
        said, told = rule.get("labels") or {}, rule.get("annotations") or {}
        if said.get("severity") not in SEVERITIES:
            yield f"{name} has no severity of {', '.join(SEVERITIES)}: nobody knows who is told."
        for key, where in (("service", said), ("summary", told), ("description", told)):
            if not where.get(key):
                yield f"{name} has no {key}: whoever is told needs it."
        if not (shipped.pages / f"{name}.md").is_file():
            yield f"{name} has no page: write {_below(shipped, name)}, what to do when it fires."
        elif not told.get("runbook_url", "").endswith(_below(shipped, name)):
            yield f"The runbook_url of {name} does not lead to {_below(shipped, name)}: correct it."


def _below(shipped: Shipped, name: str) -> str:
    return f"{shipped.pages.relative_to(shipped.root).as_posix()}/{name}.md"


def routes(shipped: Shipped, amtool: Path) -> Iterator[str]:
    """Yield the severities that go where they should not: critical calls somebody, warning tells
    and calls nobody, info tells nobody."""
    known = {each.name: each for each in receivers.read(shipped.config.read_text(), None)}
    for severity in SEVERITIES:
        words = ("config", "routes", "test", f"--config.file={shipped.config}")
        ran = tools.run((amtool, *words, f"severity={severity}"), shipped.root, show=False)
        names = [word for word in re.split(r"[,\s]+", ran.output) if word in known]
        kinds = {way.kind for name in names for way in known[name].ways}
        console.say(
            f"{severity} goes to {', '.join(names)}: {', '.join(sorted(kinds)) or 'no way'}."
        )
        if severity == "critical" and not kinds & CALLING:
            yield f"critical goes to {names}, which calls nobody: have PagerDuty or OpsGenie in it."
        if severity == "warning" and (not kinds or kinds & CALLING):
            yield f"warning goes to {names}: it should tell a channel, and call nobody."
        if severity == "info" and kinds:
            yield f"info goes to {names}, and should tell nobody: it is kept in the history."
