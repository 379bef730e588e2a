"""Shows a board: as a table that fits 80 columns, or as one plain line."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .. import console, duration
from . import figures
from .board import FREE, OK, OUT, UNKNOWN, Board, Reading
from .measured import step_of

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

SAID = {OK: "in bounds", OUT: "OUT OF BOUNDS", UNKNOWN: "NOT KNOWN"}
_STYLES = {OK: console.GOOD, OUT: console.BAD, UNKNOWN: console.WARNING, FREE: ""}
_MARKS = {OK: "ok", OUT: "OUT", UNKNOWN: "?", FREE: ""}
_WIDTHS = (13, 25, 7, 3)  # of the columns before the sparkline, the figures' at its widest
_APART = 2  # columns between two of them
_LEAST = 8  # columns that a sparkline needs to say anything
MOST = 5  # troubles and alerts that are shown: the board has to stay on the screen


def rendered(board: Board, width: int, whys: bool = True) -> RenderableType:
    """Return the board for a terminal of `width` columns; whys: with what is wrong explained."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [_head(board), _released(board), Text()]
    parts += [_table(board, width), *_below(board, whys)]
    return Group(*parts)


def printed(board: Board) -> None:
    """Print the board once: a table on a terminal, aligned lines elsewhere.

    What is wrong is not explained: whoever judges the board does that.
    """
    out = console.stream()
    if console.terminal(out):
        screen = console.screen(out)
        screen.print(rendered(board, screen.width, whys=False))
        return
    rows = [(r.name, r.text, r.bound, _MARKS[r.state]) for r in board.readings]
    console.say(f"{board.environment} at {_clock(board.at)}: {SAID[board.verdict]}")
    if released := _release_text(board):
        console.say(released)
    console.table(rows, ("what", "now", "bound", ""))


def line(board: Board) -> str:
    """Return the board in one line, for what is no terminal."""
    shown = ("rate", "error_ratio", "p50", "p95", "p99", "in_flight", "cpu", "memory", "instances")
    figures_ = ", ".join(f"{r.name} {r.text}" for r in map(board.named, shown))
    told = f"{_clock(board.at)} {board.environment} {SAID[board.verdict]}: {figures_}"
    return "; ".join([told, *(each.why for each in _wrong(board))])


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%SZ", time.gmtime(at))


def _wrong(board: Board) -> list[Reading]:
    """Return the readings to explain, the worst first, each reason once."""
    by_why = {r.why: r for r in (*board.those(UNKNOWN), *board.those(OUT)) if r.why}
    return sorted(by_why.values(), key=lambda each: each.state != OUT)


def _troubles(board: Board) -> list[str]:
    wrong = _wrong(board)
    told = [f"{_MARKS[r.state]:<3} {r.why}" for r in wrong[:MOST]]
    if len(wrong) > MOST:
        told.append(f"    and {len(wrong) - MOST} more")
    return told


def _release_text(board: Board) -> str:
    live = board.live
    if not live.releases:
        return ""
    told = f"release {', '.join(live.releases[:2])}"
    if len(live.releases) > 2:
        told += f" and {len(live.releases) - 2} more"
    if live.since is not None:
        told += f", since {figures.moment(live.since)} ({figures.ago(board.at - live.since)})"
    return told


def _text(text: str, style: str = "") -> Text:
    from rich.text import Text

    return Text(console.clean(text), style=style)


def _head(board: Board) -> Text:
    head = _text(f"{board.environment}  ", "bold")
    head.append(_clock(board.at))
    head.append(f"  {SAID[board.verdict]}", _STYLES[board.verdict])
    return head


def _released(board: Board) -> Text:
    return _text(_release_text(board) or "release not known")


def _table(board: Board, width: int) -> RenderableType:
    from rich.table import Table

    *widths, room = _columns(width)
    table = Table.grid(padding=(0, _APART, 0, 0))
    for each in (*widths, room) if room else widths:
        table.add_column(no_wrap=True, overflow="ellipsis", width=each)
    past = (f"last {duration.show(board.window)}",) if room else ()
    table.add_row(*map(_text, ("", "now", "bound", "", *past)))
    for r in board.readings:
        cells = [*map(_text, (r.name, r.text, r.bound)), _text(_MARKS[r.state], _STYLES[r.state])]
        table.add_row(*cells, *([_spark(board, r, room)] if room else ()))
    return table


def _columns(width: int) -> tuple[int, ...]:
    """Return how wide each column is; where it is narrow, there is no sparkline."""
    name, figure, bound, mark = _WIDTHS
    left = width - name - bound - mark - 4 * _APART - figure
    if left >= _LEAST:
        return (*_WIDTHS, min(60, left))
    return name, max(6, figure + min(0, left)), bound, mark, 0


def _spark(board: Board, reading: Reading, room: int) -> Text:
    if not reading.past:
        return _text(reading.note)
    cells = min(room, round(board.window / step_of(board.window)))
    start = board.until - board.window
    top = reading.limit if reading.limit is not None else 0.0
    values = figures.grid(reading.past, start, board.until, cells)
    return _text(figures.spark(values, cells, top), "cyan")


def _below(board: Board, whys: bool) -> list[RenderableType]:
    lines = [
        _text(told, _STYLES[OUT if told.startswith("OUT") else UNKNOWN])
        for told in (_troubles(board) if whys else ())
    ]
    for alert in board.alerts[:MOST]:
        since = figures.ago(board.at - alert.since)
        lines.append(_text(f"    {alert.name} ({alert.severity}) for {since}: {alert.summary}"))
    return [_text(""), *lines] if lines else []
