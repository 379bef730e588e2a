"""Time in pieces."""

from __future__ import annotations

import pytest

from tasks.lib.monitor import spans
from tasks.lib.monitor.measured import Points
from tasks.lib.monitor.spans import Span


def over(value: float) -> bool:
    return value > 1


@pytest.mark.parametrize(
    ("points", "found"),
    [
        pytest.param((), (), id="nothing"),
        pytest.param(((60, 1.0), (120, 1.0)), (), id="at the bound"),
        pytest.param(((60, 2.0),), (Span(0, 60, 2.0),), id="one piece"),
        pytest.param(((60, 2.0), (120, 3.0), (180, 1.0)), (Span(0, 120, 3.0),), id="neighbours"),
        pytest.param(
            ((60, 2.0), (120, 1.0), (180, 3.0)), (Span(0, 60, 2.0), Span(120, 180, 3.0)), id="two"
        ),
        pytest.param(
            ((60, 2.0), (180, 3.0)), (Span(0, 60, 2.0), Span(120, 180, 3.0)), id="nothing between"
        ),
    ],
)
def test_when_something_held(points: Points, found: tuple[Span, ...]) -> None:
    assert spans.spans(points, 60, over) == found


def test_the_worst_can_be_the_least() -> None:
    points = ((60.0, 0.5), (120.0, 0.25))
    assert spans.spans(points, 60, lambda v: v < 1, min) == (Span(0, 120, 0.25),)


@pytest.mark.parametrize(
    ("times", "found"),
    [
        pytest.param((60, 120, 180, 240), (), id="none"),
        pytest.param((), ((0, 240),), id="no points at all"),
        pytest.param((60, 240), ((60, 180),), id="between"),
        pytest.param((180, 240), ((0, 120),), id="at the begin"),
        pytest.param((60, 120), ((120, 240),), id="at the end"),
        pytest.param((60, 120, 240), (), id="one piece alone is none"),
    ],
)
def test_where_nothing_was_measured(
    times: tuple[float, ...], found: tuple[tuple[float, float], ...]
) -> None:
    points = tuple((float(at), 1.0) for at in times)
    assert tuple((each.start, each.end) for each in spans.gaps(points, 0, 240, 60)) == found


def test_a_point_belongs_to_the_period_that_it_ends_in() -> None:
    points = ((0.0, 1.0), (60.0, 2.0), (120.0, 3.0))
    assert spans.within(points, 0, 60) == ((60.0, 2.0),)


def test_sums() -> None:
    points = ((60.0, 2.0), (120.0, 4.0))
    assert (spans.mean(points), spans.worst(points), spans.total(points, 60)) == (3.0, 4.0, 360.0)
    assert (spans.mean(()), spans.worst(()), spans.total((), 60)) == (None, None, None)
