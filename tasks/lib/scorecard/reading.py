"""Read all that the figures rest on: journals, git and the alerts, each where it is."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping, NamedTuple, Sequence

from invoke.context import Context

from .. import config, evidence, journal, project
from ..errors import Refused, Trouble
from ..moment import known
from . import changes, runs
from .figures import Evidence

if TYPE_CHECKING:
    from ..settings import Environment, Settings

LINES = 20_000  # the newest lines of a host's journal; a run writes four at the most
KINDS = ('"deploy"', '"rollback"', '"test"')  # what a line has to say to be looked at
SANDBOX = "sandbox"


class Read(NamedTuple):
    """What was read. targets: by figure. notes: what could not be read, a sentence each."""

    app: str
    environment: str
    start: float
    end: float
    evidence: Evidence
    targets: Mapping[str, float]
    notes: tuple[str, ...]


def read(c: Context, name: str, seconds: float) -> Read:
    """Return what there is of the environment, of the last `seconds` and of as long before them.

    name: "" is production: see `last`. A host, git, Prometheus or Alertmanager that is away is part
    of what is returned. Raises Refused for what the configuration has wrong.
    """
    settings, root = config.load(c), project.root(c)
    environment = settings.environment(name or last(settings))
    end = time.time()
    start, since = end - seconds, end - 2 * seconds
    notes: list[str] = []
    entries = journal.content(journal.where(root), KINDS).entries
    done = runs.read(_journals(settings, environment, root, notes), entries, environment.name)
    brought = changes.read(root, done, since)
    notes += [f"Nothing is known of tags and commits: {brought.wrong}"] if brought.wrong else []
    answers, verdicts = _alerts(c, environment.name, 2 * seconds, notes)
    if done and done[0].ended > start:
        day = time.strftime("%Y-%m-%d", time.gmtime(done[0].ended))
        notes.append(f"The journals begin on {day}, within this time.")
    rests = Evidence(done, brought, _tests(entries), answers, verdicts)
    targets = targets_of(settings)
    return Read(settings.app, environment.name, start, end, rests, targets, tuple(notes))


def last(settings: Settings) -> str:
    """Return the environment that counts as production: that which comes after others and before
    none; where several do, the last of the configuration. Where there is no other, or only those of
    the example, it is the sandbox.
    """
    others = [name for name in settings.environments if name != SANDBOX]
    before = {str(settings.environments[name].get("after", "")) for name in others}
    ends = [name for name in others if name not in before and not _example(settings, name)]
    return ends[-1] if ends else SANDBOX


def _example(settings: Settings, name: str) -> bool:
    from ..circle.asked import example

    try:
        return example(settings.environment(name))
    except Refused:
        return False  # what is wrong with it is said when it is asked


def targets_of(settings: Settings) -> dict[str, float]:
    """Return the targets that the configuration sets, by figure."""
    card, alerting = settings.scorecard, settings.alert
    return {
        "time_to_deploy": card.deploy,
        "time_to_roll_back": card.rollback,
        "coverage": settings.test.coverage / 100,
        "deployment_success": card.success,
        "alert_response": alerting.response,
        "false_positives": alerting.false_positives,
    }


def _journals(
    settings: Settings, environment: Environment, root: Path, notes: list[str]
) -> dict[str, list[dict[str, Any]]]:
    from ..history import ask
    from ..target import targets

    try:
        if _example(settings, environment.name):
            raise Refused("they are the example's: put your own in invoke.yaml.")
        found, absent = ask(targets(settings, environment, root), environment, LINES)
    except Trouble as error:
        found, absent = {}, {f"{environment.name}'s hosts": str(error)}
    own = "" if found else " What this clone's journal has is told."
    notes += [f"{host} could not be asked: {why}{own}" for host, why in absent.items()]
    return found


def _tests(entries: Sequence[Mapping[str, Any]]) -> list[tuple[float, float]]:
    """Return when all tests were run here, and the share of the code that they reached."""
    found = []
    for entry in entries:
        if entry.get("phase") != "test" or entry.get("outcome") == "refused":
            continue
        detail, at = evidence.detail(entry), known(entry.get("at"))
        if at is None or detail.get("partial"):
            continue
        parts = detail.get("coverage")
        first = parts[0] if isinstance(parts, list) and parts else None
        percent = first.get("percent") if isinstance(first, dict) else None
        if isinstance(percent, (int, float)):
            found.append((at, percent / 100))
    return found


def _alerts(
    c: Context, name: str, seconds: float, notes: list[str]
) -> tuple[list[tuple[float, float]], list[tuple[float, bool]]]:
    """Return how soon alerts were answered, and how they were judged, as the review has it."""
    from ..alert import acks, figures, past, world
    from ..telemetry import alertmanager, prometheus

    try:
        found = past.read(world.read(c, name), seconds, name)
    except (Refused, prometheus.Unanswered, alertmanager.Unanswered) as error:
        notes.append(f"Nothing is known of alerts: {error}")
        return [], []
    heard = figures.heard(found)
    answers = [(each.fired, each.response) for each in heard if each.response is not None]
    judged = [(e.fired, e.verdict == acks.FALSE_POSITIVE) for e in found if e.verdict]
    return answers, judged
