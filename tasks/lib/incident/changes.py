"""What came with the release that was left: the commits between it and the one before."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from ..errors import Refused
from ..git import Git
from .words import said

MANY = 100  # commits that are listed
SECONDS = 10.0  # for git, which may have a long history
_HASH = re.compile(r"[0-9a-f]{7,64}")


class Commit(NamedTuple):
    """A commit; author and subject without addresses, date as YYYY-MM-DD."""

    hash: str
    author: str
    date: str
    subject: str
    merge: bool


class Changes(NamedTuple):
    """What lies between two releases.

    commits: at most MANY, the newest first. number: how many there are. gone: how many commits of
    the older one the newer one doesn't have. cut: whether this clone's history ends somewhere.
    """

    commits: tuple[Commit, ...]
    number: int
    gone: int
    cut: bool

    @property
    def authors(self) -> tuple[str, ...]:
        """Who wrote them, who wrote most first."""
        names = [each.author for each in self.commits]
        return tuple(sorted(dict.fromkeys(names), key=lambda name: (-names.count(name), name)))


def between(root: Path, older: str, newer: str) -> Changes:
    """Return what `newer` has and `older` hasn't. Raises Refused where this clone can't say."""
    git = Git(root)
    for each in (older, newer):
        if not _HASH.fullmatch(each):
            raise Refused("which commits the two releases were made of is in no journal")
        try:
            git("cat-file", "-e", f"{each}^{{commit}}", timeout=SECONDS, fetch=False)
        except Refused as error:
            if "not in a git repository" in str(error) or "git is not installed" in str(error):
                raise
            raise Refused(
                f"this clone has no commit {each[:7]}: `git fetch --all --tags`"
            ) from None
    span = f"{older}..{newer}"
    form = "--format=%h%x1f%as%x1f%P%x1f%aN%x1f%s"  # what people wrote may have any character
    listed = git("log", "-z", form, f"--max-count={MANY}", span, timeout=SECONDS, fetch=False)
    lines = listed.decode("utf-8", "replace").split("\0")
    return Changes(
        tuple(_commit(line) for line in lines if line.count("\x1f") >= 4),
        _count(git, span),
        _count(git, f"{newer}..{older}"),
        git("rev-parse", "--is-shallow-repository").strip() == b"true",
    )


def _commit(line: str) -> Commit:
    short, date, parents, author, subject = line.split("\x1f", 4)
    return Commit(short, said(author), date, said(subject), len(parents.split()) > 1)


def _count(git: Git, span: str) -> int:
    return int(git("rev-list", "--count", span, timeout=SECONDS, fetch=False))
