"""What would have halved the noise of a rule: another threshold or another `for`, by its past."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Iterator, NamedTuple, Sequence

from . import episodes
from .bounds import Bound

if TYPE_CHECKING:
    from ..telemetry.prometheus import Prometheus
    from .rules import Rule

Points = Sequence[tuple[float, float]]
Span = tuple[float, float]

MOST = 10_000  # points of one answer: Prometheus gives 11,000 at most
ALL = 40 * MOST  # points of one series that are looked at: a quarter of a year, every 20 seconds


class Halved(NamedTuple):
    """What halves how often a rule fired.

    was: how often it did by this past. threshold: another one, None where none helps, and how often
    it would have fired then. seconds: another `for`, and the same. hides: how many of those that
    somebody had to act on would not have been told with the other threshold.
    """

    was: int
    threshold: float | None
    fired: int
    seconds: float | None
    fired_later: int
    hides: int


def read(
    prometheus: Prometheus, rule: Rule, start: float, end: float
) -> list[tuple[str, list[tuple[float, float]]]]:
    """Return what the rule measured from `start` to `end` (Unix time), each time that it was looked
    at, by environment; a rule without a threshold measures nothing. Raises Unanswered."""
    if not (bound := rule.bound):
        return []
    step = max(rule.interval, math.ceil((end - start) / ALL))
    found: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
    first = math.ceil(start / step) * step
    while first <= end:
        last = min(first + (MOST - 1) * step, end)
        for series in prometheus.range(bound.expression, first, last, step):
            known = found.setdefault(tuple(sorted(series.labels.items())), [])
            known.extend(point for point in series.points if point[1] == point[1])  # NaN is none
        first += MOST * step
    return [(dict(labels).get("environment", ""), points) for labels, points in found.items()]


def halved(
    rule: Rule, measured: Sequence[tuple[str, Points]], needed: Sequence[tuple[str, Span]]
) -> Halved | None:
    """Return what would have halved the noise; None where it fired less than twice.

    needed: environment, and from when to when, of those that somebody had to act on.
    """
    bound = rule.bound
    if not bound or not bound.movable:
        return None
    was = _count(rule, bound, measured)
    if was < 2:
        return None
    threshold, fired = _threshold(rule, bound, measured, was)
    seconds, later = _longer(rule, bound, measured, was)
    hides = 0
    if threshold is not None:
        left = list(_firings(rule, bound._replace(at=threshold), measured))
        hides = sum(not any(_touch(each, span) for span in left) for each in needed)
    return Halved(was, threshold, fired, seconds, later, hides)


def _touch(one: tuple[str, Span], other: tuple[str, Span]) -> bool:
    (here, (first, last)), (there, (begin, end)) = one, other
    return here == there and first <= end and begin <= last


def _count(rule: Rule, bound: Bound, measured: Sequence[tuple[str, Points]]) -> int:
    return sum(1 for _ in _firings(rule, bound, measured))


def _firings(
    rule: Rule, bound: Bound, measured: Sequence[tuple[str, Points]]
) -> Iterator[tuple[str, Span]]:
    """Yield when the rule would have fired; what is over for a moment only is not over."""
    for environment, points in measured:
        times: list[float] = []
        for first, last in _true(rule, bound, points):
            if last - first >= rule.seconds:
                # Every look at which it fired, as the series ALERTS has it.
                times.extend(at for at, _ in points if first + rule.seconds <= at <= last)
        yield from ((environment, span) for span in episodes.runs(times, rule.interval))


def _true(rule: Rule, bound: Bound, points: Points) -> list[Span]:
    """Return from when to when the condition held, look after look."""
    found: list[Span] = []
    before = -math.inf
    for at, value in points:
        if bound.holds(value):
            if found and found[-1][1] == before and at - before <= 1.5 * rule.interval:
                found[-1] = (found[-1][0], at)
            else:
                found.append((at, at))
        before = at
    return found


def _threshold(
    rule: Rule, bound: Bound, measured: Sequence[tuple[str, Points]], was: int
) -> tuple[float | None, int]:
    """Return the mildest threshold with which it would have fired half as often at most.

    A higher threshold can tear one firing in two, which then count twice; so it goes on from what
    is left of them until they are few enough.
    """
    firings = list(_firings(rule, bound, measured))
    while (more := len(firings) - was // 2) > 0:
        peaks = sorted((_peak_of(rule, bound, measured, each) for each in firings))
        peak = peaks[more - 1] if bound.upward else peaks[-more]
        milder = _rounded(peak, bound)
        if milder == bound.at or math.isinf(milder):
            return None, was
        bound = bound._replace(at=milder)
        firings = list(_firings(rule, bound, measured))
    return bound.at, len(firings)


def _peak_of(
    rule: Rule, bound: Bound, measured: Sequence[tuple[str, Points]], firing: tuple[str, Span]
) -> float:
    environment, (begin, end) = firing
    return bound.worst(
        _peak([(at, v) for at, v in points if begin - rule.seconds <= at <= end], rule, bound)
        for where, points in measured
        if where == environment
    )


def _peak(points: Points, rule: Rule, bound: Bound) -> float:
    """Return the threshold up to which it would have fired: of every window as long as its `for`,
    the mildest value; of those, the worst. NaN where there is no such window."""
    sign = 1.0 if bound.upward else -1.0
    window: deque[tuple[float, float]] = deque()  # with rising values: the first is the mildest
    best, since = math.nan, math.inf
    for at, value in points:
        if not bound.holds(value):
            window.clear()
            since = math.inf
            continue
        since = min(since, at)
        while window and window[-1][1] >= sign * value:
            window.pop()
        window.append((at, sign * value))
        while window[0][0] < at - rule.seconds:
            window.popleft()
        if at - since >= rule.seconds and not best >= window[0][1]:
            best = window[0][1]
    return sign * best


def _rounded(value: float, bound: Bound) -> float:
    """Return it to three digits, to the side on which less fires; past it, where it counts too."""
    if math.isinf(value) or math.isnan(value):
        return math.inf
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 2) if value else 0.001
    scaled = round(value / unit, 6)
    steps = math.ceil(scaled) if bound.upward else math.floor(scaled)
    if bound.op.endswith("=") and steps == scaled:
        steps += 1 if bound.upward else -1
    return float(f"{steps * unit:.12g}")


def _longer(
    rule: Rule, bound: Bound, measured: Sequence[tuple[str, Points]], was: int
) -> tuple[float | None, int]:
    """Return the shortest `for`, in whole minutes, with which it would have fired half as often."""
    lasted = sorted(
        last - first for _, points in measured for first, last in _true(rule, bound, points)
    )
    for length in lasted:
        seconds = (math.floor(length / 60) + 1) * 60.0
        if seconds <= rule.seconds:
            continue
        fired = _count(rule._replace(seconds=seconds), bound, measured)
        if fired <= was // 2:
            return seconds, fired
    return None, was
