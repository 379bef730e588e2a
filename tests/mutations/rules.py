"""Break each rule of prometheus/ in several ways, and run its promtool tests on what is broken.

    python -m tests.mutations.rules [NAME ...]

NAME: of the alerts and recording rules to break; all where none is named. Exits with 1 where a rule
that is broken is not found out, and prints how it was broken.
"""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

HOME = Path(__file__).parents[2] / "prometheus"
SLO = "optional/slo.yml"
FILES = ("rules/recording.yml", "rules/alerts.yml", SLO)
AT_ONCE = 2

Rule = dict[str, Any]


class Mutant(NamedTuple):
    """One rule, broken. file, group, place: where it is. name: the alert's or the record's.
    how: what was done to it. tests: those that should find out, below prometheus/tests."""

    file: str
    group: str
    place: int
    name: str
    how: str
    rule: Rule
    tests: tuple[str, ...]


def mutants(names: Sequence[str] = ()) -> Iterator[Mutant]:
    """Yield every rule, or those that are named, broken in each way that there is for it."""
    for file in FILES:
        for group in _said(HOME / file)["groups"]:
            for place, rule in enumerate(group["rules"]):
                name = rule.get("alert") or rule["record"]
                if names and name not in names:
                    continue
                found = _tests(rule, group["name"])
                for how, broken in _broken(rule):
                    yield Mutant(file, group["name"], place, name, how, broken, found)


@cache
def _said(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(file.read_text())
    return found


def _tests(rule: Rule, group: str) -> tuple[str, ...]:
    if "record" in rule:
        return (f"{group}.yml",)
    found = sorted((HOME / "tests/alerts").glob(f"{rule['alert']}*.yml"))
    return tuple(f"alerts/{path.name}" for path in found)


def _broken(rule: Rule) -> Iterator[tuple[str, Rule]]:
    ways = _alert(rule) if "alert" in rule else _recording(rule["expr"])
    for how, change in ways:
        broken = copy.deepcopy(rule) | change
        assert broken != rule, f"{how} changes nothing of {rule}"
        yield how, {key: value for key, value in broken.items() if value is not None}


def _alert(rule: Rule) -> Iterator[tuple[str, Rule]]:
    yield "threshold x10", {"expr": _tenfold(rule["expr"])}
    # Where it does not wait, it is made to.
    yield ("`for` dropped", {"for": None}) if "for" in rule else ("`for` added", {"for": "10m"})
    for label in rule["labels"]:
        labels = {f"{k}_" if k == label else k: v for k, v in rule["labels"].items()}
        yield f"label {label} renamed", {"labels": labels}
    for told in rule["annotations"]:
        yield f"{told} dropped", {
            "annotations": {k: v for k, v in rule["annotations"].items() if k != told}
        }
    yield from _less_precise(rule["expr"])


def _tenfold(expr: str) -> str:
    """Return the expression with its first threshold ten times as high; of none, 10."""

    def more(found: re.Match[str]) -> str:
        return f"{found[1]}{float(found[2]) * 10 or 10:g}{found[3]}"

    compared = r"((?:==|>|<|>=|\(\d*)\s*)(\d+(?:\.\d+)?)(?=\s|$|\s*\*)()"
    for pattern in (
        r"(group_left \(\) \()([\d.]+)()",
        compared,
        r"(\[)(\d+)([smhdw]\])",
        r"(\()(\d+)(\))",
    ):
        changed, count = re.subn(pattern, more, expr, count=1)
        if count:
            return changed
    raise AssertionError(f"no threshold in {expr}")


def _recording(expr: str) -> Iterator[tuple[str, Rule]]:
    if re.search(r"\[\d+[mhd]\]", expr):
        longer = re.sub(r"\[(\d+)([mhd])\]", lambda found: f"[{int(found[1]) * 2}{found[2]}]", expr)
        yield "windows doubled", {"expr": longer}
    yield from _less_precise(expr)
    for operator, other in (("sum by", "max by"), ("count by", "max by"), ("avg by", "max by")):
        if operator in expr:
            yield f"{operator} is {other}", {"expr": expr.replace(operator, other, 1)}
    for what, other in ((r"0\.\d+(?=,)", "0.42"), (r"5\.\.", "4.."), (r"0\.001", "0.01")):
        if re.search(what, expr):
            yield f"{what} is {other}", {"expr": re.sub(what, other, expr)}
    if re.search(r"\s*>=? 0", expr):
        yield "filter dropped", {"expr": re.sub(r"\s*>=? 0", "", expr)}


def _less_precise(expr: str) -> Iterator[tuple[str, Rule]]:
    """Yield the expression with each label lost from its `by`s, and each selector opened."""
    groups = re.findall(r"\bby \(([^)]*)\)", expr)
    for label in dict.fromkeys(each.strip() for group in groups for each in group.split(",")):
        lost = re.sub(rf"(\bby \([^)]*?)\b{label}\b,? ?", r"\1", expr)
        yield f"{label} lost from by", {"expr": re.sub(r", \)", ")", lost)}
    for selector in dict.fromkeys(re.findall(r"\{[^}]*\}", expr)):
        if not selector.startswith("{http"):
            yield f"{selector} opened", {"expr": expr.replace(selector, "")}


def survives(mutant: Mutant) -> bool:
    """Tell whether the tests of the rule that is broken have nothing to say of it."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as directory:
        home = Path(directory)
        for part in ("rules", "optional", "tests"):
            shutil.copytree(HOME / part, home / part)
        file = home / mutant.file
        said = copy.deepcopy(_said(HOME / mutant.file))
        group = next(each for each in said["groups"] if each["name"] == mutant.group)
        group["rules"][mutant.place] = mutant.rule
        file.write_text(json.dumps(said))  # which is YAML, too
        if checked := _promtool("check", "rules", str(file)):
            raise AssertionError(f"{mutant.name}, {mutant.how}: {checked}")
        if "alert" in mutant.rule:
            _keep(home, mutant, said)
        return not _promtool("test", "rules", *(str(home / "tests" / t) for t in mutant.tests))


def _keep(home: Path, mutant: Mutant, broken: dict[str, Any]) -> None:
    """Leave of all files what an alert stands on, and itself: what is not asked need not be run."""
    for file in FILES:
        said = copy.deepcopy(broken if file == mutant.file else _said(HOME / file))
        for group in said["groups"]:
            group["rules"] = [each for each in group["rules"] if _needed(each, mutant.rule, file)]
        said["groups"] = [group for group in said["groups"] if group["rules"]]
        (home / file).write_text(json.dumps(said))


def _needed(each: Rule, alert: Rule, file: str) -> bool:
    if "alert" in each:
        return each == alert
    return file == SLO or each["record"] in str(alert)


def _promtool(*words: str) -> str:
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=120)
    return (done.stdout + done.stderr) if done.returncode else ""


def survivors(broken: Sequence[Mutant]) -> list[Mutant]:
    """Return those of the mutants that no test finds out."""
    with ThreadPoolExecutor(min(AT_ONCE, os.cpu_count() or 1)) as pool:
        return [mutant for mutant, lives in zip(broken, pool.map(survives, broken)) if lives]


def main(names: Sequence[str]) -> int:
    """Break the rules that are named, or all; say what survives, and return the exit code."""
    broken = list(mutants(names))
    alive = survivors(broken)
    for mutant in alive:
        print(f"{mutant.name}: {mutant.how}: no test of {', '.join(mutant.tests)} says so.")
    rules = len({mutant.name for mutant in broken})
    print(f"{len(broken) - len(alive)} of {len(broken)} mutants of {rules} rules were found out.")
    return 1 if alive or not broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
