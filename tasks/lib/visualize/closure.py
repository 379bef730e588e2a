"""The phase visualize: look at every board in Grafana, ask all that it asks, and judge that."""

from __future__ import annotations

import textwrap
import time
from collections import Counter
from typing import Any, Iterator
from urllib.parse import quote

from .. import console
from ..declare import Outcome
from ..duration import show
from ..errors import NotClosed
from ..telemetry import names
from ..telemetry.grafana import Grafana, Source, Unreachable
from ..telemetry.prometheus import Prometheus
from . import asking, boards, saving
from .asking import EMPTY, EXCUSED, FAILED, SKIPPED, SLOW, STALE, TROUBLED, Asked
from .boards import Board
from .world import Seen, World


def looked(world: World) -> World:
    """Return the world with the boards as Grafana shows them, asked through it.

    Raises Unreachable, Unanswered, and NotClosed (kind "source") where its data source is no good.
    """
    with Grafana(world.places.grafana) as grafana:
        source = _source(grafana)
        prometheus = grafana.prometheus(source.uid, asking.PATIENCE * world.settings.slow)
        seen = tuple(_seen(world, board, grafana, prometheus) for board in world.files)
        return world._replace(seen=seen, skew=_skew(prometheus))


def checked(world: World) -> World:
    """Return the same of the files alone, asked of Prometheus itself."""
    patience = asking.PATIENCE * world.settings.slow
    with Prometheus(world.places.prometheus, patience) as prometheus:
        seen = tuple(
            Seen(board, asked=tuple(asking.ask(board, prometheus, world.given, world.settings)))
            for board in world.files
        )
        return world._replace(seen=seen, skew=_skew(prometheus))


def _source(grafana: Grafana) -> Source:
    """Return the data source that boards ask: the first Prometheus, as Grafana itself chooses."""
    found = [each for each in grafana.sources() if each.type == "prometheus"]
    wrong = grafana.source_trouble(found[0].uid) if found else "it has no data source Prometheus"
    if not wrong:
        return found[0]
    raise NotClosed(
        "Grafana gets no data from Prometheus: see in grafana/provisioning/datasources what it "
        "asks, then `inv preaggregate.logs`.",
        kind="source",
        evidence=f"Grafana: {wrong}",
    )


def _seen(world: World, board: Board, grafana: Grafana, prometheus: Prometheus) -> Seen:
    try:
        found = grafana.board(board.uid)
    except Unreachable as error:
        if error.kind != "absent":
            raise
        return Seen(board, missing="Grafana has not loaded it")
    here = board._replace(model=found.model)
    link = f"{found.url}?var-environment={quote(world.environment)}"
    differs = saving.essence(found.model) != saving.essence(board.model)
    asked = asking.ask(here, prometheus, world.given, world.settings)
    return Seen(here, link, "", differs, tuple(asked))


def _skew(prometheus: Prometheus) -> float:
    """Return by how many seconds the clock of Prometheus is ahead; less than 0: behind."""
    since = time.time()
    said = prometheus.query("time()")[0].value
    return said - (since + time.time()) / 2


def visualize(world: World, open: bool = False) -> Outcome:
    """Tell what was seen of each board and where it is. open: in a browser, too."""
    assert world.seen is not None, "it was looked at"
    console.table([_row(each) for each in world.seen], COLUMNS)
    for each in world.seen:
        _excused(each)
        if each.differs:
            console.warn(
                f"{each.board.title} is not as its file: keep it with "
                f"`inv visualize.save {each.board.uid}`"
            )
    for each in world.seen:
        if each.link:
            console.say(f"{each.board.role}: {each.link}")
    if open:
        _opened([each.link for each in world.seen if each.link])
    return Outcome(detail(world), world=world)


WIDTH = 80
COLUMNS = ("role", "dashboard", "queries", "data", "none", "trouble", "slowest")


def _row(seen: Seen) -> tuple[object, ...]:
    counted = Counter(asked.state for asked in seen.asked)
    trouble = sum(counted[state] for state in TROUBLED)
    slowest = max((asked.seconds for asked in seen.asked), default=0.0)
    nothing = counted[EXCUSED] + counted[SKIPPED]
    said = "absent" if seen.missing else trouble
    data = len(seen.asked) - trouble - nothing
    return (
        seen.board.role,
        seen.board.title,
        len(seen.asked),
        data,
        nothing,
        said,
        show(slowest),
    )


def _excused(seen: Seen) -> None:
    """Say why there is nothing in panels where that is no trouble, once for each reason."""
    why: dict[str, list[str]] = {}
    for asked in seen.asked:
        if asked.state in (EXCUSED, SKIPPED):
            why.setdefault(asked.why, []).append(asked.query.panel)
    for reason, panels in why.items():
        said = f"{seen.board.title}: {', '.join(dict.fromkeys(panels))}: {reason}"
        console.say(textwrap.fill(said, WIDTH, subsequent_indent="  ", break_long_words=False))


def _opened(links: list[str]) -> None:
    import webbrowser

    for link in links:
        if not webbrowser.open(link):
            console.warn(f"no browser could be started; open {link}")
            return


def detail(world: World) -> dict[str, Any]:
    """Return what was seen, for the journal and --json; of the queries those that have no data."""
    seen = world.seen or ()
    return {
        "environment": world.environment,
        "boards": [
            {
                "uid": each.board.uid,
                "title": each.board.title,
                "role": each.board.role,
                "url": each.link,
                "queries": len(each.asked),
                "states": dict(Counter(asked.state for asked in each.asked)),
                "slowest_seconds": round(max((a.seconds for a in each.asked), default=0), 3),
            }
            for each in seen
        ],
        "findings": [_told(asked) for each in seen for asked in each.asked if asked.why],
        "skew_seconds": round(world.skew, 3),
    }


def _told(asked: Asked) -> dict[str, Any]:
    return {
        "board": asked.board,
        "panel": asked.query.panel,
        "ref": asked.query.ref,
        "state": asked.state,
        "why": asked.why,
        "expression": asked.expression,
    }


def loads(world: World) -> str:
    """Probe: every board is there and sound."""
    return _listed(
        f"{each.board.uid}: {wrong}"
        for each in world.seen or ()
        for wrong in ([each.missing] if each.missing else boards.faults(each.board.model))
    )


def has_data(world: World) -> str:
    """Probe: every panel's every query has an answer, or its panel says why it has none."""
    return _troubled(world, (FAILED, EMPTY))


def in_time(world: World) -> str:
    """Probe: no query is slow, no sample is old, and the clocks agree."""
    wrong = _troubled(world, (STALE, SLOW))
    if abs(world.skew) <= world.settings.skew:
        return wrong
    way = "ahead of" if world.skew > 0 else "behind"
    clock = f"Prometheus's clock is {show(abs(world.skew))} {way} this machine's: all looks stale"
    return "; ".join(filter(None, (clock, wrong)))


def reaches(world: World) -> str:
    """Probe: the boards reach to now and refresh by themselves."""
    return _listed(
        f"{each.board.uid}: {wrong}"
        for each in world.seen or ()
        for wrong in boards.timing(each.board.model, world.settings.refresh)
    )


def bounds(world: World) -> str:
    """Probe: the bounds that are drawn are those of the configuration."""
    wanted = {
        names.ERROR_RATIO: world.thresholds.error_ratio,
        names.P95: world.thresholds.p95,
    }
    return _listed(
        f"{each.board.uid}: {title} draws {drawn or 'no bound'}, not {bound:g}"
        for each in world.seen or ()
        for title, name, drawn in boards.drawn(each.board.model, tuple(wanted))
        if (bound := wanted[name]) not in drawn
    )


def _troubled(world: World, states: tuple[str, ...]) -> str:
    return _listed(
        f"{asked.board}: {asked.query.name}: {asked.state}, {asked.why}"
        for each in world.seen or ()
        for asked in each.asked
        if asked.state in states
    )


MOST = 10  # findings that are told one by one


def _listed(found: Iterator[str]) -> str:
    told = list(found)
    more = [f"and {len(told) - MOST} more (--json has all)"] if len(told) > MOST else []
    return "; ".join(told[:MOST] + more)
