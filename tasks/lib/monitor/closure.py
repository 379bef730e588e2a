"""What holds where somebody watches over a service, and what a look at it comes to."""

from __future__ import annotations

from typing import Any

from .. import console, journal, project
from ..declare import Outcome
from ..errors import NotClosed, Refused, Trouble
from ..moment import known
from ..telemetry.flow import LOCAL
from ..telemetry.prometheus import Prometheus
from . import drawing, live, released
from .board import OK, OUT, UNKNOWN, Board
from .world import ANSWER, Watcher, World

DAY = 86400.0


def deployed(world: World) -> str:
    """Probe: something of the service is there to be looked at. Where neither hosts nor anybody
    else can be asked, that is a trouble to be shown, not a service that was never deployed."""
    board, name = _board(world), world.environment.name
    said_so = board.live.source == released.HOSTS and not board.live.releases
    if not said_so or board.named("instances").value:
        return ""
    return f"nothing is deployed to {name}"


def stack(world: World) -> str:
    """Probe: Prometheus answers."""
    with Prometheus(world.stack.prometheus, ANSWER) as prometheus:
        return prometheus.answers()


def metrics(world: World) -> str:
    """Probe: the service shows its own numbers, where it has any."""
    return _wrong(world, "metrics")


def scraped(world: World) -> str:
    """Probe: Prometheus scrapes every instance."""
    return _wrong(world, "instances")


def log(world: World) -> str:
    """Probe: the log tells of no more errors than it may."""
    return _wrong(world, "log")


def _board(world: World) -> Board:
    assert world.board is not None
    return world.board


def _wrong(world: World, key: str) -> str:
    found = [each for each in _board(world).readings if each.key == key]
    return "".join(each.why for each in found if each.state in (OUT, UNKNOWN))


def look(world: World, watcher: Watcher, once: bool) -> Outcome:
    """Show the board once and judge it, or until Ctrl-C, which is no failure whatever it shows.

    world: with the first board. Raises as `conclude` does.
    """
    board = _board(world)
    if once:
        drawing.printed(board)
        remember(world, board)
        return conclude(board)
    remember(world, board)
    board = live.watch(watcher, board, world.settings.monitor.refresh)
    remember(world, board)
    try:
        return conclude(board)
    except Trouble as error:
        return Outcome(error.detail, next=error.next)


def conclude(board: Board) -> Outcome:
    """Return the outcome of a look that found all in bounds.

    Raises NotClosed where something is out of bounds, Refused where something can't be known.
    """
    detail = board.document()
    if board.verdict == OUT:
        keys, told = _told(board, OUT)
        raise NotClosed(
            f"{board.environment} is out of bounds: {', '.join(keys.values())}.",
            kind="errors" if "error_ratio" in keys else "bounds",
            evidence=told,
            detail=detail,
            next=_following(set(keys), board.environment),
        )
    if board.verdict == UNKNOWN:
        keys, told = _told(board, UNKNOWN)
        raise Refused(
            f"How {board.environment} does can't be known: {', '.join(keys.values())}.",
            kind="unknown",
            evidence=told,
            detail=detail,
            next=f"inv monitor.doctor --env={board.environment}",
        )
    return Outcome(detail)


def _told(board: Board, state: str) -> tuple[dict[str, str], str]:
    """Return the names of the readings of that state, by key, and why, each reason once."""
    those = board.those(state)
    return {each.key: each.name for each in those}, "\n".join(
        f"- {why}" for why in dict.fromkeys(each.why for each in those)
    )


def _following(out: set[str], env: str) -> str:
    """Return the next command: what began with a release is mended by leaving it, what else is out
    of bounds has to be looked into."""
    if out == {"alerts"}:
        return "inv alert"
    if env == LOCAL:
        return "inv host.serve" if "health" in out else f"inv monitor.doctor --env={LOCAL}"
    if out & {"error_ratio", "p95"}:
        return f"inv rollback --env={env}"
    if out == {"log"}:
        return f"inv deploy.logs --env={env}"
    return f"inv deploy.status --env={env}"


def remember(world: World, board: Board) -> None:
    """Write down what a look came to, unless the last one of the same day came to the same: a
    script that looks every minute must not fill the journal."""
    path = journal.where(world.root)
    about = ("monitor", board.environment)
    before = [e for e in journal.read(path) if (e.get("phase"), _environment(e)) == about]
    outcome = "closed" if board.verdict == OK else "troubled"
    keys = sorted(each.key for each in (*board.those(OUT), *board.those(UNKNOWN)))
    detail = {"environment": board.environment, "verdict": board.verdict, "wrong": keys}
    if before and before[-1].get("detail") == detail and _recent(before[-1], board.at):
        return
    entry = {"phase": "monitor", "outcome": outcome, "seconds": 0.0, "detail": detail}
    try:
        journal.append({**entry, "commit": project.commit(world.root)}, path)
    except OSError as error:
        console.warn(f"the journal could not be written: {error}")


def _environment(entry: Any) -> object:
    return (entry.get("detail") or {}).get("environment")


def _recent(entry: Any, now: float) -> bool:
    at = known(entry.get("at"))
    return at is not None and now - at < DAY
