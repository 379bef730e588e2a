"""The board that lives: drawn again in its place on a terminal, a line each time elsewhere."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import Callable, Iterator

from .. import console
from . import drawing
from .board import Board
from .world import Watcher

EVERY = 15.0  # seconds between two looks at the hosts


def watch(watcher: Watcher, board: Board, refresh: float) -> Board:
    """Show boards until Ctrl-C, or until nobody reads on; returns the last one.

    board: the first. refresh: seconds between two. Leaving is no failure.
    """
    terminal = console.terminal(sys.stdout)
    with contextlib.suppress(KeyboardInterrupt), _screen() if terminal else _lines() as show:
        while show(board):
            time.sleep(refresh)
            board = watcher.look(wait=0.0, every=EVERY)
    if terminal:
        drawing.printed(board)  # the screen that it was on is gone
    return board


@contextlib.contextmanager
def _screen() -> Iterator[Callable[[Board], bool]]:
    """The terminal's other screen, so that neither a new size nor what stood there is a trouble."""
    from rich.live import Live

    terminal = console.screen(sys.stdout)
    with Live(console=terminal, screen=True, auto_refresh=False) as live:

        def show(board: Board) -> bool:
            live.update(drawing.rendered(board, terminal.width), refresh=True)
            return True

        yield show


@contextlib.contextmanager
def _lines() -> Iterator[Callable[[Board], bool]]:
    def show(board: Board) -> bool:
        try:
            print(console.clean(drawing.line(board)), flush=True)
        except BrokenPipeError:  # as in `… | head`: enough has been seen
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return False
        return True

    yield show
