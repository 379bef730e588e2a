"""The types of what the configuration says of pre-aggregate, and what is unsound in it."""

from __future__ import annotations

import re
from typing import Iterator

from ..duration import Seconds
from ..strict import Strict


class Preaggregate(Strict, frozen=True):
    """How telemetry is proven.

    requests: how many are sent. paths: what they ask for, in turn; what the service leaves out of
    its counts, as it may its health check, proves nothing. start: seconds that the stack may take
    to be up, and the service as well.
    """

    requests: int = 50
    paths: tuple[str, ...] = ("/",)
    start: Seconds = Seconds(180)


def faults(about: Preaggregate) -> Iterator[tuple[str, str, object]]:
    """Yield, for each unsound value: its key, what was expected, and the value."""
    if not 1 <= about.requests <= 10_000:
        yield "requests", "1 to 10000", about.requests
    if not about.paths or not all(re.fullmatch(r"/[^\x00-\x20\x7f]*", p) for p in about.paths):
        yield "paths", "a list of paths that begin with /", list(about.paths)
    if about.start <= 0:
        yield "start", "more than 0s", about.start
