"""The figures of a review of alerts: pure arithmetic on what fired and who answered."""

from __future__ import annotations

from statistics import mean, median
from typing import NamedTuple, Sequence

from .acks import ACTIONABLE, FALSE_POSITIVE
from .episodes import Episode

NOISIEST = 5
# An alert flaps when it fires as often as this within the time, in seconds.
FLAPS, WITHIN = 3, 3600.0
HEARD = ("critical", "warning")  # whom somebody is told of: info is only kept


class Response(NamedTuple):
    """How soon somebody answered, in seconds. late: how many took longer than the target, or were
    never answered though that long has passed. silent: those of them that never were."""

    answered: int
    mean: float | None
    median: float | None
    worst: float | None
    late: int
    silent: int


class Verdicts(NamedTuple):
    """How what fired was judged. ratio: of false positives among what was judged, None of none."""

    actionable: int
    false_positive: int
    unjudged: int
    ratio: float | None


class Noise(NamedTuple):
    """How often one alert fired in one environment, and for how long in all (seconds)."""

    alert: str
    environment: str
    fired: int
    seconds: float
    false_positives: int


class Flapping(NamedTuple):
    """An alert that fired `times` times within an hour, at most; `since`: when that began."""

    alert: str
    environment: str
    times: int
    since: float


def heard(found: Sequence[Episode]) -> list[Episode]:
    """Return those that somebody was told of."""
    return [each for each in found if each.severity in HEARD and not each.held]


def response(found: Sequence[Episode], target: float, now: float) -> Response:
    """Return how soon was answered what somebody was told of; target: seconds."""
    told = heard(found)
    times = [each.response for each in told if each.response is not None]
    silent = sum(each.response is None and now - each.fired > target for each in told)
    late = silent + sum(seconds > target for seconds in times)
    if not times:
        return Response(0, None, None, None, late, silent)
    return Response(len(times), mean(times), median(times), max(times), late, silent)


def verdicts(found: Sequence[Episode]) -> Verdicts:
    """Return how it was judged."""
    good = sum(each.verdict == ACTIONABLE for each in found)
    false = sum(each.verdict == FALSE_POSITIVE for each in found)
    judged = good + false
    return Verdicts(good, false, len(found) - judged, false / judged if judged else None)


def noisiest(found: Sequence[Episode], now: float) -> list[Noise]:
    """Return the alerts that fired most often, and among those the longest first."""
    by: dict[tuple[str, str], list[Episode]] = {}
    for each in found:
        by.setdefault((each.alert, each.environment), []).append(each)
    counted = [
        Noise(
            *key,
            len(each),
            sum(one.seconds(now) for one in each),
            sum(one.verdict == FALSE_POSITIVE for one in each),
        )
        for key, each in by.items()
    ]
    return sorted(counted, key=lambda noise: (-noise.fired, -noise.seconds))[:NOISIEST]


def flapping(found: Sequence[Episode]) -> list[Flapping]:
    """Return what fired several times within the hour."""
    by: dict[tuple[str, str], list[float]] = {}
    for each in found:
        by.setdefault((each.alert, each.environment), []).append(each.fired)
    flaps = []
    for key, times in by.items():
        most, since = max(
            (sum(first <= at < first + WITHIN for at in times), -first) for first in times
        )
        if most >= FLAPS:
            flaps.append(Flapping(*key, most, -since))
    return flaps


def quiet(names: Sequence[str], found: Sequence[Episode]) -> list[str]:
    """Return the alerts that never fired."""
    return sorted(set(names) - {each.alert for each in found})
