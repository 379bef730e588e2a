"""Asking what panels ask, and what is thought of the answers."""

from __future__ import annotations

import time
from typing import Iterable, Mapping, NamedTuple, Sequence

from ..duration import show
from ..telemetry.prometheus import Prometheus, Series, Unanswered, Value
from . import boards, variables
from .boards import Board, Query
from .settings import Visualize
from .variables import Range

POINTS = 250  # of a graph, as on a panel of usual width
PATIENCE = 5  # times what is slow, until a query is given up
INTERVAL = 15.0  # seconds: the data source's timeInterval, a test compares

# What there is to say of a query, the worst first; what follows "slow" is no trouble.
FAILED, EMPTY, STALE, SLOW, EXCUSED, SKIPPED, DATA = (
    "failed",
    "no data",
    "stale",
    "slow",
    "nothing",
    "not asked",
    "data",
)
TROUBLED = (FAILED, EMPTY, STALE, SLOW)


class Asked(NamedTuple):
    """A query and its answer.

    why: the reason, where it is not just data. seconds: until the answer. series: how many came.
    age: seconds since the newest sample, less than 0 where there is none.
    """

    board: str
    query: Query
    expression: str
    state: str
    why: str = ""
    seconds: float = 0.0
    series: int = 0
    age: float = -1.0


def shown(board: Board, end: float) -> Range:
    """Return what the board shows at first, up to `end` (Unix time), which is one of its points."""
    whole = boards.span(board.model)
    step = max(INTERVAL, round(whole / POINTS))
    return Range(end - whole // step * step, end, step)


def ask(
    board: Board, prometheus: Prometheus, given: Mapping[str, str], settings: Visualize
) -> list[Asked]:
    """Ask all that the board's panels ask. given: values of variables.

    Raises Unanswered (kind "prometheus") where nobody answers any more.
    """
    reach = shown(board, time.time())
    filling = variables.values(board.model, given, prometheus, reach)
    return [
        _one(board, query, prometheus, filling, reach, settings)
        for query in boards.queries(board.model)
    ]


def _one(
    board: Board,
    query: Query,
    prometheus: Prometheus,
    filling: Mapping[str, str],
    reach: Range,
    settings: Visualize,
) -> Asked:
    text = variables.filled(query.expression, filling)
    asked = Asked(board.uid, query, text, DATA)
    if query.source not in ("prometheus", "datasource"):
        return asked._replace(state=SKIPPED, why=f"it asks {query.source}, not Prometheus")
    if missing := variables.left(text):
        return asked._replace(state=FAILED, why=f"{', '.join(missing)} stands for nothing")
    since = time.monotonic()
    try:
        found = _answer(query, text, prometheus, reach)
    except Unanswered as error:
        seconds = time.monotonic() - since
        if error.kind == "query":
            return asked._replace(state=FAILED, why=str(error), seconds=seconds)
        if prometheus.answers():
            raise
        why = f"timed out after {show(seconds)}"
        return asked._replace(state=SLOW, why=why, seconds=seconds)
    measured = asked._replace(seconds=time.monotonic() - since, series=len(found))
    return judged(measured, [at for at in map(_newest, found) if at], reach.end, settings)


def _answer(
    query: Query, text: str, prometheus: Prometheus, reach: Range
) -> Sequence[Value | Series]:
    if query.instant:
        return prometheus.query(text, reach.end)
    return prometheus.range(text, *reach)


def _newest(found: Value | Series) -> float:
    """Return the time of the newest sample that is a number, 0 for none."""
    points = [(found.at, found.value)] if isinstance(found, Value) else found.points
    return max((at for at, value in points if value == value), default=0.0)


def judged(asked: Asked, times: Iterable[float], end: float, settings: Visualize) -> Asked:
    """Return what is to be said of an answer. times: of each series' newest sample (Unix)."""
    newest = max(times, default=0.0)
    if not newest:
        nothing = asked.query.nothing
        if nothing:
            return asked._replace(state=EXCUSED, why=nothing)
        return asked._replace(state=EMPTY, why="its answer is empty")
    asked = asked._replace(age=end - newest)
    if asked.age > settings.stale and not asked.query.nothing:
        return asked._replace(state=STALE, why=f"its newest sample is {show(asked.age)} old")
    if asked.seconds > settings.slow:
        return asked._replace(state=SLOW, why=f"it took {show(asked.seconds)}")
    return asked
