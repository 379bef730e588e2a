"""What the commits since the last release say: next version and notes. git-cliff reads them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import Refused
from ..git import STEERING

FIRST = "0.1.0"  # as semver.org has it of where to begin
OWN = Path(__file__).with_name("cliff.toml")


class Said(NamedTuple):
    """What the commits say. suggested: the next version, as a tag. notes: in Markdown, under the
    headings of Keep a Changelog; "" where they hold nothing that users should know."""

    suggested: str
    notes: str


def said(root: Path, prefix: str, since: str, bump: bool = True) -> Said:
    """Return what the commits since the tag `since` ("" for the beginning) say.

    root: the project, whose own cliff.toml is followed. prefix: of the tags of releases. bump:
    whether a version is wanted; then `since` is a final one. Raises Refused.
    """
    own = root / "cliff.toml"
    config = own if own.is_file() else OWN
    argv = [_command(), "--config", str(config), "--offline", "--no-exec", "--use-branch-tags"]
    argv += ["--tag-pattern", rf"^{re.escape(prefix)}\d+\.\d+\.\d+$"]
    argv += ["--bump"] if bump and since else []
    argv += ["--context", *([f"{since}..HEAD"] if since else [])]
    env = {key: value for key, value in os.environ.items() if key not in STEERING}
    env["NO_COLOR"] = "1"
    done = subprocess.run(argv, cwd=root, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise Refused(
            f"git-cliff could not read the commits ({said[-1]}): correct {config.name}, or go"
            " without, `inv release --version=vX.Y.Z` with notes under Unreleased.",
            kind="cliff",
            evidence=done.stderr.strip(),
        )
    releases = json.loads(done.stdout or "[]")
    about = releases[0] if releases else {}
    suggested = str(about.get("version") or since or f"{prefix}{FIRST}")
    return Said(suggested, _notes(about.get("commits") or []))


def _command() -> str:
    """Return git-cliff as it is locked with these recipes, else the one in PATH."""
    found = shutil.which("git-cliff", path=sysconfig.get_path("scripts"))
    if found := found or shutil.which("git-cliff"):
        return found
    raise Refused("git-cliff is missing: run `scripts/setup`.", kind="cliff")


def _notes(commits: list[dict[str, Any]]) -> str:
    """Return the commits as sections, breaking changes first in each."""
    sections: dict[str, list[str]] = {}
    for commit in sorted(commits, key=lambda each: not each.get("breaking")):
        # Many a cliff.toml orders its groups by a comment before their names.
        group = re.sub(r"<!--.*?-->", "", commit.get("group") or "Changed").strip()
        sections.setdefault(group, []).append(_line(commit))
    order = sorted(sections, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER)))
    return "\n\n".join(f"### {name}\n\n" + "\n".join(sections[name]) for name in order)


ORDER = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]


def _line(commit: dict[str, Any]) -> str:
    text = str(commit["message"]).strip().splitlines()[0].strip()
    text = text[:1].upper() + text[1:]
    text = f"{commit['scope']}: {text}" if commit.get("scope") else text
    return f"- **Breaking:** {text}" if commit.get("breaking") else f"- {text}"
