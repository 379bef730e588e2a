"""The story while it happens: a table that follows it on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from scripts.claims import refused, reverted
from scripts.load import Snapshot
from scripts.recipes import Told
from tasks.lib import console

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live


@dataclass
class Line:
    """One step: its name, what it is about, what came of it, when it began, its seconds."""

    name: str
    about: str
    began: float
    result: str = ""
    seconds: float | None = None


def result(told: Told) -> str:
    """Return in a few words what came of a command."""
    if told.code == 0:
        return "closed"
    if reverted(told):
        return "taken back"
    return "refused" if refused(told) else f"exit code {told.code}"


class Display:
    """Shows the steps as they are done, and what the load has met. A context manager."""

    def __init__(self, to_stderr: bool = False) -> None:
        self._stream = sys.stderr if to_stderr else sys.stdout
        self._lines: list[Line] = []
        self._snapshot: Callable[[], Snapshot] | None = None
        self._commits: Mapping[str, str] = {}
        self._live: Live | None = None

    def follow(self, snapshot: Callable[[], Snapshot], commits: Mapping[str, str]) -> None:
        """Show a load's figures too, by version; `commits` are those of the versions."""
        self._snapshot, self._commits = snapshot, commits

    @contextmanager
    def step(self, name: str, about: str) -> Iterator[Callable[[Told], None]]:
        """Show a step while it is done; what is yielded is called with what came of it."""
        line = Line(name, about, time.monotonic())
        self._lines.append(line)

        def done(told: Told) -> None:
            line.result = result(told)

        yield done
        line.seconds = time.monotonic() - line.began
        line.result = line.result or "done"
        if self._live is None:
            shown = f"{line.name:9} {line.about}: {line.result} ({line.seconds:.1f} s)"
            print(shown, file=self._stream, flush=True)

    def __enter__(self) -> "Display":
        if console.terminal(self._stream):
            from rich.live import Live

            screen = console.screen(self._stream)
            self._live = Live(console=screen, get_renderable=self._shown, refresh_per_second=8)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def _shown(self) -> "Group":
        from rich import box
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD)
        table.add_column("step")
        table.add_column("")
        table.add_column("came to")
        table.add_column("seconds", justify="right")
        for line in self._lines:
            seconds = time.monotonic() - line.began if line.seconds is None else line.seconds
            cells = (line.name, line.about, line.result or "…", f"{seconds:.1f}")
            table.add_row(*(Text(cell) for cell in cells))
        return Group(table, Text(self._met(), style=console.HINT))

    def _met(self) -> str:
        if self._snapshot is None:
            return ""
        now = self._snapshot()
        served = ", ".join(
            f"{version} {count:,}"
            for version, commit in self._commits.items()
            for name, count in now.releases.items()
            if name.endswith(commit[:7])
        )
        return (
            f"{now.requests:,} requests, {now.lost} lost, {now.errors} errors;"
            f" answered by {served or 'nobody yet'}"
        )
