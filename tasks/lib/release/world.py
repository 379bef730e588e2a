"""What a release rests on: this clone, the remote, the journal, the files. Read, never changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Mapping, NamedTuple

from .. import github
from ..errors import Refused
from ..git import Git, shown
from . import cliff, lineage
from .version import Asked, final, label, parse, sound, versions

if TYPE_CHECKING:
    from semver import Version

    from ..settings import Settings
    from .settings import Release

REMOTE_SECONDS = 30.0

# What git leaves in its directory while something is under way (gitrepository-layout(5)).
UNDER_WAY = {
    "MERGE_HEAD": "a merge",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "BISECT_LOG": "a bisection",
}


class Tag(NamedTuple):
    """A tag: the object that its name stands for, and the commit that it is on."""

    object: str
    commit: str


@dataclass(frozen=True)
class Remote:
    """The remote. tip: the commit of the branch, "" for none. error: why it could not be asked."""

    tip: str = ""
    tags: Mapping[str, Tag] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True)
class World:
    """All of it. head, branch: "" where there is no commit, or no branch. upstream: the branch's
    name on the remote, "refs/heads/main". under_way: such as a merge. nobody: why git doesn't know
    who releases. tags: of this clone; merged: those in the history of HEAD. row: HEAD and what
    shares its code. parents: of the remote's tip, where it is here; known: objects of its tags that
    are here. texts: of the files that a release changes. repository: on GitHub, "" elsewhere.
    unpublished: whether that was left out, and said."""

    settings: Settings
    root: Path
    asked: Asked
    head: str = ""
    branch: str = ""
    upstream: str = ""
    under_way: str = ""
    dirty: tuple[str, ...] = ()
    shallow: bool = False
    nobody: str = ""
    remote: Remote = Remote()
    tags: Mapping[str, Tag] = field(default_factory=dict)
    merged: tuple[str, ...] = ()
    row: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    known: frozenset[str] = frozenset()
    texts: Mapping[str, str | None] = field(default_factory=dict)
    repository: str = ""
    unpublished: bool = False
    environment: str = ""  # of the next step's command: none is chosen here

    @property
    def about(self) -> Release:
        """The configuration of releases."""
        return self.settings.release

    @cached_property
    def released(self) -> dict[str, Version]:
        """The releases in HEAD's history, the oldest version first."""
        return versions(self.merged, self.about.prefix)

    @cached_property
    def since(self) -> str:
        """The tag of the last final release, "" for none."""
        last = final(self.released.values())
        return next((tag for tag, each in self.released.items() if each == last), "")

    @cached_property
    def said(self) -> cliff.Said:
        """What the commits since then say."""
        return cliff.said(self.root, self.about.prefix, self.since)

    @cached_property
    def fresh(self) -> str:
        """The notes of the commits since the last release of any kind: what the changelog lacks."""
        last = next(reversed(self.released), "")
        if last == self.since:
            return self.said.notes
        return cliff.said(self.root, self.about.prefix, last, bump=False).notes

    @cached_property
    def out(self) -> str:
        """The newest release that is on the remote's branch as its last commit, where that is HEAD
        or what a release made from HEAD; "" for none.

        That is a run that was ended after its push, or a release with nothing new since.
        """
        tip = self.remote.tip
        if not tip or not self.head or self.head not in (tip, *self.parents[:1]):
            return ""
        there = [tag for tag, each in self.remote.tags.items() if each.commit == tip]
        found = [tag for tag in versions(there, self.about.prefix) if self._whole(tag)]
        return found[-1] if found and self.branch == self.about.branch else ""

    def _whole(self, tag: str) -> bool:
        theirs = self.remote.tags[tag]
        return theirs.object in self.known and self.tags.get(tag, theirs) == theirs

    @cached_property
    def landed(self) -> bool:
        """Whether this clone is where that release has put the branch."""
        return bool(self.out) and self.out in self.tags and self.head == self.remote.tip

    @cached_property
    def over(self) -> str:
        """The release that nothing but saying so, or finishing it here, is left to do of; else "".

        With another version asked for, or a final one where the last was a candidate, it is not,
        nor where something has changed that isn't committed.
        """
        if not self.landed:
            return self.out
        if self.dirty:
            return ""
        there, asked = parse(self.out, self.about.prefix), self.asked
        if asked.version:
            same = parse(asked.version, self.about.prefix) == there
        else:
            same = not there.prerelease or label(there) == asked.pre
        return self.out if same else ""

    @cached_property
    def looked(self) -> str:
        """The tag that the validation looks at: the version asked for, else the last release."""
        if self.asked.version:
            return f"{self.about.prefix}{parse(self.asked.version, self.about.prefix)}"
        return next(reversed(self.released), "")


def read(settings: Settings, root: Path, asked: Asked = Asked()) -> World:
    """Return the world as it is.

    A remote that can't be asked is told in it. Raises Refused where this is no repository, or where
    what is asked for makes no sense.
    """
    git, about = Git(root), settings.release
    sound(asked, about.prefix)
    head = _answer(git, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    # Not --short, which says heads/main where a tag is called main, too.
    branch = _answer(git, "symbolic-ref", "--quiet", "HEAD").removeprefix("refs/heads/")
    upstream = _upstream(git, settings.remote, branch)
    remote = _remote(git, settings.remote, upstream or f"refs/heads/{about.branch}")
    parents, known = _known(git, remote)
    tags = _tags(git)
    merged = _lines(git, "for-each-ref", "--merged=HEAD", "--format=%(refname)", "refs/tags")
    paths = [*about.files, *([about.changelog] if about.changelog else [])]
    return World(
        settings,
        root,
        asked,
        head,
        branch,
        upstream,
        _under_way(git),
        tuple(shown(path) for path in git.changed()),
        git("rev-parse", "--is-shallow-repository").strip() == b"true",
        _nobody(git),
        remote,
        tags,
        tuple(name.removeprefix("refs/tags/") for name in merged) if head else (),
        lineage.commits(root, about, head) if head else (),
        parents,
        known,
        {path: lineage.text(git, head, path) for path in paths} if head else {},
        github.repository(root, settings.remote),
    )


def _answer(git: Git, *args: str) -> str:
    """Return what git says in one line, "" where it fails with nothing to say."""
    try:
        return git(*args).decode("utf-8", "surrogateescape").strip()
    except Refused as error:
        if error.evidence:
            raise
        return ""


def _lines(git: Git, *args: str) -> list[str]:
    try:
        return git(*args).decode("utf-8", "surrogateescape").splitlines()
    except Refused as error:
        if "malformed object name" in error.evidence:  # HEAD stands for nothing yet
            return []
        raise


def _upstream(git: Git, remote: str, branch: str) -> str:
    """Return what the branch follows, by its name on the remote; "" where that is nothing."""
    form = "--format=%(upstream:remotename) %(upstream:remoteref)"
    said = _lines(git, "for-each-ref", form, f"refs/heads/{branch}") if branch else []
    name, _, reference = (said[0] if said else "").partition(" ")
    return reference if name == remote else ""


def _remote(git: Git, remote: str, branch: str) -> Remote:
    argv = ("ls-remote", "--quiet", "--end-of-options", remote, branch, "refs/tags/*")
    try:
        said = git(*argv, timeout=REMOTE_SECONDS).decode("utf-8", "surrogateescape")
    except Refused as error:
        return Remote(error=(error.evidence or str(error)).splitlines()[0])
    ids = {name: sha for sha, _, name in (line.partition("\t") for line in said.splitlines())}
    tags = {
        name.removeprefix("refs/tags/"): Tag(sha, ids.get(f"{name}^{{}}", sha))
        for name, sha in ids.items()
        if name.startswith("refs/tags/") and not name.endswith("^{}")
    }
    return Remote(ids.get(branch, ""), tags)


def _known(git: Git, remote: Remote) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the parents of the remote's tip, and its tags' objects, as far as they are here."""
    objects = [each.object for each in remote.tags.values() if each.commit == remote.tip]
    asked = "".join(f"{name}\n" for name in [remote.tip, *objects] if name).encode()
    said = git("cat-file", "--batch-check", stdin=asked, fetch=False).decode().splitlines()
    here = frozenset(line.split()[0] for line in said if not line.endswith(" missing"))
    if remote.tip not in here:
        return (), frozenset()
    listed = git("rev-list", "--parents", "--max-count=1", remote.tip).decode().split()
    return tuple(listed[1:]), here


def _tags(git: Git) -> dict[str, Tag]:
    form = "--format=%(objectname) %(*objectname) %(refname)"
    found = {}
    for line in _lines(git, "for-each-ref", form, "refs/tags"):
        sha, commit, name = line.split(" ", 2)
        found[name.removeprefix("refs/tags/")] = Tag(sha, commit or sha)
    return found


def _under_way(git: Git) -> str:
    directory = Path(git("rev-parse", "--absolute-git-dir").decode().strip())
    return next((what for name, what in UNDER_WAY.items() if (directory / name).exists()), "")


def _nobody(git: Git) -> str:
    """Return why git doesn't know in whose name to commit; a guessed address is none."""
    try:
        git("-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT")
        git("-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT")
    except Refused as error:
        said = error.evidence.splitlines()
        return next((line for line in reversed(said) if line.startswith("fatal:")), said[-1])
    return ""
