"""The types of what the configuration says of dashboards, and what is unsound in it."""

from __future__ import annotations

from typing import Iterator

from ..duration import Seconds
from ..strict import Strict


class Visualize(Strict, frozen=True):
    """What dashboards have to be like.

    directory: where their files are, a folder for each role. slow: seconds from when on a query
    is too slow. stale: seconds after which a newest sample is old. refresh: seconds between two
    refreshes, at most. skew: seconds by which this machine's clock and Prometheus's may differ.
    """

    directory: str = "grafana/dashboards"
    slow: Seconds = Seconds(2)
    stale: Seconds = Seconds(120)
    refresh: Seconds = Seconds(60)
    skew: Seconds = Seconds(5)


def faults(visualize: Visualize) -> Iterator[tuple[str, str, object]]:
    """Yield, for each unsound value: its key path, what was expected, and the value."""
    from ..sound import relative

    if not relative(visualize.directory) or visualize.directory.startswith("-"):
        yield "directory", "a path relative to the project, without ..", visualize.directory
    for key in ("slow", "stale", "refresh", "skew"):
        if getattr(visualize, key) <= 0:
            yield key, "more than 0s", getattr(visualize, key)
