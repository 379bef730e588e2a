"""The notes of a version: from the changelog or the commits, for the tag and for whoever edits."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Collection, Mapping

from ..errors import Refused
from ..git import Git
from . import changelog
from .version import parse

# What the runbook calls in a tag what Keep a Changelog calls otherwise.
TITLES = {"Added": "Features", "Fixed": "Fixes"}

_HEADING = re.compile(r"^#+ +(?P<name>.*)(?:\n+|\Z)", re.MULTILINE)
_HINT = "<!-- Notes of {tag}, in Markdown, as they go into the changelog. Empty: no release. -->\n"


def candidates(text: str, version: str) -> list[str]:
    """Return what the changelog says of the pre-releases of a version that is final."""
    if parse(version).prerelease:
        return []
    return [each.text for each in changelog.sections(text) if each.name.startswith(f"{version}-")]


def coming(text: str, tags: Collection[str], prefix: str) -> changelog.Section | None:
    """Return the changelog's part of a version that is no tag yet, as where it came by way of a
    pull request; None where the newest is out, or none has a part.

    prefix: of the tags.
    """
    part = changelog.newest(text)
    return part if part and f"{prefix}{part.name}" not in tags else None


def there(text: str, tags: Collection[str], prefix: str) -> bool:
    """Tell whether a changelog has notes for a version to come: under Unreleased, under the version
    itself, or under a pre-release that no final version has followed yet."""
    part = changelog.newest(text)
    told = part is not None and ("-" in part.name or coming(text, tags, prefix) is not None)
    return bool(changelog.unreleased(text)) or told


def message(version: str, notes: str) -> str:
    """Return the message of a tag: a title, and the notes without Markdown's headings, which git
    would take for comments wherever the message is edited."""

    text = notes
    # An empty line between heading and list would tear a paragraph of the tag apart.
    for found in reversed(list(_HEADING.finditer(changelog.prose(notes)))):
        name = found["name"].strip()
        text = f"{text[:found.start()]}{TITLES.get(name, name)}:\n{text[found.end():]}"
    return f"Release version {version}\n\n{text.strip()}\n"


def with_trailers(git: Git, text: str, trailers: Mapping[str, str]) -> str:
    """Return the message with trailers at its end, as git itself writes them."""
    if not trailers:
        return text
    words = [word for key, value in trailers.items() for word in ("--trailer", f"{key}: {value}")]
    argv = ("interpret-trailers", "--no-divider", "--if-exists=replace", *words)
    return git(*argv, stdin=text.encode()).decode()


def editable() -> bool:
    """Tell whether there is somebody who can edit: a terminal on both sides."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def edited(git: Git, tag: str, text: str) -> str:
    """Return the notes as they come out of the reader's editor, which git knows how to find.

    Raises Refused where it fails or leaves nothing.
    """
    editor = git("var", "GIT_EDITOR").decode().strip()
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / f"{tag.replace('/', '-')}.md"
        file.write_text(_HINT.format(tag=tag) + f"\n{text}\n", encoding="utf-8")
        try:
            code = subprocess.run([*shlex.split(editor), str(file)], check=False).returncode
        except OSError as error:
            raise Refused(f"The editor {editor!r} does not start ({error}): set EDITOR.") from None
        left = re.sub(r"<!--.*?-->", "", file.read_text("utf-8"), flags=re.DOTALL).strip()
    if code or not left:
        why = f"the editor ended with exit code {code}" if code else "no notes were left"
        raise Refused(f"{tag} is not released, {why}: nothing was changed; run `inv release`.")
    return left
