"""What would have halved the noise: against counting it out."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from tasks.lib.alert import bounds, noise
from tasks.lib.alert.rules import Rule

STEP = 60.0
Measured = Sequence[tuple[str, list[tuple[float, float]]]]


def rule(query: str, seconds: float) -> Rule:
    return Rule("A", query, seconds, STEP, {}, {}, (), "", 0.0)


def at(*values: float) -> list[tuple[float, float]]:
    return [(number * STEP, value) for number, value in enumerate(values)]


def spikes(*peaks: float, width: int = 5, apart: int = 10) -> list[tuple[float, float]]:
    """Return points with a plateau of each height, `width` looks wide."""
    return at(*[value for peak in peaks for value in [peak] * width + [0.0] * apart])


@pytest.mark.parametrize(
    ("query", "points", "threshold", "fired"),
    [
        ("x > 1", spikes(2, 3, 4, 5), 3, 2),
        ("x > 1", spikes(2, 3, 4), 3, 1),
        ("x >= 1", spikes(2, 3, 4, 5), 3.01, 2),
        ("x > 0.01", spikes(0.0234567, 0.5), 0.0235, 1),
        ("x < 5", [(t, 9 - v) for t, v in spikes(5, 6, 7, 8)], 3, 2),
        ("x > 1", spikes(2, 2, 2, 2), 2, 0),
    ],
)
def test_the_mildest_threshold_that_halves(
    query: str, points: list[tuple[float, float]], threshold: float, fired: int
) -> None:
    found = noise.halved(rule(query, 120), [("production", points)], [])
    assert found is not None
    assert (found.threshold, found.fired) == (threshold, fired)


def test_a_short_peak_does_not_count_for_its_height() -> None:
    """What was above 90 for less than `for` would not have fired with a threshold of 3."""
    tall = at(*[2, 2, 99, 2, 2, *[0.0] * 10, 3, 3, 3, 3, *[0.0] * 10])
    found = noise.halved(rule("x > 1", 120), [("production", tall)], [])
    assert found and (found.was, found.threshold, found.fired) == (2, 2, 1)


def test_one_that_is_torn_counts_as_two() -> None:
    torn = at(*[5, 5, 5, 2, 2, 2, 6, 6, 6, *[0.0] * 10, 2, 2, 2, *[0.0] * 10])
    found = noise.halved(rule("x > 1", 120), [("production", torn)], [])
    assert found and (found.was, found.threshold, found.fired) == (2, 5, 1)


def test_a_longer_for_and_what_it_leaves() -> None:
    points = at(*[v for width in (3, 5, 8, 20) for v in [2.0] * width + [0.0] * 10])
    found = noise.halved(rule("x > 1", 60), [("production", points)], [])
    assert found and (found.was, found.seconds, found.fired_later) == (4, 300, 2)


def test_environments_are_told_apart_and_what_was_needed_is_named_lost() -> None:
    measured = [("staging", spikes(2, 3)), ("production", spikes(4, 5))]
    needed = [(where, (0.0, 240.0)) for where in ("staging", "production")]
    needed.append(("staging", (900.0, 1140.0)))
    found = noise.halved(rule("x > 1", 120), measured, needed)
    assert found and (found.was, found.threshold, found.fired, found.hides) == (4, 3, 2, 2)


@pytest.mark.parametrize("query", ["x == 0", "a > 1 and b > 2", "vector(1)"])
def test_what_has_no_threshold_to_move_is_left_out(query: str) -> None:
    assert noise.halved(rule(query, 0), [("", spikes(2, 3, 4))], []) is None


def test_once_is_no_noise() -> None:
    assert noise.halved(rule("x > 1", 120), [("", spikes(2))], []) is None


@pytest.mark.parametrize("seed", range(30))
def test_no_milder_threshold_would_have_done(seed: int) -> None:
    chance = random.Random(seed)
    values: list[float] = []
    while len(values) < 300:
        values += [chance.choice([0, 0, 2, 3, 4, 5, 6, 7, 8])] * chance.randint(1, 8)
    about = rule("x > 1", chance.choice([0.0, 120.0, 300.0]))
    measured: Measured = [("a", at(*values[:150])), ("b", at(*values[150:]))]
    bound = about.bound
    assert bound
    was = noise._count(about, bound, measured)
    if was < 2:
        return
    counted = {
        height: noise._count(about, bound._replace(at=float(height)), measured)
        for height in range(2, 9)
    }
    first = next(height for height, fired in counted.items() if fired <= was // 2)
    found = noise.halved(about, measured, [])
    assert found and found.threshold == first and found.fired == counted[first]


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("job:x:rate5m > 0.01", ("job:x:rate5m", ">", 0.01)),
        ('up{job="a > b"} == 0', ('up{job="a > b"}', "==", 0)),
        ("sum by (job) (rate(x[5m])) >= 1e-3", ("sum by (job) (rate(x[5m]))", ">=", 0.001)),
        ("(a > 1 or b) < 5", ("(a > 1 or b)", "<", 5)),
        ("x offset 1h > -2", ("x offset 1h", ">", -2)),
        ("a > 1 and b > 2", None),
        ("a unless b > 0", None),
        ("sum by (job) (rate(x[5m])) > 0 or y > 0", None),
        ("vector(1)", None),
        ("1 < x", None),
        ("a > bool 1", None),
    ],
)
def test_a_rule_is_split_at_its_threshold(
    expression: str, found: tuple[str, str, float] | None
) -> None:
    bound = bounds.split(expression)
    assert (bound and tuple(bound)) == found
