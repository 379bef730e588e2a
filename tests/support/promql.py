"""Every PromQL expression that ships, and the metrics that are named anywhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import promql_parser as promql
import yaml

from tasks.lib.visualize import boards, variables
from tests.support.observed import ROOT

SHOWN = variables.Range(0, 3600, 15).words(15)
# How the names begin that are not recording rules; those have colons.
RAW = r"(?:http_server|process|pi_forge|circle|otelcol|alertmanager|prometheus)_[a-z0-9_]+"
NAME = re.compile(rf"(?<![\w:./-])(?:[a-z]+:[a-z0-9_]+:[a-z0-9_]+|{RAW})(?![\w:/(-])")


class Said(NamedTuple):
    """An expression, or a metric's name, and where it is said."""

    where: str
    text: str


def expressions() -> Iterator[Said]:
    """Yield the expressions of dashboards (variables filled in) and of rules."""
    for board in boards.read(ROOT / "grafana" / "dashboards"):
        named = {str(each.get("name")): "any" for each in boards.variables(board.model)} | SHOWN
        for query in boards.queries(board.model):
            if query.source == "prometheus" and query.expression:
                where = f"{board.uid}: {query.name}"
                yield Said(where, variables.filled(query.expression, named))
        for variable in boards.variables(board.model):
            if asked := re.match(r"label_values\((.+),\s*\w+\)", str(variable.get("definition"))):
                where = f"{board.uid}: variable {variable['name']}"
                yield Said(where, variables.filled(asked[1], named))
    for path, rule in rules():
        yield Said(f"{path.name}: {rule.get('record') or rule.get('alert')}", rule["expr"])


def rules() -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield each rule that ships, with its file."""
    for path in sorted((ROOT / "prometheus").rglob("*.yml")):
        read = yaml.safe_load(path.read_text())
        if isinstance(read, dict) and "tests" not in read:
            for group in read.get("groups") or ():
                for rule in group["rules"]:
                    yield path, rule


def metrics(expression: str) -> set[str]:
    """Return the metrics that an expression asks for. Raises ValueError where it is none."""
    found = set()

    def look(each: promql.Expr) -> None:
        if isinstance(each, promql.MatrixSelector):
            each = each.vector_selector
        if isinstance(each, promql.VectorSelector):
            named = [m.value for m in each.matchers.matchers if m.name == "__name__"]
            found.update([each.name] if each.name else named or ["(without a name)"])

    promql.walk(promql.parse(expression), look)
    return found


def in_tasks() -> Iterator[Said]:
    """Yield the metrics that the recipes name in their strings, docstrings apart."""
    for path in [ROOT / "tasks.py", *sorted((ROOT / "tasks").rglob("*.py"))]:
        tree = ast.parse(path.read_text())
        prose = {
            id(body[0].value)
            for node in ast.walk(tree)
            if (body := getattr(node, "body", None)) and isinstance(body, list)
            if isinstance(body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if id(node) not in prose:
                    for name in NAME.findall(node.value):
                        yield Said(f"{path.relative_to(ROOT)}:{node.lineno}", name)


class Documented(NamedTuple):
    """A metric of docs/METRICS.md: its name, type, labels (those with a ? on some series only)."""

    name: str
    kind: str
    labels: frozenset[str]
    optional: frozenset[str]
    section: str


def documented() -> list[Documented]:
    """Return the rows of docs/METRICS.md."""
    found, section = [], ""
    for line in (ROOT / "docs" / "METRICS.md").read_text().splitlines():
        section = line.removeprefix("## ") if line.startswith("## ") else section
        if line.startswith("| `"):
            name, kind, _, labels, _ = (cell.strip() for cell in line.strip("|").split("|"))
            said = re.findall(r"`(\w+)(\??)`", labels)
            every = frozenset(label for label, maybe in said if not maybe)
            some = frozenset(label for label, maybe in said if maybe)
            found.append(Documented(name.strip("`"), kind, every, some, section))
    return found


def stored(metric: Documented) -> set[str]:
    """Return the names under which Prometheus has a metric."""
    if metric.kind != "histogram":
        return {metric.name}
    return {f"{metric.name}_{part}" for part in ("bucket", "sum", "count")}
