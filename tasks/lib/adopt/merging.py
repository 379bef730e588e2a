"""Two versions of the recipes and what a repository made of the first: git merges them.

Each file is merged by `git merge-file`, which every git has; its base is the version that the
repository was given, rendered again, so that what was changed there since is told apart.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Callable, Iterable, Iterator, Mapping, NamedTuple, Optional

from ..errors import Refused
from ..git import Git, undisturbed
from .parts import File

Changes = Mapping[str, Optional[File]]  # by path; None is removed


class Merged(NamedTuple):
    """What comes of it, by path; only what changes is there.

    files: what is written; None is removed. conflicts: of `files`, those with marks of a conflict
    in them, with their three versions. told: by path, a sentence's end on what was left as it was.
    """

    files: Changes
    conflicts: Mapping[str, tuple[File, File, File]]
    told: Mapping[str, str]


def decide(
    base: Mapping[str, File],
    new: Mapping[str, File],
    theirs: Callable[[str], File | None],
    merge: Callable[[File, File, File], tuple[bytes, bool]],
) -> Merged:
    """Return what an update writes.

    base and new: the recipes' files, then and now. theirs: what the repository has at a path, None
    for nothing. merge: merges base, theirs and new; tells whether that went without a conflict.
    """
    files: dict[str, File | None] = {}
    conflicts, told = {}, {}
    for path in sorted({*base, *new}):
        before, after, own = base.get(path), new.get(path), theirs(path)
        if before == after or own == after:
            continue
        if own == before:
            files[path] = after
        elif own is None:
            told[path] = "was deleted here and changed in the recipes: it stays deleted"
        elif after is None:
            told[path] = "was changed here and is no longer in the recipes: it stays"
        elif before is None:
            told[path] = "is yours, and new in the recipes: yours stays"
        else:
            data, clean = merge(before, own, after)
            files[path] = File(after.mode if own.mode == before.mode else own.mode, data)
            if not clean:
                conflicts[path] = (before, own, after)
    return Merged(files, conflicts, told)


def merged(before: File, own: File, after: File) -> tuple[bytes, bool]:
    """Merge two changes of one file; what conflicts is marked, and told by False."""
    if b"\0" in before.data + own.data + after.data or "120000" in (own.mode, after.mode):
        return own.data, False
    with tempfile.TemporaryDirectory() as directory:
        for name, each in (("yours", own), ("before", before), ("recipes", after)):
            (Path(directory) / name).write_bytes(each.data)
        done = subprocess.run(
            ["git", "merge-file", "-p", "yours", "before", "recipes"],
            cwd=directory,
            capture_output=True,
            check=False,
        )
    return done.stdout, done.returncode == 0


def tree(git: Git, head: str, files: Changes) -> str:
    """Return the tree of `head` with `files` over it, None for none; only objects are made.

    Raises Refused.
    """
    with tempfile.TemporaryDirectory() as directory:
        index = Git(git.root, {"GIT_INDEX_FILE": str(Path(directory) / "index")})
        index("read-tree", head)
        index("update-index", "-z", "--index-info", stdin=_entries(git, files))
        return index("write-tree").decode().strip()


def _entries(git: Git, files: Changes) -> bytes:
    names = objects(git, [each.data for each in files.values() if each is not None])
    lines = []
    for path, each in files.items():
        name = "0" * 40 if each is None else next(names)
        mode = "0" if each is None else each.mode
        lines.append(f"{mode} {name}\t{path}\0".encode("utf-8", "surrogateescape"))
    return b"".join(lines)


def objects(git: Git, texts: list[bytes]) -> Iterator[str]:
    """Yield the name of the object that is made of each text, all in one go. Raises Refused."""
    with tempfile.TemporaryDirectory() as directory:
        asked = []
        for number, text in enumerate(texts):
            place = Path(directory) / str(number)
            place.write_bytes(text)
            asked.append(f"{place}\n")
        said = git(
            "hash-object", "-w", "--no-filters", "--stdin-paths", stdin="".join(asked).encode()
        )
    yield from said.decode().split()


def commit(git: Git, tree: str, head: str, message: str) -> str:
    """Return a commit of `tree` after `head`, which nothing refers to yet. Raises Refused."""
    return git("commit-tree", tree, "-p", head, "-F", "-", stdin=message.encode()).decode().strip()


def take(git: Git, made: str) -> None:
    """Make the branch, the index and the files those of a commit after it, or none of them.

    git looks first whether a file that it doesn't know is in the way. Raises Refused.
    """
    try:
        with undisturbed():
            git("merge", "--quiet", "--ff-only", "--no-overwrite-ignore", made)
    except Refused as error:
        raise Refused(
            f"Nothing was changed in {git.root}: git says why. Where files that it doesn't know are"
            " in the way, move them; then run it again.",
            kind="adopt",
            evidence=error.evidence,
        ) from None


def refuse_loss(git: Git, paths: Iterable[str]) -> None:
    """Refuse new paths where there is something that git doesn't know: what it is told to ignore,
    `git read-tree` writes over. Raises Refused."""
    for path in sorted(paths):
        place = git.root / path
        above = [each for each in place.parents if git.root in each.parents]
        if os.path.lexists(place) or any(
            os.path.lexists(each) and (each.is_symlink() or not each.is_dir()) for each in above
        ):
            raise Refused(
                f"Nothing was changed in {git.root}: {path} is in the way there, which git doesn't "
                "know; move it, then run it again.",
                kind="adopt",
            )


def lay_out(git: Git, head: str, tree: str, conflicts: Mapping[str, tuple[File, ...]]) -> None:
    """Put a merge that has conflicts before its reader: everything that went well is staged, and
    what did not is unmerged, as after `git merge`. Raises Refused."""
    versions = [each for three in conflicts.values() for each in three]
    names = objects(git, [each.data for each in versions])
    lines = []
    for path, three in conflicts.items():
        lines.append(f"0 {'0' * 40}\t{path}\0")
        lines += [f"{f.mode} {next(names)} {stage}\t{path}\0" for stage, f in enumerate(three, 1)]
    with undisturbed():
        git("read-tree", "-m", "-u", head, tree)
        git("update-index", "-z", "--index-info", stdin="".join(lines).encode())
