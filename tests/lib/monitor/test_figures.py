"""Numbers as people read them."""

from __future__ import annotations

import pytest

from tasks.lib.monitor import figures


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (figures.number(0), "0"),
        (figures.number(0.1234), "0.123"),
        (figures.number(1234.5), "1,234"),
        (figures.percent(0), "0 %"),
        (figures.percent(0.00001), "< 0.01 %"),
        (figures.percent(0.0123), "1.23 %"),
        (figures.percent(1), "100 %"),
        (figures.seconds(0.0012), "1.2 ms"),
        (figures.seconds(0.9996), "1 s"),
        (figures.seconds(12.5), "12.5 s"),
        (figures.size(512), "512 B"),
        (figures.size(1023), "0.999 KiB"),
        (figures.size(512 * 2**20), "512 MiB"),
        (figures.size(5000 * 2**40), "5,000 TiB"),
        (figures.ago(-1), "0s"),
        (figures.ago(59.6), "1m"),
        (figures.ago(7500), "2h5m"),
        (figures.ago(3 * 86400 + 60), "3d"),
        (figures.ago(90061), "1d1h"),
        (figures.moment(0), "1970-01-01 00:00Z"),
    ],
)
def test_a_figure(said: str, text: str) -> None:
    assert said == text


@pytest.mark.parametrize(
    ("values", "width", "top", "bars"),
    [
        pytest.param([], 5, 0.0, "", id="nothing"),
        pytest.param([1.0], 0, 0.0, "", id="no room"),
        pytest.param([0.0, 0.0], 5, 0.0, "▁▁", id="all zero"),
        pytest.param([0.0, 1.0, 2.0], 3, 0.0, "▁▅█", id="to the largest"),
        pytest.param([0.0, 1.0, 2.0], 3, 8.0, "▁▂▃", id="to the bound"),
        pytest.param([0.0, 4.0, 0.0, 0.0], 2, 0.0, "█▁", id="the largest of several"),
        pytest.param([1.0, None, 1.0], 3, 0.0, "█ █", id="a gap"),
        pytest.param([-1.0, 1.0], 2, 0.0, "▁█", id="below zero"),
    ],
)
def test_a_sparkline(values: list[float | None], width: int, top: float, bars: str) -> None:
    assert figures.spark(values, width, top) == bars


@pytest.mark.parametrize(
    ("points", "cells", "found"),
    [
        pytest.param((), 2, [None, None], id="nothing"),
        pytest.param(((0.0, 1.0), (100.0, 2.0)), 4, [1.0, None, None, 2.0], id="a gap"),
        pytest.param(((10.0, 1.0), (20.0, 3.0), (30.0, 2.0)), 2, [3.0, None], id="the largest"),
        pytest.param(((-1.0, 9.0), (99.0, 1.0)), 1, [1.0], id="before the start"),
    ],
)
def test_points_in_equal_parts_of_a_time(
    points: tuple[tuple[float, float], ...], cells: int, found: list[float | None]
) -> None:
    assert figures.grid(points, 0.0, 100.0, cells) == found
