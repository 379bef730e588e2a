"""YAML files: whether they can be read, and as what they were meant.

PyYAML does it, in this process: it is quick, needs nothing installed beside the recipes, and finds
what breaks a file. How one should look is for yamllint to say, as one of the project's hooks.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any, Iterator, NamedTuple, Sequence

from .report import Found, Result

NAME = "yaml"
SUFFIXES = (".yaml", ".yml")


class Parsed(NamedTuple):
    """A YAML file. keys: at its top. faults: (line, rule, what is wrong)."""

    path: str
    keys: frozenset[str] = frozenset()
    faults: tuple[tuple[int, str, str], ...] = ()


def parse(root: Path, paths: Sequence[str]) -> tuple[list[Parsed], float]:
    """Return the files as they were read, and the seconds that it took."""
    since = time.monotonic()
    parsed = [_parse(root, path) for path in paths]
    return parsed, time.monotonic() - since


def result(parsed: Sequence[Parsed], seconds: float) -> Result:
    """Return what came of it, as of any other tool."""
    faults = [(each.path, *fault) for each in parsed for fault in each.faults]
    found = Found(
        findings=len(faults),
        files=len(parsed),
        rules=Counter(rule for _, _, rule, _ in faults),
        says={rule: f"{path}:{line}: {what}" for path, line, rule, what in reversed(faults)},
        text="".join(f"{path}:{line}: {rule}: {what}\n" for path, line, rule, what in faults),
    )
    return Result(NAME, found, seconds)


def _parse(root: Path, path: str) -> Parsed:
    import yaml

    try:
        with (root / path).open("rb") as file:
            # Composed, not constructed: what a tag means is known to the file's own reader alone.
            nodes = list(yaml.compose_all(file, Loader=getattr(yaml, "CLoader", yaml.Loader)))
    except (yaml.YAMLError, OSError) as error:
        return Parsed(path, faults=(_fault(error),))
    tops = [node for node in nodes if isinstance(node, yaml.MappingNode)]
    keys = frozenset(key.value for node in tops for key, _ in node.value if _is_text(key))
    return Parsed(path, keys, tuple(fault for node in nodes for fault in _twice(node, set())))


def _fault(error: Exception) -> tuple[int, str, str]:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or " ".join(str(error).split())
    return (mark.line + 1 if mark else 1), "unparsed YAML", str(what)


def _is_text(node: Any) -> bool:
    return isinstance(node.value, str)


def _twice(node: Any, seen: set[int]) -> Iterator[tuple[int, str, str]]:
    """Yield the keys that a mapping has twice, which YAML 1.2 forbids (3.2.1.3)."""
    if node is None or id(node) in seen or _is_text(node):
        return
    seen.add(id(node))
    if isinstance(node.value[:1], list) and node.id == "sequence":
        for below in node.value:
            yield from _twice(below, seen)
        return
    names: set[tuple[str, str]] = set()
    for key, value in node.value:
        if _is_text(key):
            if (key.tag, key.value) in names:
                yield key.start_mark.line + 1, "duplicate key", key.value
            names.add((key.tag, key.value))
        yield from _twice(value, seen)
