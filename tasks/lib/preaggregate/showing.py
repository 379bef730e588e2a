"""What the reader sees while the stack comes up and requests are sent: alive on a terminal, plain
lines elsewhere."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Callable, Iterator, Sequence

from .. import console
from ..developer.stack import Service

if TYPE_CHECKING:
    from rich.table import Table

Told = Callable[[tuple[Service, ...]], None]


@contextlib.contextmanager
def services() -> Iterator[Told]:
    """Yield what shows each look at the stack's services."""
    if not _terminal():
        yield _lines()
        return
    from rich.console import Console
    from rich.live import Live

    out = Console(file=console.stream(), no_color=bool(os.environ.get("NO_COLOR")), highlight=False)
    with Live(console=out, refresh_per_second=8, transient=True) as live:
        yield lambda found: live.update(_table(found))
    # What stays is the last look, said by whoever started them.


@contextlib.contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield what is told how much of `total` is done."""
    if not _terminal():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    out = Console(file=console.stream(), no_color=bool(os.environ.get("NO_COLOR")), highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def _lines() -> Told:
    last: dict[str, str] = {}

    def told(found: Sequence[Service]) -> None:
        for each in found:
            if last.get(each.name) != each.said:
                last[each.name] = each.said
                console.say(f"  {each.name:<16}{each.said or 'up'}")

    return told


def _table(found: Sequence[Service]) -> Table:
    from rich.spinner import Spinner
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, padding=(0, 1))
    for each in found:
        waits = each.said == "starting"
        mark = Spinner("dots") if waits else Text("✗" if each.said else "✓")
        table.add_row(mark, Text(each.name), Text(console.clean(each.said or "up")))
    return table


def _terminal() -> bool:
    return console.stream().isatty() and os.environ.get("TERM") != "dumb"
