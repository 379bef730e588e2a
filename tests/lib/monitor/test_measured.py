"""What is made of Prometheus's answers."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tasks.lib.monitor.measured import by_name, firing, step_of
from tasks.lib.telemetry import names
from tasks.lib.telemetry.prometheus import Series


def series(name: str, job: str, *values: float) -> Series:
    return Series(
        {"__name__": name, "job": job}, tuple((float(i), v) for i, v in enumerate(values))
    )


def test_the_services_own_series_come_before_those_of_its_scrape() -> None:
    scrape, own = series(names.UP, "pi-forge", 1), series(names.UP, "shop", 2)
    for order in ([scrape, own], [own, scrape]):
        assert by_name(order, "shop")[names.UP] == ((0.0, 2.0),)
    assert by_name([scrape], "shop")[names.UP] == ((0.0, 1.0),)


def test_of_the_scrape_only_what_is_about_it_counts() -> None:
    assert by_name([series(names.RATE, "pi-forge", 1)], "shop") == {}
    assert by_name([series(names.UP, "another", 1)], "shop") == {}


def test_points_that_are_no_number_are_none() -> None:
    found = by_name([series(names.P95, "shop", math.nan, 0.5, math.inf)], "shop")
    assert found == {names.P95: ((1.0, 0.5),)}
    assert by_name([series(names.P95, "shop", math.nan)], "shop") == {}


@pytest.mark.parametrize(
    ("labels", "state", "counts"),
    [
        ({"environment": "x"}, "firing", True),
        ({"environment": "y"}, "firing", False),
        ({}, "firing", True),
        ({"environment": "x"}, "pending", False),
    ],
)
def test_alerts_of_an_environment_and_of_none(
    labels: dict[str, str], state: str, counts: bool
) -> None:
    alert: dict[str, Any] = {
        "labels": {"alertname": "A", "severity": "critical", **labels},
        "annotations": {"summary": "it is so"},
        "state": state,
        "activeAt": "1970-01-01T00:01:40.123456789Z",
    }
    found = list(firing([alert], "x"))
    assert bool(found) == counts
    if counts:
        assert found[0] == ("A", "critical", 100.123456, "it is so")
        whole = {**alert, "activeAt": "1970-01-01T00:01:40Z"}
        assert [each.since for each in firing([whole], "x")] == [100.0]


@pytest.mark.parametrize(("window", "step"), [(300, 15), (1800, 30), (86400, 1440)])
def test_a_past_has_no_more_points_than_fit(window: float, step: float) -> None:
    assert step_of(window) == step
