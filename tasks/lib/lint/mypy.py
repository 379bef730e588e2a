"""mypy, where the project has settings for it: how it is run, and what its words say.

The runbook's page doesn't have it. Who writes settings for it has made types part of what must hold
of a commit, and gates ask for lint alone; for others it would find what nobody has asked for.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from ..tools import Ran
from . import configured
from .report import Found, Tool
from .tree import Tree

NAME = "mypy"

_FINDING = re.compile(r"^\S.*?: error: (?P<says>.*?)(?:  \[(?P<rule>[a-z-]+)\])?$", re.M)
_COUNTED = re.compile(r"(?:no issues found in|\(checked) (\d+) source files?")


def tool(tree: Tree, program: Path) -> Tool:
    """Return mypy on what its settings name, else on everything.

    Types depend on other files, so that a part is never looked at alone.
    """
    said = configured.mypy(tree.root) or {}
    named = any(key in said for key in ("files", "packages", "modules"))
    own = said.get("exclude") or []
    # It looks into no hidden directory by itself, and matches from the project's directory.
    skipped = [name for name in tree.skipped if not name.startswith(".")]
    paths = [f"^{re.escape(name)}{'' if name.endswith('/') else '$'}" for name in skipped]
    excluded = [*([own.strip()] if isinstance(own, str) else own), *paths] if paths else []
    argv = (str(program), *(f"--exclude={each}" for each in excluded), *([] if named else ["."]))
    return Tool(NAME, argv, read)


def read(ran: Ran) -> Found:
    """Return what mypy's run says."""
    found = list(_FINDING.finditer(ran.output))
    files = _COUNTED.search(ran.output)
    return Found(
        findings=len(found),
        files=int(files[1]) if files else None,
        rules=Counter(each["rule"] or "error" for each in found),
        says={each["rule"] or "error": each["says"] for each in reversed(found)},
        text=ran.output,
    )
