"""The types of what the configuration says of tests, and what is unsound in it."""

from __future__ import annotations

import re
from typing import Iterator

from ..duration import Seconds
from ..strict import Strict

_WORD = re.compile(r"[^\s\x00-\x1f\x7f-][^\x00-\x1f\x7f]*")

_PERCENT = "0 to 100 percent"


class Testing(Strict, frozen=True):
    """How a project is tested.

    directory: where its tests are. suites: names for some of them, each with what pytest is given:
    files, directories or single tests. options: what pytest is always given. source: directories
    or packages whose coverage is measured. coverage: percent of them that the tests have to reach.
    critical: the same for paths of their own, by pattern (`*` also crosses directories). slow: from
    when on the runbook's advice is shown. checks: those of GitHub, by name, which together stand
    for the tests where a commit is to be deployed.
    """

    directory: str = "tests"
    suites: dict[str, tuple[str, ...]] = {}
    options: tuple[str, ...] = ()
    source: tuple[str, ...] = ("server",)
    coverage: float = 80
    critical: dict[str, float] = {}
    slow: Seconds = Seconds(60)
    checks: tuple[str, ...] = ()


def faults(testing: Testing) -> Iterator[tuple[str, str, object]]:
    """Yield, for each unsound value: its key path, what was expected, and the value."""
    from ..sound import relative

    if not relative(testing.directory) or testing.directory.startswith("-"):
        yield "directory", "a path relative to the project, without ..", testing.directory
    yield from _suites(testing)
    for source in testing.source or ("",):
        if not _WORD.fullmatch(source):
            yield "source", "a list of directories or packages", source
    if any("\0" in option for option in testing.options):
        yield "options", "a list of pytest's options", list(testing.options)
    if not 0 <= testing.coverage <= 100:
        yield "coverage", _PERCENT, testing.coverage
    for percent in testing.critical.values():
        if not 0 <= percent <= 100:
            yield "critical", _PERCENT, percent


def _suites(testing: Testing) -> Iterator[tuple[str, str, object]]:
    from ..sound import NAMED, name

    for suite, paths in testing.suites.items():
        if not name(suite):
            yield "suites", f"names of {NAMED}", suite
        for path in paths or ("",):
            if not _WORD.fullmatch(path):
                yield "suites", "lists of what pytest is given: files, directories, tests", path
