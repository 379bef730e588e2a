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


def _parent(git: Git, commit: str) -> str:
    """Return the only parent, "" for a merge, a beginning, or what isn't here."""
    words = git("rev-list", "--parents", "--max-count=1", commit).decode().split()
    return words[1] if len(words) == 2 else ""


def _same(git: Git, release: Release, before: str, after: str) -> bool:
    """Tell whether only the changelog and the version in its files differ."""
    own = git("rev-parse", "--show-prefix").decode().strip()
    listed = git("diff-tree", "-r", "--no-renames", "-z", "--name-only", before, after)
    changed = [path for path in listed.decode("utf-8", "surrogateescape").split("\0") if path]
    holders = {f"{own}{path}": path for path in release.files}
    for path in changed:
        if path == f"{own}{release.changelog}":
            continue
        if path not in holders:
            return False
        try:
            texts = [text(git, commit, holders[path]) for commit in (before, after)]
            pattern = release.files[holders[path]]
            masked = {files.masked(path, pattern, each or "") for each in texts}
        except Refused:
            return False
        if len(masked) > 1:
            return False
    return True


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
