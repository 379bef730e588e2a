"""What the tests reach, read from coverage's JSON, against what they have to reach."""

from __future__ import annotations

import json
import math
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping, NamedTuple

if TYPE_CHECKING:
    from .settings import Testing


class Reached(NamedTuple):
    """How much of some files is reached: `name` them; percent is None where there are none."""

    name: str
    percent: float | None
    least: float

    @property
    def enough(self) -> bool:
        return self.percent is not None and self.percent >= self.least

    @property
    def said(self) -> str:
        return "nothing" if self.percent is None else percent(self.percent)


def percent(value: float) -> str:
    """Return a percentage as text, rounded down: what is not reached must not look so."""
    return f"{math.floor(value * 10) / 10:g} %"


def read(path: Path, testing: Testing) -> tuple[Reached, ...]:
    """Return what is reached of the whole first, then of each critical pattern.

    path: coverage's JSON; one that is missing, as where nothing was measured, reaches nothing.
    """
    try:
        files = json.loads(path.read_bytes())["files"]
    except (OSError, ValueError, KeyError):
        files = {}
    whole = Reached(", ".join(testing.source), _share(files, "*"), testing.coverage)
    critical = (
        Reached(pattern, _share(files, pattern), least)
        for pattern, least in testing.critical.items()
    )
    return (whole, *critical)


def _share(files: Mapping[str, Any], pattern: str) -> float | None:
    """Return the percentage of lines, and of branches where those are measured, that are reached
    in the files that fit; as coverage reckons it, files without a line are all reached."""
    found = [
        each["summary"]
        for name, each in files.items()
        if fnmatchcase(name.replace("\\", "/"), pattern)
    ]
    if not found:
        return None
    reached = sum(each["covered_lines"] + each.get("covered_branches", 0) for each in found)
    there = sum(each["num_statements"] + each.get("num_branches", 0) for each in found)
    return 100 * reached / there if there else 100.0
