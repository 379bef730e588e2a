"""Which commits share their code: a release commit changes only the version and the notes."""

from __future__ import annotations

from pathlib import Path

from ..errors import Refused
from ..git import Git
from . import files
from .settings import Release

FAR = 50  # releases in a row that nobody would make


def commits(root: Path, release: Release, commit: str) -> tuple[str, ...]:
    """Return `commit` and, nearest first, those before it that have the same code.

    Raises Refused where git fails; a history that ends here (a shallow clone) ends the row.
    """
    git = Git(root)
    row = [commit]
    while (
        len(row) < FAR
        and (parent := _parent(git, row[-1]))
        and _same(git, release, parent, row[-1])
    ):
        row.append(parent)
    return tuple(row)


def naming(root: Path, release: Release, commit: str) -> bool:
    """Tell whether a commit only gives a version its name. Raises Refused."""
    git = Git(root)
    parent = _parent(git, commit)
    return bool(parent) and _same(git, release, parent, commit)


def _parent(git: Git, commit: str) -> str:
    """Return the only parent, "" for a merge, a beginning, or what isn't here."""
    words = git("rev-list", "--parents", "--max-count=1", commit).decode().split()
    return words[1] if len(words) == 2 else ""


def _same(git: Git, release: Release, before: str, after: str) -> bool:
    """Tell whether only the changelog and the version in its files differ."""
    own = git("rev-parse", "--show-prefix").decode().strip()
    listed = git("diff-tree", "-r", "-z", "--no-renames", before, after)
    words = listed.decode("utf-8", "surrogateescape").split("\0")[:-1]
    holders = {f"{own}{path}": path for path in release.files}
    for about, path in zip(words[::2], words[1::2]):
        old, new = about.removeprefix(":").split(" ")[:2]  # modes: 000000 is no file
        if path == f"{own}{release.changelog}":
            if old not in (new, "000000"):
                return False
        elif old != new or path not in holders:
            return False
        elif not _alike(git, holders[path], release.files[holders[path]], (before, after)):
            return False
    return True


def _alike(git: Git, path: str, pattern: str, both: tuple[str, str]) -> bool:
    """Tell whether a file is the same in both commits, its version apart."""
    try:
        texts = {files.masked(path, pattern, text(git, commit, path) or "") for commit in both}
    except Refused:
        return False
    return len(texts) == 1


def text(git: Git, commit: str, path: str) -> str | None:
    """Return a file's text as committed; path: from the project's directory. None where there is
    none, or where it isn't text in UTF-8."""
    asked = f"{commit}:./{path}\n".encode()
    head, _, rest = git("cat-file", "--batch", stdin=asked).partition(b"\n")
    words = head.rsplit(b" ", 2)
    if len(words) != 3 or words[1] != b"blob" or not words[2].isdigit():
        return None
    try:
        return rest[: int(words[2])].decode("utf-8")
    except UnicodeDecodeError:
        return None
