"""What is shipped beside the Python code: shell scripts, and the configuration of what runs it.

What a YAML file is for is told by its own keys, so that it may lie anywhere.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Callable, NamedTuple, Sequence

from ..tools import Ran
from .report import Found, Tool
from .tree import Tree
from .yamlfiles import Parsed

COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")

_SHELL = re.compile(rb"#!\s*\S*[/ ](?:sh|bash|dash|ksh)\b")
_SHELLCHECK = re.compile(r"^.+?:\d+:\d+: \w+: (?P<says>.*) \[(?P<rule>SC\d+)\]$", re.M)
# A receiver that came with Alertmanager 0.28: amtool before that takes it for a mistake.
_NEWER = "msteamsv2_configs"
# What has to have a value, as the Compose file says it.
_REQUIRED = re.compile(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*):?\?")
_NO_COMPOSE = re.compile(
    r"not a docker command|unknown command: docker compose|^Usage: +docker \[", re.M
)


class Wanted(NamedTuple):
    """A check of some files. program: that does it. about: the files, for the reader. tool: made of
    the program's path."""

    name: str
    program: str
    about: str
    tool: Callable[[Path], Tool]


def scripts(tree: Tree, directories: Sequence[str]) -> list[str]:
    """Return the shell scripts below `directories`: by their suffix, else by their first line."""
    below = tuple(f"{name.rstrip('/')}/" for name in directories)
    return [name for name in tree.some() if name.startswith(below) and _is_shell(tree.root / name)]


def _is_shell(file: Path) -> bool:
    if file.suffix in (".sh", ".bash"):
        return True
    if file.suffix:
        return False
    try:
        with file.open("rb") as opened:
            return bool(_SHELL.match(opened.read(64)))
    except OSError:
        return False


def wanted(tree: Tree, directories: Sequence[str], parsed: Sequence[Parsed]) -> list[Wanted]:
    """Return the checks that there is something for."""
    found = []
    if names := scripts(tree, directories):
        found.append(_on("shellcheck", "shellcheck", ("--format=gcc",), names, _shellcheck))
    # Files beside the first are laid on it, and are not whole by themselves: Compose finds its own.
    if names := [name for name in tree.some() if name in COMPOSE][:1]:
        found.append(_compose(tree.root / names[0]))
    for name, program, words, holds in _BY_KEYS:
        if names := [each.path for each in parsed if holds(each.keys)]:
            newer = [each for each in names if _has(tree.root / each, _NEWER)]
            if older := [each for each in names if each not in newer]:
                found.append(_on(name, program, words, older, by_code))
            if newer:  # apart, lest the others are left out with them
                found.append(_on("teams", program, words, newer, by_code))
    return found


def _has(file: Path, said: str) -> bool:
    try:
        return said in file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def _on(
    name: str,
    program: str,
    words: tuple[str, ...],
    files: Sequence[str],
    read: Callable[[Ran], Found],
    given: Sequence[str] | None = None,
) -> Wanted:
    named = tuple(files if given is None else given)
    about = ", ".join(files[:3]) + (f" and {len(files) - 3} more" if len(files) > 3 else "")

    def tool(path: Path) -> Tool:
        return Tool(name, (os.fspath(path), *words, *named), read, len(files))

    return Wanted(name, program, about, tool)


def _compose(file: Path) -> Wanted:
    """Return the check of a Compose file, whatever values its variables have on this machine."""
    try:
        named = set(_REQUIRED.findall(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError):
        named = set()  # it is for Compose to say what is wrong with it
    given = [f"{name}=any" for name in sorted(named) if name not in os.environ]
    before = ("env", *given) if given and os.name != "nt" else ()

    def tool(path: Path) -> Tool:
        words = (*before, os.fspath(path), "compose", "config", "--quiet")
        return Tool("compose", words, by_code, 1)

    return Wanted("compose", "docker", file.name, tool)


def without_plugin(tool: Tool) -> Tool | None:
    """Return the same check by Compose's own program of before, None where there is none."""
    program = shutil.which("docker-compose")
    if program is None:
        return None
    before = tool.argv[: tool.argv.index("compose") - 1]
    return tool._replace(argv=(*before, program, "config", "--quiet"))


# (name, program, its words, whether a file with these keys is for it)
_BY_KEYS: tuple[tuple[str, str, tuple[str, ...], Callable[[frozenset[str]], bool]], ...] = (
    # The files that it names are on the host, not here: its syntax is what can be looked at.
    (
        "prometheus",
        "promtool",
        ("check", "config", "--syntax-only"),
        lambda keys: "scrape_configs" in keys,
    ),
    ("rules", "promtool", ("check", "rules"), lambda keys: keys == {"groups"}),
    ("alertmanager", "amtool", ("check-config",), lambda keys: {"route", "receivers"} <= keys),
)


def is_missing(ran: Ran) -> bool:
    """Tell whether the program lacks the part that was asked for: Docker without Compose."""
    return bool(ran.code and _NO_COMPOSE.search(ran.output))


def left(ran: Ran) -> str:
    """Return why a run says nothing of the files, "" where it does."""
    if is_missing(ran):
        return "this Docker has no Compose"
    old = f"field {_NEWER} not found"
    unknown = [line for line in ran.output.splitlines() if " not found in type " in line]
    if ran.code and unknown and all(old in line for line in unknown):
        return "this amtool is older than 0.28, the first that knows Microsoft Teams"
    return ""


def _shellcheck(ran: Ran) -> Found:
    found = list(_SHELLCHECK.finditer(ran.output))
    return Found(
        findings=len(found),
        rules=Counter(each["rule"] for each in found),
        says={each["rule"]: each["says"] for each in reversed(found)},
        text=ran.output,
    )


def by_code(ran: Ran) -> Found:
    """Return what a tool says by its exit code alone; when all is well its words are not shown."""
    return Found(text=ran.output if ran.code else "")
