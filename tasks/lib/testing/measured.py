"""What the tests reach, read from coverage's JSON, against what they have to reach."""

from __future__ import annotations

import fnmatch
import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Mapping, NamedTuple, Sequence

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
    files = {name.replace("\\", "/"): each["summary"] for name, each in files.items()}
    own = [each for name, each in files.items() if any(_of(name, one) for one in testing.source)]
    whole = Reached(", ".join(testing.source), _share(own), testing.coverage)
    critical = (
        Reached(pattern, _share([files[name] for name in fnmatch.filter(files, pattern)]), least)
        for pattern, least in testing.critical.items()
    )
    return (whole, *critical)


def _of(name: str, source: str) -> bool:
    """Tell whether a file belongs to a directory or package: what the project's own settings have
    measured beside it doesn't count."""
    if "/" not in source and source.strip("."):
        source = source.replace(".", "/")  # a package's name
    inside = "/" + os.path.normpath(source).strip("/")
    return source == "." or inside + "/" in "/" + name or f"/{name}".endswith(f"{inside}.py")


def _share(summaries: Sequence[Mapping[str, int]]) -> float | None:
    """Return the percentage of lines, and of branches where those are measured, that are reached;
    as coverage reckons it, files without a line are all reached."""
    reached = sum(each["covered_lines"] + each.get("covered_branches", 0) for each in summaries)
    there = sum(each["num_statements"] + each.get("num_branches", 0) for each in summaries)
    if not summaries:
        return None
    return 100 * reached / there if there else 100.0
