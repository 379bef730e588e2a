"""How a run of the circle is told: its plan, a heading a step, and what became of each."""

from __future__ import annotations

import shutil
import textwrap
import time
from typing import Sequence

from .. import console
from ..monitor import figures

FIRM = "\u00a0"  # a space at which no line is broken
WIDTH = 79  # columns of a paragraph
WIDEST = 100  # columns of a heading


def ago(at: float | None) -> str:
    """Return how long ago a moment (Unix, seconds) was, with a space before it; "" for None."""
    return "" if at is None else f" {figures.ago(max(time.time() - at, 0.0))} ago"


def begin(text: str, labels: Sequence[str]) -> None:
    """Print what is about to be run: a word about it, and the steps."""
    whole = " → ".join(label.replace(" ", FIRM) for label in labels)
    told = textwrap.fill(f"{text} {whole}", width=WIDTH, subsequent_indent="  ")
    console.say(told.replace(FIRM, " "))


def heading(number: int, count: int, label: str, spent: float) -> None:
    """Print what begins now: across the terminal, or as a line of its own.

    spent: seconds since the run began.
    """
    text = f"{number}/{count} {label}" + (f", after {spent:.1f} s" if spent >= 1 else "")
    if not console.terminal(console.stream()):
        console.say(f"== {text}")
        return
    width = min(shutil.get_terminal_size().columns, WIDEST) - 1
    console.say(f"\n── {text} ".ljust(width + 1, "─"))


def passed(number: int, count: int, text: str) -> None:
    """Print why a step is not run."""
    mark = "──" if console.terminal(console.stream()) else "=="
    console.say(f"{mark} {number}/{count} {text}")


def planned(rows: Sequence[tuple[str, str, str]]) -> None:
    """Print what is to become of each step: its name, its state, why."""
    console.table(rows, ("step", "state", ""))


def table(rows: Sequence[tuple[str, str, float | None, str]]) -> None:
    """Print what became of each step: its name, its state, its seconds (None: not run), why."""
    console.say("")
    cells = [
        (label, state, "" if seconds is None else f"{seconds:.1f}", why)
        for label, state, seconds, why in rows
    ]
    console.table(cells, ("step", "state", "seconds", ""))
