"""The scorecard as it is read: a table for people, plain objects for programs."""

from __future__ import annotations

import time
from typing import Any, Sequence

from .. import console
from ..duration import show as length
from .figures import DORA, RATIO, RUNBOOK, SECONDS, Figure
from .reading import Read

GROUPS = {RUNBOOK: "the runbook's figures", DORA: "DORA's four keys", "beside": "beside them"}
UNKNOWN = "not known"
_STEPS = ((86400, 3600), (3600, 60), (60, 1))  # seconds from which on less than these says nothing


def day(at: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(at))


def shown(value: float | None, unit: str) -> str:
    """Return a value as people read it, "" for none."""
    if value is None:
        return ""
    if unit == SECONDS:
        step = next((step for least, step in _STEPS if value >= least), 0.1)
        return length(round(round(value / step) * step, 1))
    if unit == RATIO:
        return f"{value * 100:.1f}".removesuffix(".0") + " %"
    return f"{value:.2f}".rstrip("0").rstrip(".") + " a week"


def target(figure: Figure) -> str:
    """Return the target with its sign, "" for none."""
    sign = ">" if figure.kind.high else "<"
    return f"{sign} {shown(figure.target, figure.kind.unit)}" if figure.target is not None else ""


def rests(figure: Figure) -> str:
    """Return on how many events the figure rests, and of how many more it isn't known."""
    now = figure.now
    many = f"{now.events} of {now.of}" if now.events < now.of else str(now.events)
    return f"{many} {figure.kind.rests}{'s' * (now.of != 1)}"


def held(figure: Figure) -> str:
    """Return in a word whether the target is met, "" where that isn't known."""
    return {True: "met", False: "MISSED", None: ""}[figure.met]


def show(read: Read, figures: Sequence[Figure]) -> None:
    """Print it."""
    span = f"{day(read.start)} to {day(read.end)}"
    console.say(f"Scorecard of {read.app} on {read.environment}, {span}")
    for group, title in GROUPS.items():
        own = [each for each in figures if each.kind.group == group]
        console.say()
        console.table(
            [_row(each) for each in own], (title, "is", "target", "", "before", "rests on")
        )
    spread = [each for each in figures if each.mean is not None]
    if spread:
        console.say()
        console.table([_spread(each) for each in spread], ("", "mean", "median", "p90", "worst"))
    console.say()
    for each in figures:
        if each.now.value is None:
            console.say(f"{each.kind.label}: {UNKNOWN}, as {each.kind.lacking}.")
    for note in read.notes:
        console.warn(note)


def _row(figure: Figure) -> tuple[str, ...]:
    unit = figure.kind.unit
    before = shown(figure.before.value, unit) or "?"
    return (
        figure.kind.label,
        shown(figure.now.value, unit) or UNKNOWN,
        target(figure),
        held(figure),
        f"{before} ({figure.trend})" if figure.trend else before,
        rests(figure),
    )


def _spread(figure: Figure) -> tuple[str, ...]:
    values = (figure.mean, figure.median, figure.p90, figure.worst)
    return figure.kind.label, *(shown(value, figure.kind.unit) for value in values)


def document(read: Read, figures: Sequence[Figure]) -> dict[str, Any]:
    """Return it as plain objects: seconds, shares of 1, and how often a week."""
    told: dict[str, dict[str, Any]] = {group: {} for group in GROUPS}
    for each in figures:
        told[each.kind.group][each.kind.key] = _plain(each)
    return {
        "app": read.app,
        "environment": read.environment,
        "since": read.start,
        "until": read.end,
        **told,
        "notes": list(read.notes),
    }


def _plain(figure: Figure) -> dict[str, Any]:
    kind, now = figure.kind, figure.now
    found: dict[str, Any] = {
        "value": now.value,
        "unit": kind.unit,
        "target": figure.target,
        "met": figure.met,
        "events": now.events,
        "of": now.of,
        "before": figure.before.value,
        "before_events": figure.before.events,
        "trend": figure.trend,
    }
    if kind.unit == SECONDS or now.values:
        found |= {key: getattr(figure, key) for key in ("mean", "median", "p90", "worst")}
    if now.value is None:
        found["why"] = kind.lacking
    return found
