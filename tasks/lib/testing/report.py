"""A run of the tests as it ended: what is told of it, and whether it closes the phase."""

from __future__ import annotations

import re
from typing import Any, Iterable, Mapping, NamedTuple

from .. import console
from ..errors import Interrupted, NotClosed, Refused, Trouble
from . import results as junit
from .measured import Reached, percent
from .results import Results

# pytest's exit codes, from its reference.
PASSED, FAILED, INTERRUPTED, INTERNAL, USAGE, NOTHING = range(6)
COUNTS = ("passed", "failed", "errors", "skipped")
MEASURED = ("coverage", "source")  # kinds of what is wrong with what was measured
SLOW = 0.1  # seconds from when on a test is worth a line


class Report(NamedTuple):
    """How pytest ended: its exit code, its seconds, and what was read back.

    reached: of the whole, then of the critical paths; empty where it was not measured. chosen:
    what was chosen of the tests by an option of ours. part: whatever may have left out tests.
    said: what pytest said of its command line, where it understood it or a conftest not.
    """

    code: int
    seconds: float
    results: Results | None
    reached: tuple[Reached, ...] = ()
    chosen: str = ""
    part: str = ""
    said: str = ""

    @property
    def lacking(self) -> tuple[Reached, ...]:
        """What is reached too little; of a chosen part nobody expects that it reaches all."""
        return () if self.chosen else tuple(each for each in self.reached if not each.enough)


def detail(report: Report, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the journal keeps of `report`. before: the same of the last run, {} for none."""
    found: dict[str, Any] = {"code": report.code, "pytest_seconds": round(report.seconds, 3)}
    if report.part:
        found["partial"] = report.part
    if results := report.results:
        found |= {"tests": results.total} | {key: getattr(results, key) for key in COUNTS}
        found["slowest"] = [
            {"test": case.name, "seconds": case.seconds} for case in results.slowest
        ]
        found["failing"] = [case.name for case in results.failing[:20]]
    if report.reached:
        found["coverage"] = [
            {"of": each.name, "percent": _rounded(each.percent), "threshold": each.least}
            for each in report.reached
        ]
    change = {key: round(value - old, 3) for key, value, old in _pairs(found, before)}
    return found | ({"change": change} if change else {})


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _pairs(now: Mapping[str, Any], before: Mapping[str, Any]) -> Iterable[tuple[str, float, float]]:
    for key in ("tests", *COUNTS, "pytest_seconds"):
        if key in now and key in before:
            yield key, now[key], before[key]
    new, old = _percent(now), _percent(before)
    if new is not None and old is not None:
        yield "coverage", new, old


def _percent(found: Mapping[str, Any]) -> float | None:
    """Return what was reached of the whole, of what the journal keeps."""
    measured = found.get("coverage")
    return measured[0].get("percent") if isinstance(measured, list) and measured else None


def last(entries: Iterable[Mapping[str, Any]], part: str) -> Mapping[str, Any]:
    """Return what the journal keeps of the last run of the same tests, {} without one."""
    found: Mapping[str, Any] = {}
    for entry in entries:
        kept = entry.get("detail")
        if entry.get("phase") == "test" and isinstance(kept, dict) and "tests" in kept:
            found = kept if kept.get("partial", "") == part else found
    return found


def show(report: Report, now: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Print what was found, beside the last run of the same tests."""
    if report.results is None or report.code == USAGE:
        return
    old = {key: str(before.get(key, "")) for key in COUNTS}
    rows = [(key, str(now[key]), old[key]) for key in COUNTS]
    rows.append(("seconds", _seconds(now), _seconds(before)))
    if report.reached:
        old_share = _percent(before)
        told = "" if old_share is None else percent(old_share)
        rows.append(("covered", report.reached[0].said, told))
    if before:
        console.table(rows, columns=("tests", "now", "before"))
    else:
        console.table([row[:2] for row in rows], columns=("tests", "now"))
    _show_slowest(report.results)
    if report.reached:
        console.table(
            [(each.name, each.said, percent(each.least)) for each in report.reached],
            columns=("coverage of", "reached", "at least"),
        )


def _seconds(found: Mapping[str, Any]) -> str:
    return f"{found['pytest_seconds']:.1f}" if "pytest_seconds" in found else ""


def _show_slowest(results: Results) -> None:
    slow = [case for case in results.slowest if case.seconds >= SLOW]
    if slow:
        rows = [(case.name, f"{case.seconds:.2f}") for case in slow]
        console.table(rows, columns=("slowest", "seconds"))


def trouble(report: Report, found: Mapping[str, Any]) -> Trouble | None:
    """Return what keeps the phase from closing, None where nothing does.

    found: what the journal keeps. pytest's exit code and what was read back both have to be well:
    a project may have its own mind about the first.
    """
    results = report.results or Results()
    below = junit.told(results)
    if report.code == INTERRUPTED and not results.failing:
        return interrupted(results)
    if report.code == USAGE:
        return _not_begun(report, found)
    said, kind = _why(report, results)
    again = "" if kind == "failed" else "inv test" + " --coverage" * (kind in MEASURED)
    return NotClosed(said, kind=kind, evidence=below, detail=found, next=again) if said else None


def interrupted(results: Results | None) -> Interrupted:
    """Return what to say of a run that was ended; results: of the tests until then."""
    counts = {key: getattr(results or Results(), key) for key in COUNTS}
    failed = counts["failed"] + counts["errors"]
    return Interrupted(
        f"Interrupted; until then {counts['passed']} passed and {failed} failed, and nothing of it"
        " counts: run `inv test`.",
        next="inv test",
        detail={"partial": "interrupted", **counts},
    )


def _why(report: Report, results: Results) -> tuple[str, str]:
    """Return a sentence and a word for what is wrong, two times "" where nothing is."""
    if results.unread:
        return f"pytest could not read {_files(len(results.unread))}.", "unread"
    if report.code == NOTHING or (report.code == PASSED and not results.total):
        return f"No test was run{' with ' + report.part if report.part else ''}.", "nothing"
    if report.code == INTERNAL:
        return "pytest itself failed; what it says of it is above.", "internal"
    if results.failing:
        return f"{len(results.failing)} of {results.total} tests failed.", "failed"
    if report.code != PASSED:
        said = f"pytest ended with exit code {report.code} though no test failed"
        return f"{said}; what it says of it is above.", "pytest"
    if report.lacking and report.reached[0].percent is None:
        where = "name its directory or package in invoke.yaml under `test: source:`"
        return f"Nothing of {report.reached[0].name} was measured: {where}.", "source"
    if report.lacking:
        return f"The tests pass, and reach too little: {reached(report.lacking)}.", "coverage"
    return "", ""


def _files(number: int) -> str:
    return "a file of tests" if number == 1 else f"{number} files of tests"


def reached(lacking: Iterable[Reached]) -> str:
    """Return in words what is reached too little, "" for nothing."""
    return ", ".join(
        f"{each.said} of {each.name} where {percent(each.least)} are needed" for each in lacking
    )


def _not_begun(report: Report, found: Mapping[str, Any]) -> Trouble:
    """Return why pytest did not begin: a conftest.py that can't be read is the code's, a word that
    it doesn't know is the reader's."""
    if "while loading conftest" in report.said:
        said = [line for line in report.said.splitlines() if line.startswith("E ")]
        below = said[-1].removeprefix("E").strip() if said else ""
        message = "pytest could not read a conftest.py."
        return NotClosed(message, kind="unread", evidence=below, detail=found, next="inv test")
    lines = re.findall(r"^(?:.*: error|ERROR): (?!usage:)(.*)$", report.said, re.MULTILINE)
    below = "; ".join(lines) or "what it says is above"
    return Refused(
        f"pytest did not begin ({below}): correct that, then run `inv test`.",
        kind="usage",
        detail=found,
    )
