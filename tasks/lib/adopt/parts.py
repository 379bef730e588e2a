"""What of the recipes goes over: which files, to which paths, and with whose name in them."""

from __future__ import annotations

import json
import re
from typing import Mapping, NamedTuple

from ..errors import Refused
from ..git import Git

RECORD = "tasks/recipes.json"  # in the adopting repository: which recipes, rendered with what

# Directories end with a slash. Everything else stays: tests, benchmarks, the reference service, and
# what every project has of its own.
TAKEN = (
    "tasks.py",
    "tasks/",
    "scripts/",
    "docker-compose.yml",
    "docker-compose.remote.yml",
    "otel-collector-config.yaml",
    "otel-collector-remote.yaml",
    "prometheus.yml",
    "prometheus/",
    "alertmanager/",
    "grafana/",
    "docs/alerts/",
    "docs/schemas/",
    ".github/workflows/",
)

# Of those, what is about these recipes alone: their tests, and the story of `scripts/try`.
LEFT = frozenset(
    f"scripts/{name}"
    for name in (
        "test",
        "try",
        "claims.py",
        "display.py",
        "load.py",
        "recipes.py",
        "releases.py",
        "story.py",
    )
)

# Names that a project has for its own: what `inv` itself needs is kept apart from what it needs.
MOVED = {
    "requirements.in": "tasks/requirements.in",
    "requirements.txt": "tasks/requirements.txt",
    "LICENSE": "tasks/LICENSE",
}

NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,28}[a-z0-9])?")
NAMED = "1 to 30 of lower-case letters, digits and dashes, beginning with a letter"
# The index leads through the recipes' own README and decisions, which stay.
_PAGE = re.compile(r"docs/(?!HANDOFF_INDEX)[^/]+\.md")


class File(NamedTuple):
    """A file as git has it. mode: "100644", "100755" or "120000"."""

    mode: str
    data: bytes


Files = Mapping[str, File]


class Record(NamedTuple):
    """What a repository has of the recipes.

    commit: theirs, in full. app: the name that was put in. slug: owner/name where the repository is
    on GitHub, for the links to its pages. branch: what is released from. kept: paths that are the
    repository's own, though the recipes have a file of that name.
    """

    commit: str
    app: str
    slug: str = ""
    branch: str = "main"
    kept: tuple[str, ...] = ()

    def text(self) -> str:
        """Return it as the file has it."""
        told = {**self._asdict(), "kept": list(self.kept)}
        return json.dumps(told, indent=2) + "\n"


def record(data: bytes) -> Record:
    """Return what a record says. Raises Refused (kind "record") where it can't be read."""
    try:
        told = json.loads(data)
        known = {key: str(told[key]) for key in ("commit", "app", "slug", "branch") if key in told}
        found = Record(**known, kept=tuple(map(str, told.get("kept", ()))))
    except (ValueError, KeyError, TypeError):
        found = Record("", "")
    if not re.fullmatch(r"[0-9a-f]{40,64}", found.commit) or not NAME.fullmatch(found.app):
        raise Refused(
            f"{RECORD} can't be read: bring it back with `git checkout HEAD~ -- {RECORD}`, "
            "or as it was when the recipes last came.",
            kind="record",
        )
    return found


def read(git: Git, commit: str, taken: tuple[str, ...] = TAKEN) -> dict[str, File]:
    """Return the files of `commit` that go over, by their paths there. Raises Refused."""
    entries = []
    for entry in git("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0"):
        about, _, path = entry.decode("utf-8", "surrogateescape").partition("\t")
        if _wanted(path, taken) and about.split()[1] == "blob":
            mode, _, blob = about.split()
            entries.append((MOVED.get(path, path), mode, blob))
    texts = blobs(git, [blob for _, _, blob in entries])
    return {path: File(mode, texts[blob]) for path, mode, blob in entries}


def _wanted(path: str, taken: tuple[str, ...]) -> bool:
    if path in LEFT:
        return False
    if taken == TAKEN and (path in MOVED or _PAGE.fullmatch(path)):
        return True
    return any(path.startswith(each) if each.endswith("/") else path == each for each in taken)


def everything(git: Git, commit: str) -> dict[str, tuple[str, str]]:
    """Return mode and object of every file of a commit, by path. Raises Refused."""
    found = {}
    for entry in git("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0"):
        if entry:
            about, _, path = entry.decode("utf-8", "surrogateescape").partition("\t")
            mode, _, name = about.split()
            found[path] = (mode, name)
    return found


def blobs(git: Git, names: list[str]) -> dict[str, bytes]:
    """Return the content of git's objects by their names, in one go. Raises Refused."""
    said = git("cat-file", "--batch", stdin="".join(f"{name}\n" for name in names).encode())
    found, at = {}, 0
    for name in names:
        head, at = said[at : said.index(b"\n", at)], said.index(b"\n", at) + 1
        size = int(head.split()[2])
        found[name] = said[at : at + size]
        at += size + 1
    return found


def rendered(files: Files, record: Record) -> dict[str, File]:
    """Return `files` with the name of the reference service replaced by the app's, in paths too.

    It is the scrape's job, so rules, boards and what asks for them have to agree on it; all of them
    are rendered together.
    """
    app = record.app
    names = [
        (b"your-organisation/pi-forge", (record.slug or f"your-organisation/{app}").encode()),
        (b"pi-forge", app.encode()),
        (b"pi_forge", app.replace("-", "_").encode()),
        (b"Pi Forge", app.replace("-", " ").capitalize().encode()),
        (b"\n    branches: [main]\n", f"\n    branches: [{record.branch}]\n".encode()),
    ]

    def over(data: bytes) -> bytes:
        for ours, theirs in names:
            data = data.replace(ours, theirs)
        return data

    return {
        over(path.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape"): File(
            each.mode, over(each.data)
        )
        for path, each in files.items()
    }
