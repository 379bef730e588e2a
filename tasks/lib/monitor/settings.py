"""The types of what the configuration says of watching over the service, and what is unsound."""

from __future__ import annotations

import re
from typing import Iterator

from ..duration import Seconds
from ..strict import Strict

_SIZE = re.compile(r"([0-9]+)([KMGT]?)")


class Monitor(Strict, frozen=True):
    """The bounds beside `service.thresholds`, and how the board is read.

    cpu: processors that the busiest instance may use, 0 for no bound. memory: what the largest may
    take, as 512M; "" for no bound. errors: lines that tell of an error, among the last `lines` of
    the log. refresh: seconds between two looks. window: seconds that the sparklines show. metrics:
    the path at which the service shows its own numbers, "" where it has none.
    """

    cpu: float = 0.9
    memory: str = ""
    errors: int = 0
    lines: int = 100
    refresh: Seconds = Seconds(5)
    window: Seconds = Seconds(1800)
    metrics: str = "/api/metrics"


def bytes_of(size: str) -> float | None:
    """Return the bytes that `size` means, None for "": K, M, G and T are powers of 1024."""
    found = _SIZE.fullmatch(size)
    return int(found[1]) * 1024.0 ** " KMGT".index(found[2] or " ") if found else None


def faults(monitor: Monitor) -> Iterator[tuple[str, str, object]]:
    """Yield, for each unsound value: its key, what was expected, and the value."""
    if not 0 <= monitor.cpu < float("inf"):
        yield "cpu", "a number of processors, 0 or more", monitor.cpu
    if monitor.memory and not bytes_of(monitor.memory):
        yield "memory", "a size such as 512M or 2G", monitor.memory
    if monitor.errors < 0:
        yield "errors", "0 or more", monitor.errors
    if not 1 <= monitor.lines <= 10_000:
        yield "lines", "1 to 10000", monitor.lines
    if monitor.refresh < 1:
        yield "refresh", "at least 1s", monitor.refresh
    if not 300 <= monitor.window <= 31 * 86400:
        yield "window", "5m to 31d", monitor.window
    if monitor.metrics and not re.fullmatch(r"/[^\x00-\x20\x7f]*", monitor.metrics):
        yield "metrics", "a path that begins with /", monitor.metrics
