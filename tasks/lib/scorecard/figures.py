"""The figures: pure arithmetic on what was read. docs/SCORECARD.md defines each."""

from __future__ import annotations

import math
from statistics import mean, median
from typing import Callable, Mapping, NamedTuple, Sequence

from .changes import Changes
from .runs import CLOSED, DEPLOY, ROLLBACK, Run, left

WEEK = 7 * 86400.0
SECONDS, RATIO, WEEKLY = "s", "1", "1/week"
RUNBOOK, DORA = "runbook", "dora"


class Measured(NamedTuple):
    """What one figure came to in one period.

    value: what is held against the target; None is not known. events: how many it rests
    on. values: theirs, where each has one. of: how many there were, those included of which it is
    not known.
    """

    value: float | None
    events: int
    values: tuple[float, ...] = ()
    of: int = 0


class Kind(NamedTuple):
    """A figure, whatever it came to. key: its name for programs. rests: on what it rests, in words.
    high: whether more is better. lacking: why it isn't known, where it isn't."""

    key: str
    group: str
    label: str
    unit: str
    rests: str
    high: bool
    lacking: str


class Figure(NamedTuple):
    """A figure of the period, beside that of the period before. target: None where it has none.

    mean, median, p90 and worst are of what each event took; None of a share.
    """

    kind: Kind
    now: Measured
    before: Measured
    target: float | None
    mean: float | None
    median: float | None
    p90: float | None
    worst: float | None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none or the figure is not known."""
        if self.now.value is None or self.target is None:
            return None
        if self.kind.high:
            return self.now.value > self.target
        return self.now.value < self.target

    @property
    def trend(self) -> str:
        """Return "better" or "worse" than in the period before, or "same"; "" is not known."""
        now, before = self.now.value, self.before.value
        if now is None or before is None:
            return ""
        if math.isclose(now, before, rel_tol=0.01):
            return "same"
        return "better" if (now > before) == self.kind.high else "worse"


class Evidence(NamedTuple):
    """What the figures rest on, of both periods.

    runs: in their order. changes: when tags and commits were made. tests: when all tests were run,
    and the share of the code that they reached. answers: when an alert fired of which somebody was
    told, and the seconds until somebody answered. verdicts: when one fired that was judged, and
    whether it was a false positive.
    """

    runs: Sequence[Run]
    changes: Changes
    tests: Sequence[tuple[float, float]]
    answers: Sequence[tuple[float, float]]
    verdicts: Sequence[tuple[float, bool]]


Within = Callable[[float], bool]
_RUNS = "no deploy in the journals"

KINDS: Mapping[str, Kind] = {
    kind.key: kind
    for kind in (
        Kind("time_to_deploy", RUNBOOK, "time to deploy", SECONDS, "tag", False,
             "no tag's first deployment was verified in this time"),
        Kind("time_to_roll_back", RUNBOOK, "time to roll back", SECONDS, "rollback", False,
             "no rollback was verified in this time"),
        Kind("coverage", RUNBOOK, "coverage", RATIO, "test run", True,
             "no run of all tests here measured it: `inv test --coverage`"),
        Kind("deployment_success", RUNBOOK, "deployment success", RATIO, "deployment", True,
             "nothing was deployed in this time"),
        Kind("alert_response", RUNBOOK, "alert response", SECONDS, "alert", False,
             "no alert was answered in this time"),
        Kind("false_positives", RUNBOOK, "false positives", RATIO, "verdict", False,
             "no alert was judged in this time"),
        Kind("deployment_frequency", DORA, "deployment frequency", WEEKLY, "deployment", True,
             _RUNS),
        Kind("lead_time", DORA, "lead time for changes", SECONDS, "commit", False,
             "no commit reached users in this time"),
        Kind("change_failure_rate", DORA, "change failure rate", RATIO, "deployment", False,
             "no deployment reached users in this time"),
        Kind("time_to_restore", DORA, "time to restore", SECONDS, "failure", False,
             "no deployment that reached users failed in this time"),
        Kind("watch", "beside", "the deploy's watch", SECONDS, "deployment", False,
             "no watch was written down in this time"),
    )
}  # fmt: skip


def figures(
    evidence: Evidence, targets: Mapping[str, float], start: float, end: float
) -> list[Figure]:
    """Return the figures from `start` to `end` (Unix time), beside those of as long before it.

    targets: by a figure's key.
    """
    now = measured(evidence, start, end)
    before = measured(evidence, 2 * start - end, start)
    return [
        Figure(kind, now[key], before[key], targets.get(key), *_spread(now[key].values, kind.high))
        for key, kind in KINDS.items()
    ]


def _spread(values: Sequence[float], high: bool) -> tuple[float | None, ...]:
    """Return mean, median, what nine of ten are no worse than, and the worst."""
    if not values:
        return None, None, None, None
    order = sorted(values, reverse=high)
    return mean(order), median(order), order[math.ceil(0.9 * len(order)) - 1], order[-1]


def measured(evidence: Evidence, start: float, end: float) -> dict[str, Measured]:
    """Return what each figure came to from `start` on, before `end`."""

    def within(at: float) -> bool:
        return start <= at < end

    runs, changes = evidence.runs, evidence.changes
    tests = [ratio for at, ratio in evidence.tests if within(at)]
    verdicts = [false for at, false in evidence.verdicts if within(at)]
    return {
        "time_to_deploy": _times(_to_deploy(runs, changes, within)),
        "time_to_roll_back": _times(_to_roll_back(runs, within)),
        # What counts is how the code is now, not how it was on the mean.
        "coverage": Measured(tests[-1] if tests else None, len(tests), tuple(tests), len(tests)),
        "alert_response": _times([took for at, took in evidence.answers if within(at)]),
        "false_positives": _share(sum(verdicts), len(verdicts)),
        "lead_time": _times(_leads(runs, changes, within)),
        "deployment_frequency": _often(runs, start, end),
        **_deployments(runs, within),
    }


def _often(runs: Sequence[Run], start: float, end: float) -> Measured:
    """Return how often a week users had a new release; not known from before the first of all."""
    seen = sum(run.kind == DEPLOY and run.seen and start <= run.ended < end for run in runs)
    begun = any(run.ended < end for run in runs)
    return Measured(seen / (end - start) * WEEK if begun else None, seen, of=seen)


def _deployments(runs: Sequence[Run], within: Within) -> dict[str, Measured]:
    """Return how many deployments there were, how many failed, and for how long users had those."""
    gone = left(runs)
    deployed = [run for run in runs if run.kind == DEPLOY and within(run.ended)]
    failed = [run for run in deployed if run.outcome != CLOSED or run.run in gone]
    seen, broken = ([run for run in each if run.seen] for each in (deployed, failed))
    watched = [run.watched for run in deployed if run.outcome == CLOSED]
    return {
        "deployment_success": _share(len(deployed) - len(failed), len(deployed)),
        "change_failure_rate": _share(len(broken), len(seen)),
        "time_to_restore": _times([_restored(run, runs, gone) for run in broken]),
        "watch": _times(watched),
    }


def _times(found: Sequence[float | None]) -> Measured:
    values = tuple(value for value in found if value is not None)
    return Measured(mean(values) if values else None, len(values), values, len(found))


def _share(part: int, whole: int) -> Measured:
    return Measured(part / whole if whole else None, whole, of=whole)


def _to_deploy(runs: Sequence[Run], changes: Changes, within: Within) -> list[float | None]:
    """Return, of each tag whose first deployment closed then, how long that took it."""
    done: set[tuple[str, str]] = set()
    found: list[float | None] = []
    for run in runs:
        tag = (run.version, run.commit)
        if run.kind != DEPLOY or run.outcome != CLOSED or tag in done or tag not in changes.tags:
            continue
        done.add(tag)
        if within(run.ended):
            found.append(_between(changes.tags[tag], run.verified))
    return found


def _to_roll_back(runs: Sequence[Run], within: Within) -> list[float | None]:
    return [
        _between(run.begun, run.verified)
        for run in runs
        if run.kind == ROLLBACK and run.outcome == CLOSED and within(run.ended)
    ]


def _leads(runs: Sequence[Run], changes: Changes, within: Within) -> list[float | None]:
    """Return, of each commit that first reached users to stay then, how long that took it."""
    found: list[float | None] = []
    for run in runs:
        if run.run in changes.brought and within(run.ended):
            found += [_between(at, run.verified) for at in changes.brought[run.run]]
    return found


def _restored(run: Run, runs: Sequence[Run], gone: Mapping[str, Run]) -> float | None:
    """Return for how long users had a deployment that failed; None where it isn't known."""
    if run.back:
        return _between(run.switched, run.ended)
    later = gone.get(run.run) or next(
        (each for each in runs if each.ended > run.ended and each.outcome == CLOSED), None
    )
    return _between(run.switched, later.verified) if later else None


def _between(start: float | None, end: float | None) -> float | None:
    """Return the seconds between two moments, None where one isn't known.

    Two machines' clocks may differ: what then seems to end before it began took no time.
    """
    return None if start is None or end is None else max(0.0, end - start)
