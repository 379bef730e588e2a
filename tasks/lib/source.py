"""What is deployed: a tag, branch or commit of the operator's clone, and the tree of files that it
stands for."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .errors import Refused
from .git import Git, shown

__all__ = ["Source", "newest", "resolve", "tag_on_remote"]

REMOTE_SECONDS = 30.0
LONGEST = 200

# git-check-ref-format(1), and nothing that begins like an option.
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^[-/]|[/.]$|^@$|(^|/)\.|\.lock(/|$)")
_COMMIT = re.compile(r"[0-9a-fA-F]{4,64}")


@dataclass(frozen=True)
class Source:
    """A version of the project, resolved in the operator's clone.

    `version` is the name it goes by, `commit` and `tree` are full object names, `tagged` says that
    `version` is a tag, `dirty` are the paths that differ from HEAD (never shipped), `subject` is
    the commit message's first line.
    """

    version: str
    commit: str
    tree: str
    tagged: bool
    dirty: tuple[str, ...]
    subject: str


def resolve(root: Path, version: str = "") -> Source:
    """Return the source that `version` names: a tag, a branch or a commit; tags win over branches
    of the same name.

    Without a version it is the newest tag that HEAD carries, by version order, else HEAD itself.
    Raises `Refused`, kind "version" where the name stands for nothing here.
    """
    git = Git(root)
    if version in ("", "HEAD"):
        found = _commits(git, ["HEAD"]).get("HEAD")
        if found is None:
            raise Refused(
                f"{root} has no commit yet: `git add` and `git commit` first.", kind="version"
            )
        name, tagged = _head(git)
    else:
        name, tagged, found = _named(git, version)
    commit, tree, subject = found
    if len(commit) != 40:
        raise Refused(
            "This repository's object names are SHA-256, which the hosts do not take yet.",
            kind="version",
        )
    return Source(name or commit[:7], commit, tree, tagged, _dirty(git), subject)


def tag_on_remote(root: Path, remote: str, tag: str) -> str:
    """Return "" when the remote has the tag, on the same commit; else one sentence that says what
    to run.

    `remote` is a name such as "origin" or a URL. A remote that can't be asked is a sentence too.
    """
    git, ref = Git(root), f"refs/tags/{tag}"
    here = _commits(git, [ref]).get(ref)
    if here is None:
        return f"The tag {tag} is not in this clone: `git fetch --tags {remote}`."
    try:
        listed = git(
            "ls-remote",
            "--quiet",
            "--end-of-options",
            remote,
            ref,
            ref + "^{}",
            timeout=REMOTE_SECONDS,
        )
    except Refused as error:
        reason = (error.evidence or str(error)).splitlines()[0]
        return (
            f"The remote {remote} could not be asked for the tag {tag} ({reason}): `git ls-remote"
            f" {remote}`."
        )
    there = {
        name: sha for sha, _, name in (line.partition("\t") for line in listed.decode().split("\n"))
    }
    commit = there.get(ref + "^{}") or there.get(ref)
    if commit is None:
        return f"The tag {tag} is not on the remote {remote}: `git push {remote} {tag}`."
    if commit != here[0]:
        return (
            f"The tag {tag} is on {commit[:7]} on the remote {remote} but on {here[0][:7]} here:"
            f" `git fetch --tags --force {remote}` takes the remote's."
        )
    return ""


def newest(tags: Iterable[str]) -> str:
    """Return the tag with the highest version, "" for none.

    What stands before the first digit is not part of the version (`v1.10`, `api/v1.10`); a tag that
    holds no version comes before all that do.
    """
    from packaging.version import InvalidVersion, Version

    def order(tag: str) -> tuple[bool, Version, str]:
        number = re.search(r"\d.*", tag.rsplit("/", 1)[-1])
        try:
            return True, Version(number.group() if number else ""), tag
        except InvalidVersion:
            return False, Version("0"), tag

    return max(tags, key=order, default="")


def _head(git: Git) -> tuple[str, bool]:
    """Return what HEAD goes by, its newest tag or its branch, and whether it is a tag."""
    listed = git(
        "for-each-ref", "--points-at=HEAD", "--format=%(HEAD)%(refname)", "refs/tags", "refs/heads"
    )
    refs = listed.decode("utf-8", "surrogateescape").split("\n")
    tags = [ref.removeprefix(" refs/tags/") for ref in refs if ref.startswith(" refs/tags/")]
    tags = [tag for tag in tags if _is_name(tag)]
    if tags:
        return (tags[0] if len(tags) == 1 else newest(tags)), True
    return (
        next((ref.removeprefix("*refs/heads/") for ref in refs if ref.startswith("*")), ""),
        False,
    )


def _named(git: Git, version: str) -> tuple[str, bool, tuple[str, str, str]]:
    """Return name, whether it is a tag, and (commit, tree, subject) of the tag, branch or commit
    called `version`."""
    if not _is_name(version):
        raise Refused(
            f"{ascii(version[:LONGEST])} can't be the name of a tag, branch or commit: `git tag`"
            " lists the tags.",
            kind="version",
        )
    queries = [f"refs/tags/{version}", f"refs/heads/{version}", f"refs/remotes/{version}"]
    if _COMMIT.fullmatch(version):
        queries.append(version)
    found = _commits(git, queries)
    for query in queries[:3]:
        if query in found:
            return version, query.startswith("refs/tags/"), found[query]
    if version in found and found[version][0].startswith(version.lower()):
        return found[version][0][:7], False, found[version]
    return version, False, _elsewhere(git, version)


def _elsewhere(git: Git, version: str) -> tuple[str, str, str]:
    """Return the commit of the one remote branch called so; else refuse, with the names that are
    near."""
    listed = git("for-each-ref", "--format=%(refname)", "refs/tags", "refs/heads", "refs/remotes")
    refs = listed.decode("utf-8", "surrogateescape").split("\n")
    branches = [
        ref for ref in refs if ref.startswith("refs/remotes/") and ref.split("/", 3)[-1] == version
    ]
    found = list(_commits(git, branches).values())
    if len(found) == 1:
        return found[0]
    if len(found) > 1:
        which = ", ".join(ref.removeprefix("refs/remotes/") for ref in branches)
        raise Refused(
            f"{version} is a branch of more than one remote: say which of {which}.", kind="version"
        )
    if f"refs/tags/{version}" in refs:
        raise Refused(
            f"The tag {version} is not on a commit: `git show {version}`.", kind="version"
        )
    names = sorted(
        {ref.split("/", 2 if ref.startswith("refs/tags/") else 3)[-1] for ref in refs} - {"HEAD"}
    )
    near = difflib.get_close_matches(version, names, n=3, cutoff=0.5)
    hint = f" (near: {', '.join(near)})" if near else ""
    raise Refused(
        f"No tag, branch or commit here is called {version}{hint}: `git fetch --tags` brings what"
        " the remote has"
        " (in a shallow clone, `git fetch --unshallow --tags`).",
        kind="version",
    )


def _is_name(text: str) -> bool:
    # Printable: a name is shown in many places and must not write over what stands there.
    return len(text) <= LONGEST and text.isprintable() and not _FORBIDDEN.search(text)


def _commits(git: Git, names: list[str]) -> dict[str, tuple[str, str, str]]:
    """Return (commit, tree, subject) by name, for those of the names that stand for a commit.

    The names go to one `git cat-file --batch` as data: there nothing can be an option. None holds a
    line break.
    """
    if not names:
        return {}
    asked = "".join(f"{name}^{{commit}}\n" for name in names).encode("utf-8", "surrogateescape")
    rest = git("cat-file", "--batch", stdin=asked, fetch=False)
    found = {}
    for name in names:
        head, _, rest = rest.partition(b"\n")
        words = head.split(b" ")
        if len(words) == 3 and words[1] == b"commit":
            body, rest = rest[: int(words[2])], rest[int(words[2]) + 1 :]
            header, _, message = body.partition(b"\n\n")
            title = message.strip().partition(b"\n\n")[0]
            found[name] = (
                words[0].decode(),
                header[5:].split(b"\n", 1)[0].decode(),
                shown(b" ".join(title.split())),
            )
    return found


def _dirty(git: Git) -> tuple[str, ...]:
    """Return the paths that differ from HEAD, new ones too; none where there is no work tree."""
    try:
        listed = git("status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=normal")
    except Refused as error:
        if "work tree" in error.evidence:
            return ()
        raise
    return tuple(shown(entry[3:]) for entry in listed.split(b"\0") if entry)
