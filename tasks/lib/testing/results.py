"""What pytest found, read from the JUnit XML that it writes (its `xunit1` family names files)."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

SLOWEST = 3
GROUPS = 10
FAILING = ("failed", "errors")
_EXCEPTION = re.compile(r"[\w.]*(Error|Exception|Warning|Exit)\b|fixture ")


class Case(NamedTuple):
    """A test, or a file that could not be read: `name` as pytest takes it on its command line.

    said: why it failed, in one line. read: whether pytest could read its file.
    """

    name: str
    seconds: float
    said: str = ""
    read: bool = True


class Results(NamedTuple):
    """How many tests passed, failed and were skipped; errors are those of fixtures and files.

    slowest: the slowest first. failing: failures and errors, in their order.
    """

    passed: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0
    slowest: tuple[Case, ...] = ()
    failing: tuple[Case, ...] = ()

    @property
    def total(self) -> int:
        return self.passed + self.failed + self.errors + self.skipped

    @property
    def unread(self) -> tuple[Case, ...]:
        """Files of tests that pytest could not read."""
        return tuple(case for case in self.failing if not case.read)


def read(path: Path) -> Results | None:
    """Return what the JUnit XML at `path` says; None where pytest has written none, or not all."""
    from xml.etree.ElementTree import ParseError, parse

    try:
        tree = parse(path)
    except (OSError, ParseError):
        return None
    counts: Counter[str] = Counter()
    cases, failing = [], []
    for element in tree.iter("testcase"):
        kind, case = _case(element)
        counts[kind] += 1
        cases.append(case)
        if kind in FAILING:
            failing.append(case)
    # An interrupted test has an element like that of one that passed; only the total leaves it out.
    total = sum(int(suite.get("tests") or 0) for suite in tree.iter("testsuite"))
    counts["passed"] = max(0, total - sum(counts[kind] for kind in (*FAILING, "skipped")))
    slowest = sorted(cases, key=lambda case: -case.seconds)[:SLOWEST]
    return Results(**counts, slowest=tuple(slowest), failing=tuple(failing))


def _case(element: Element) -> tuple[str, Case]:
    case = Case(_name(element), float(element.get("time") or 0))
    for tag, kind in (("error", "errors"), ("failure", "failed"), ("skipped", "skipped")):
        found = element.find(tag)
        if found is not None:
            message, text = found.get("message") or "", found.text or ""
            unread = tag == "error" and message.startswith("collection failure")
            return kind, case._replace(said=_line(message, text), read=not unread)
    return "passed", case


def _name(element: Element) -> str:
    name, within, file = (element.get(key) or "" for key in ("name", "classname", "file"))
    if not within:  # a file that could not be read; dots, as in a module's name
        return name
    if not file:
        return f"{within}::{name}"
    module = re.sub(r"\.py$", "", file).replace("\\", "/").replace("/", ".")
    classes = within.removeprefix(module).strip(".").replace(".", "::")
    return "::".join(part for part in (file, classes, name) if part)


def _line(message: str, text: str) -> str:
    """Return why a test failed in one line.

    pytest's message is that of the exception, and otherwise of the place where it went wrong; then
    its text marks the exception with an E.
    """
    if message.startswith(("collection failure", 'failed on setup with "file ')):
        marked = re.findall(r"^E +(\S.*)$", text, re.MULTILINE)
        named = [line for line in marked if _EXCEPTION.match(line)]
        message = (named or marked or [text])[-1]
    lines = (message or text).strip().splitlines() or [""]
    return lines[0] if len(lines[0]) <= 300 else f"{lines[0][:299]}…"


def told(results: Results) -> str:
    """Return the failures of `results`, those that say the same in one line."""
    groups: dict[str, list[str]] = {}
    for case in results.failing:
        groups.setdefault(case.said, []).append(case.name)
    lines = [f"- {_names(names)}: {said}" for said, names in groups.items()]
    left = len(lines) - GROUPS
    return "\n".join(lines[:GROUPS] + ([f"- and {left} more"] if left > 0 else []))


def _names(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
