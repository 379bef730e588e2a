"""Time in pieces: which of them were out of bounds, where nothing was measured, and sums. Pure.

A point at a time `t` is about the `step` seconds that end there.
"""

from __future__ import annotations

from typing import Callable, Iterable, Iterator, NamedTuple

from .measured import Points


class Span(NamedTuple):
    """From when to when (Unix time), and the worst value between."""

    start: float
    end: float
    worst: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.start


def within(points: Points, start: float, end: float) -> Points:
    """Return the points that are about what lies between two times."""
    return tuple(each for each in points if start < each[0] <= end)


def spans(
    points: Points,
    step: float,
    bad: Callable[[float], bool],
    worse: Callable[[Iterable[float]], float] = max,
) -> tuple[Span, ...]:
    """Return when `bad` held, neighbours as one."""
    found: list[Span] = []
    for at, value in points:
        if not bad(value):
            continue
        if found and at - step - found[-1].end < step / 2:
            last = found.pop()
            found.append(Span(last.start, at, worse((last.worst, value))))
        else:
            found.append(Span(at - step, at, value))
    return tuple(found)


def gaps(points: Points, start: float, end: float, step: float) -> tuple[Span, ...]:
    """Return when there are no points at all, of more than one step."""
    return tuple(each for each in _gaps(points, start, end, step) if each.seconds > 1.5 * step)


def _gaps(points: Points, start: float, end: float, step: float) -> Iterator[Span]:
    before = start
    for at, _ in within(points, start, end):
        if at - step > before + step / 2:
            yield Span(before, at - step, 0.0)
        before = at
    if end > before + step / 2:
        yield Span(before, end, 0.0)


def mean(points: Points) -> float | None:
    """Return the mean value, None without points."""
    return sum(value for _, value in points) / len(points) if points else None


def worst(points: Points) -> float | None:
    """Return the largest value, None without points."""
    return max((value for _, value in points), default=None)


def total(points: Points, step: float) -> float | None:
    """Return what a rate (per second) comes to over its points."""
    return sum(value for _, value in points) * step if points else None
