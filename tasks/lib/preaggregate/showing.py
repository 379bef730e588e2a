"""What the reader sees while the stack comes up and requests are sent: alive on a terminal, plain
lines elsewhere."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Callable, Iterator, Sequence

from .. import console
from ..developer.stack import Service

if TYPE_CHECKING:
    from rich.table import Table

Told = Callable[[tuple[Service, ...]], None]


@contextlib.contextmanager
def services() -> Iterator[Told]:
    """Yield what shows each look at the stack's services."""
    if not console.terminal(console.stream()):
        yield _lines()
        return
    from rich.live import Live

    with Live(console=console.screen(), refresh_per_second=8, transient=True) as live:
        yield lambda found: live.update(_table(found))
    # What stays is the last look, said by whoever started them.


@contextlib.contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield what is told how much of `total` is done."""
    if not console.terminal(console.stream()):
        yield lambda done: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console.screen(), transient=True) as bar:
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
        done = Text("✗", console.BAD) if each.said else Text("✓", console.GOOD)
        mark = Spinner("dots") if waits else done
        table.add_row(mark, Text(each.name), Text(console.clean(each.said or "up")))
    return table
