"""What a watch says: beforehand how long it takes to see a bad release, then each check."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from . import console
from .duration import show
from .watch import Readings, told

if TYPE_CHECKING:
    from .settings import Environment

LINES = 60  # of a watch, where they stay: some are enough of a long one


def limits(environment: Environment, seconds: float) -> str:
    """Return for how long is watched, and what must hold."""
    ratio = f"error ratio at most {environment.thresholds.error_ratio:g}"
    return f"{show(seconds)}: {ratio}, p95 at most {show(environment.thresholds.p95)}"


def reaction(environment: Environment) -> str:
    """Return how long after a release has turned bad that is known: `interval` times `failures`,
    and by Prometheus after what it takes to be exported and scraped, too, once or twice."""
    from .telemetry.watched import late, needed

    own, behind = environment.thresholds, late(environment.observability)
    quick = own.interval * own.failures
    if not behind:
        return f"about {show(quick)}"
    return (
        f"about {show(quick)} (by Prometheus {show(quick + behind)} to {show(needed(environment))})"
    )


def beforehand(environment: Environment, seconds: float) -> str:
    """Return what is said when a watch begins."""
    known = f"a bad release is known after {reaction(environment)}"
    return f"  {limits(environment, seconds)};\n  {known}"


class Shown:
    """The checks of one watch: on a terminal one line that is written again, else some lines."""

    def __init__(self, seconds: float) -> None:
        self._every, self._next = 0.9 * seconds / LINES, -math.inf
        self._live = console.rewritable()
        self._begun = False

    def check(self, readings: Readings, spent: float) -> None:
        """Show what a check measured, `spent` seconds after the begin."""
        if self._live:
            console.rewrite(told(readings, spent))
            self._begun = True
        elif (now := time.monotonic()) >= self._next:
            self._next = now + self._every
            console.say(f"  {told(readings, spent)}")

    def end(self) -> None:
        """Leave the last line as it is."""
        if self._begun:
            console.say()
