"""The table, in Markdown."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

COLUMNS = "hosts,round trip,peer,deploy,× script,command,rollback,× script,command,lost".split(",")


class Row(NamedTuple):
    """A peer's medians in seconds; `lost` requests, None where that was not measured."""

    hosts: int
    trip: float
    peer: str
    deploy: float
    deploy_ended: float
    rollback: float
    rollback_ended: float
    lost: int | None
    deploy_steps: dict[str, float]
    rollback_steps: dict[str, float]


def head() -> None:
    """Print what stands above the rows."""
    print(f"{os.cpu_count()} processors; seconds; medians")
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + "--:|" * len(COLUMNS), flush=True)


def show(rows: Sequence[Row]) -> None:
    """Print rows of the same hosts and round trip, and where ours say that the time goes."""
    script = next((row for row in rows if row.peer == "script"), None)
    for row in rows:
        cells = [str(row.hosts), f"{row.trip:.2f}", row.peer]
        cells += [f"{row.deploy:.2f}", _times(row.deploy, script and script.deploy)]
        cells += [f"{row.deploy_ended:.2f}", f"{row.rollback:.2f}"]
        cells += [_times(row.rollback, script and script.rollback), f"{row.rollback_ended:.2f}"]
        cells += ["" if row.lost is None else str(row.lost)]
        print("| " + " | ".join(cells) + " |", flush=True)
    for row in rows:
        for what, told in (("deploy", row.deploy_steps), ("rollback", row.rollback_steps)):
            if told:
                shown = ", ".join(f"{name} {seconds:.3f}" for name, seconds in told.items())
                print(f"    {row.peer}'s {what} by step: {shown}", flush=True)


def _times(seconds: float, script: float | None) -> str:
    return f"{seconds / script:.2f}" if script else ""
