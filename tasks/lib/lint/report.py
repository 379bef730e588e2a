"""What the tools found, and how it is told."""

from __future__ import annotations

from collections import Counter
from typing import Any, Callable, Mapping, NamedTuple, Sequence

from .. import console
from ..tools import Ran
from . import advice

WORST = 5  # rules that are named; the rest is in each tool's own words above


class Found(NamedTuple):
    """What one tool found.

    findings: how many. files: looked at, None where the tool doesn't say. rules: by rule, how
    often. says: by rule, the tool's own words for its first finding. changed: files that it
    rewrote. broken: lines about files that it can't read, and about itself where it failed. text:
    what it printed, for the reader.
    """

    findings: int = 0
    files: int | None = None
    rules: Mapping[str, int] = {}
    says: Mapping[str, str] = {}
    changed: int = 0
    broken: tuple[str, ...] = ()
    text: str = ""


class Tool(NamedTuple):
    """A tool as it is run. read: what its run says. files: given to it, where it doesn't count."""

    name: str
    argv: tuple[str, ...]
    read: Callable[[Ran], Found]
    files: int | None = None


class Result(NamedTuple):
    """What came of one tool. left: why it was left out; then it has found nothing."""

    name: str
    found: Found
    seconds: float = 0.0
    left: str = ""


def result(tool: Tool, ran: Ran) -> Result:
    """Return what came of a tool's run. One that fails and names nothing has found one thing: that
    it failed."""
    found = tool.read(ran)
    if found.files is None:
        found = found._replace(files=tool.files)
    if ran.code and not found.findings:
        broken = f"{tool.name} failed with exit code {ran.code}, as it says above"
        found = found._replace(findings=1, broken=(*found.broken, broken))
    return Result(tool.name, found, ran.seconds)


class Report(NamedTuple):
    """What came of all of them, in the order in which they are told."""

    results: tuple[Result, ...] = ()

    def over(self, newer: Sequence[Result]) -> Report:
        """Return the report with what came later in the place of what was there of that name."""
        by_name = {each.name: each for each in (*self.results, *newer)}
        return Report(tuple(by_name.values()))

    def wrong(self, *names: str) -> str:
        """Return what those of `names` found that is left to mend, "" for nothing."""
        return "; ".join(
            _sentence(each) for each in self.results if each.name in names and each.found.findings
        )

    def rules(self) -> Counter[str]:
        """Return how often each rule was found broken, by all tools."""
        return sum((Counter(each.found.rules) for each in self.results), Counter[str]())

    def detail(self) -> dict[str, Any]:
        """Return what is written to the journal: counts, no lines of anybody's files."""
        ran = [each for each in self.results if not each.left]
        told: dict[str, Any] = {"tools": {each.name: _counts(each) for each in ran}}
        if rules := dict(self.rules().most_common()):
            told["rules"] = rules
        if left := {each.name: each.left for each in self.results if each.left}:
            told["left_out"] = left
        return told


def _counts(each: Result) -> dict[str, Any]:
    told = {"files": each.found.files, "findings": each.found.findings}
    changed = {"changed": each.found.changed} if each.found.changed else {}
    return {**told, **changed, "seconds": round(each.seconds, 3)}


def _sentence(each: Result) -> str:
    found = each.found
    if found.broken and not found.rules:
        return "; ".join(found.broken[:WORST])
    worst = ", ".join(f"{rule} ({n})" for rule, n in Counter(found.rules).most_common(3))
    counted = f"{each.name} has {found.findings} finding{'s'[: found.findings != 1]}"
    return "; ".join([counted + (f": {worst}" if worst else ""), *found.broken[:WORST]])


def show(report: Report) -> None:
    """Print the table, the worst rules with what can be done about each, and what was left out."""
    rows = [
        (
            each.name,
            "-" if each.found.files is None else each.found.files,
            f"{each.found.findings}{_also(each.found)}",
            f"{each.seconds:.2f}",
        )
        for each in report.results
        if not each.left
    ]
    if rows:
        console.say()
        console.table(rows, ("tool", "files", "findings", "seconds"))
    says = {rule: text for each in report.results for rule, text in each.found.says.items()}
    worst = report.rules().most_common(WORST)
    if worst:
        console.say("\nThe worst rules:")
    black = any(each.name == "black" for each in report.results)
    for rule, count in worst:
        console.say(f"  {rule} × {count}: {says.get(rule, '')}".rstrip(" :"))
        if mend := advice.mend(rule, black):
            console.say(f"      {mend}")
    for each in report.results:
        if each.left:
            console.say(f"Left out: {each.name}: {each.left}.")


def _also(found: Found) -> str:
    return f" ({found.changed} rewritten)" if found.changed else ""
