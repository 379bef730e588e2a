"""What differs from the main branch: the part of the project that --changed looks at."""

from __future__ import annotations

import os

from ..errors import Refused
from ..git import Git
from .tree import Tree

LONGEST = 100_000  # characters of names that a tool is given; Linux takes 128 KiB in one argument


def narrowed(tree: Tree, remote: str, branch: str) -> Tree:
    """Return `tree` with those files chosen that differ from where HEAD left the main branch, and
    those that git doesn't know yet.

    remote: whose main branch it is. branch: what it is called. Raises Refused where there is
    nothing to compare with.
    """
    git = Git(tree.root)
    against = _main(git, remote, branch)
    since = _fork(git, against)
    differs = ("diff", "--name-only", "-z", "--diff-filter=d", "--relative", "--no-ext-diff", since)
    named = git(*differs) + git("ls-files", "-z", "--others", "--exclude-standard")
    chosen = frozenset(os.fsdecode(name) for name in named.split(b"\0") if name)
    if sum(map(len, chosen)) > LONGEST:
        raise Refused(
            f"{len(chosen)} files differ from {against}, too many to name to a tool:"
            " `inv lint` looks at all there are.",
            kind="changed",
        )
    return tree._replace(chosen=chosen, against=against)


def _main(git: Git, remote: str, branch: str) -> str:
    """Return the main branch: the remote's, what the remote calls so, else the one that is here."""
    try:
        head = git("symbolic-ref", f"refs/remotes/{remote}/HEAD").decode().strip()
    except Refused:  # a remote that was added by hand has none
        head = f"refs/remotes/{remote}/master"
    wanted = [f"refs/remotes/{remote}/{branch}", head, f"refs/heads/{branch}", "refs/heads/master"]
    there = git("for-each-ref", "--format=%(refname)", *wanted).decode().split()
    for name in wanted:
        if name in there:
            return name.removeprefix("refs/heads/").removeprefix("refs/remotes/")
    raise Refused(
        f"There is no branch {branch} to compare with: name the main branch as `release: branch:`"
        " in invoke.yaml, or look at all there is: `inv lint`.",
        kind="changed",
    )


def _fork(git: Git, against: str) -> str:
    try:
        return git("merge-base", "HEAD", against).decode().strip()
    except Refused as error:
        raise Refused(
            f"HEAD and {against} have no commit in common here: `git fetch --unshallow` where the"
            " clone is shallow, or look at all there is: `inv lint`.",
            kind="changed",
            evidence=error.evidence,
        ) from None
