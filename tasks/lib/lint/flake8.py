"""Flake8: how it is run, and what its words say."""

from __future__ import annotations

import glob
import re
from collections import Counter
from pathlib import Path

from ..tools import Ran
from . import configured
from .report import Found, Tool
from .tree import NAMES, Tree

NAME = "flake8"
SUFFIXES = (".py", ".pyi")

_FINDING = re.compile(r"^(?P<path>.+?):(?P<line>\d+):\d+: (?P<rule>[A-Z]+\d+) (?P<says>.*)$", re.M)
# What --benchmark adds below the findings: it alone tells how many files there were.
_COUNTED = re.compile(r"^(\d+) +total files processed$", re.M)
_COUNTS = re.compile(
    r"^[\d.e+-]+ +(?:seconds elapsed|(?:total )?[a-z ]+ processed(?: per second)?)\n?", re.M
)


def tool(tree: Tree, program: Path) -> Tool:
    """Return Flake8 on `tree`, with the project's own settings."""
    skipped = [str(tree.root / name.rstrip("/")) for name in tree.skipped]
    patterns = [*configured.flake8(tree.root, "extend-exclude"), *NAMES, *map(_listed, skipped)]
    argv = [str(program), ".", "--format=default", "--benchmark"]
    argv.append(f"--extend-exclude={','.join(patterns)}")
    if tree.chosen is not None:
        named = ",".join(_listed(f"./{name}") for name in tree.some(*SUFFIXES))
        argv.append(f"--filename={named}")
    return Tool(NAME, tuple(argv), read)


def _listed(path: str) -> str:
    """Return a path as one pattern of a list, in which commas and blanks would divide it."""
    return re.sub(r"[,\s]", "?", glob.escape(path))


def read(ran: Ran) -> Found:
    """Return what Flake8's run says."""
    found = list(_FINDING.finditer(ran.output))
    files = _COUNTED.search(ran.output)
    return Found(
        findings=len(found),
        files=int(files[1]) if files else None,
        rules=Counter(each["rule"] for each in found),
        says={each["rule"]: each["says"] for each in reversed(found)},
        broken=tuple(
            f"{each['path'].removeprefix('./')}:{each['line']}: {each['says']}"
            for each in found
            if each["rule"] in ("E902", "E999")
        ),
        text=_COUNTS.sub("", ran.output),
    )
