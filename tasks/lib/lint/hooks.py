"""pre-commit's hooks: whether there are any, how they are run, and what their words say."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from typing import Any, Collection

from .. import tools
from ..tools import Ran
from .report import Found, Tool
from .tree import Tree

NAME = "pre-commit"
CONFIG = ".pre-commit-config.yaml"

_FAILED = re.compile(r"^(?P<says>.*?)\.{3,}.*Failed\n- hook id: (?P<rule>.+)$", re.M)
_REWROTE = "- files were modified by this hook"


def configured(root: Path) -> dict[str, Any]:
    """Return the hooks' configuration; {} where there is none or where it can't be read, which
    pre-commit itself says better."""
    import yaml

    try:
        said = yaml.safe_load((root / CONFIG).read_bytes())
    except (OSError, yaml.YAMLError):
        return {}
    return said if isinstance(said, dict) else {}


def repeating(root: Path, ran: Collection[str]) -> list[str]:
    """Return the hooks that would only run once more what has just run: those named as one of the
    tools in `ran` that are this machine's own (`repo: local`, `language: system`). Others have a
    version of their own, and may find something else."""
    return [
        hook["id"]
        for repo in configured(root).get("repos") or ()
        if isinstance(repo, dict) and repo.get("repo") == "local"
        for hook in repo.get("hooks") or ()
        if isinstance(hook, dict) and hook.get("language") in ("system", "unsupported")
        if hook.get("id") in ran
    ]


def ids(root: Path) -> list[str]:
    """Return the ids of all hooks that are configured."""
    repos = configured(root).get("repos") or ()
    hooks = [hook for repo in repos if isinstance(repo, dict) for hook in repo.get("hooks") or ()]
    return [str(hook["id"]) for hook in hooks if isinstance(hook, dict) and "id" in hook]


def tool(tree: Tree, program: Path) -> Tool:
    """Return the hooks on `tree`."""
    which = ["--all-files"] if tree.chosen is None else ["--files", *tree.some()]
    argv = (str(program), "run", "--color=never", *which)
    return Tool(NAME, argv, read, files=None if tree.chosen is None else len(which) - 1)


def variables(repeated: Collection[str]) -> dict[str, str]:
    """Return the variables with which pre-commit leaves out `repeated` and what was said before."""
    said = [name for name in os.environ.get("SKIP", "").split(",") if name]
    return {"SKIP": ",".join([*said, *repeated])} if repeated else {}


def read(ran: Ran) -> Found:
    """Return what the hooks' run says; each that failed is one finding."""
    failed = list(_FAILED.finditer(ran.output))
    return Found(
        findings=len(failed),
        rules=Counter(each["rule"] for each in failed),
        says={each["rule"]: each["says"] for each in failed},
        changed=ran.output.count(_REWROTE),
        text=ran.output,
    )


def missing(tree: Tree) -> list[str]:
    """Return the git hooks, by their files' names, that are wanted and that this clone lacks."""
    if not (tree.repository and (tree.root / CONFIG).is_file()):
        return []
    # As git itself would look for them; our own way to ask it leaves hooks out.
    ran = tools.run(["git", "rev-parse", "--git-path", "hooks"], tree.root, show=False)
    place = tree.root / ran.output.rstrip("\n")
    wanted = configured(tree.root).get("default_install_hook_types") or ["pre-commit"]
    return [str(kind) for kind in wanted if not _is_ours(place / str(kind))]


def _is_ours(hook: Path) -> bool:
    try:
        return b"pre-commit" in hook.read_bytes()
    except OSError:
        return False
