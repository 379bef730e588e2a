"""Black: how it is run, and what its words say."""

from __future__ import annotations

import re
from pathlib import Path

from ..tools import Ran
from . import configured
from .report import Found, Tool
from .tree import NAMES, Tree

NAME = "black"
SUFFIXES = (".py", ".pyi", ".ipynb")

_COUNTED = re.compile(r"(\d+) files? (?:would be )?(reformatted|left unchanged)")
_FAILED = re.compile(r"(\d+) files? (?:would )?fail(?:ed)? to reformat")
# "error: cannot format a.py: Cannot parse: 1:6: def f(:", newer "error: cannot parse: /x/a.py:1:6".
_UNPARSED = (
    re.compile(r"^error: cannot parse: (?P<path>.+):(?P<line>\d+):\d+$", re.MULTILINE),
    re.compile(
        r"^error: cannot format (?P<path>.+?): Cannot parse.*?: (?P<line>\d+):\d+:", re.MULTILINE
    ),
)


def tool(tree: Tree, program: Path, check: bool) -> Tool:
    """Return Black on `tree`; with `check` it changes nothing."""
    base = configured.black_root(tree.root)
    argv = [str(program), *(["--check"] if check else []), "."]
    argv.append(f"--force-exclude={_excluded(tree, base)}")
    if tree.chosen is not None:
        named = "|".join(_escaped(tree, base, name) for name in tree.some(*SUFFIXES))
        argv.append(f"--include=^/(?:{named})$")
    return Tool(NAME, tuple(argv), lambda ran: read(ran, tree.root, check))


def _excluded(tree: Tree, base: Path) -> str:
    """Return a pattern of what isn't looked at: the project's own, the usual names, our paths."""
    own = configured.black(tree.root, "force-exclude")
    names = "|".join(map(re.escape, NAMES))
    paths = [
        f"^/{_escaped(tree, base, name)}{'' if name.endswith('/') else '$'}"
        for name in tree.skipped
    ]
    parts = [f"/(?:{names})/", *paths]
    # With a line break in it, Black reads the pattern as a verbose one, in which `#` and blanks
    # have to be escaped, as re.escape does.
    return "|".join([f"(?:{own}\n)" if "\n" in own else f"(?:{own})", *parts] if own else parts)


def _escaped(tree: Tree, base: Path, name: str) -> str:
    path = (tree.root / name).relative_to(base).as_posix()
    return re.escape(f"{path}/" if name.endswith("/") else path)


def read(ran: Ran, root: Path, check: bool) -> Found:
    """Return what Black's run says; a file that it can't parse is named with its line."""
    counts = {what: int(n) for n, what in _COUNTED.findall(ran.output)}
    failed = sum(int(n) for n in _FAILED.findall(ran.output))
    changed = counts.get("reformatted", 0)
    files = sum(counts.values()) + failed
    rules = {"unformatted": changed if check else 0, "unparsed": failed}
    broken = [
        f"{_shown(found['path'], root)}:{found['line']}: Black can't parse it"
        for pattern in _UNPARSED
        for found in pattern.finditer(ran.output)
    ]
    return Found(
        findings=sum(rules.values()),
        files=files if counts or failed or "No Python files" in ran.output else None,
        rules={rule: n for rule, n in rules.items() if n},
        says={"unformatted": "Black would change the file", "unparsed": "; ".join(broken[:3])},
        changed=0 if check else changed,
        broken=tuple(broken),
        text=ran.output,
    )


def _shown(path: str, root: Path) -> str:
    try:
        return Path(path).relative_to(root).as_posix()
    except ValueError:
        return path
