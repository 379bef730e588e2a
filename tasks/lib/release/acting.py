"""git as its user set it up, for what a release writes and pushes: hooks, credentials, signing.

The objects of a release (files, tree, commit, tag) are made first, and nothing refers to them: a
run that is ended then has changed nothing. They go to the remote by their names, all or none, and
only what is there is put into this clone. So there is never anything to undo.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Mapping, NamedTuple

from .. import tools
from ..errors import Refused
from ..git import STEERING, Git, undisturbed
from . import notes
from .plan import Change, Plan


class Objects(NamedTuple):
    """What git will know the release by: its commit, the one before it, and the tag's object."""

    commit: str
    parent: str
    tag: str


class Acting(Git):
    """git with the configuration of its user; what fails is told with git's own words.

    options: `-c` and the like for every command.
    """

    options: tuple[str, ...] = ()

    def _argv(self, args: tuple[str, ...]) -> list[str]:
        return ["git", "-C", str(self.root), *self.options, *args]

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        kept = super()._environment(more)
        for name in ("GIT_OPTIONAL_LOCKS", "GIT_TERMINAL_PROMPT"):
            kept.pop(name)
            if name in os.environ:
                kept[name] = os.environ[name]
        return kept

    def _failure(self, command: str, code: int, stderr: bytes) -> Refused:
        usual = super()._failure(command, code, stderr)
        message = (
            f"git {command} failed (exit code {code}), and nothing has changed: correct what it"
            " says below, then run `inv release`."
        )
        return Refused(message, kind="git", evidence=usual.evidence)


def build(root: Path, head: str, plan: Plan) -> Objects:
    """Make the objects of the release on top of the commit `head`; no reference, no file changes.

    Raises Refused where git can't, as where signing fails.
    """
    git = Acting(root)
    commit = _commit(git, head, plan) if plan.changes else head
    text = notes.with_trailers(git, plan.message, plan.trailers)
    return Objects(commit, head, _tag(git, commit, plan.tag, text))


def _commit(git: Git, head: str, plan: Plan) -> str:
    own = git("rev-parse", "--show-prefix").decode().strip()
    with tempfile.TemporaryDirectory() as directory:
        index = Acting(git.root, {"GIT_INDEX_FILE": str(Path(directory) / "index")})
        index("read-tree", head)
        lines = [_entry(git, head, own, change) for change in plan.changes]
        index("update-index", "-z", "--index-info", stdin=b"".join(lines))
        tree = index("write-tree").decode().strip()
    sign = ["-S"] if _setting(git, "commit.gpgSign", "bool") == "true" else []
    argv = ("commit-tree", tree, "-p", head, *sign, "-F", "-")
    made = git(*argv, stdin=f"{plan.subject}\n".encode()).decode().strip()
    return _signed(git, made, b"\ngpgsig") if sign else made


def _entry(git: Git, head: str, own: str, change: Change) -> bytes:
    """Return a line for the index; the file keeps its mode, and what is no file is refused."""
    path = f"{own}{change.path}"
    said = git("ls-tree", "--full-tree", "-z", head, "--", path).decode("utf-8", "surrogateescape")
    mode = said.split(" ", 1)[0] or "100644"
    if not said and (git.root / change.path).exists():
        raise Refused(
            f"{change.path} is there, but git doesn't have it: `git add --force {change.path}` and"
            " commit it, or put it away.",
            kind="files",
        )
    if not mode.startswith("100"):
        raise Refused(
            f"{change.path} is a link or a directory: name the file itself.", kind="files"
        )
    blob = git("hash-object", "-w", "--stdin", stdin=change.after.encode()).decode().strip()
    return f"{mode} {blob}\t{path}\0".encode("utf-8", "surrogateescape")


def _tag(git: Git, commit: str, name: str, text: str) -> str:
    """Return a new annotated tag's object, signed where git is set up for that.

    `git tag` does the signing, in whatever way is configured, and always makes a reference, too:
    that one is made in a passing repository, which has its objects here.
    """
    form = git("rev-parse", "--show-object-format").decode().strip()
    objects = git("rev-parse", "--path-format=absolute", "--git-path", "objects").decode().strip()
    said = _setting(git, "tag.gpgSign", "bool")
    sign = said == "true" or (not said and bool(_setting(git, "user.signingKey")))
    with tempfile.TemporaryDirectory() as directory:
        git("init", "--quiet", "--bare", "--template=", f"--object-format={form}", directory)
        passing = Acting(git.root, {"GIT_DIR": directory, "GIT_OBJECT_DIRECTORY": objects})
        how = ("--sign",) if sign else ("--annotate", "--no-sign")
        argv = (*how, "--cleanup=verbatim", "--file=-", name, commit)
        passing.options = _who(git)
        passing("tag", *argv, stdin=text.encode())
        made = passing("rev-parse", "--verify", f"refs/tags/{name}").decode().strip()
        return _signed(passing, made, b"\n-----BEGIN ") if sign else made


def _signed(git: Git, made: str, mark: bytes) -> str:
    """Return the object, which has to be signed: of some useless keys git says nothing."""
    if mark in git("cat-file", "-p", made):
        return made
    raise Refused(
        "git is set up to sign and did not, and nothing has changed: see that"
        " `git config user.signingKey` is a key that is there, then run `inv release`.",
        kind="git",
    )


def _who(git: Git) -> tuple[str, ...]:
    """Return what the configuration says of identity and signing, as options for another one."""
    try:
        listed = git("config", "--null", "--get-regexp", r"^(user|author|committer|gpg)\.")
    except Refused:
        return ()
    pairs = [entry.partition("\n") for entry in listed.decode().split("\0") if entry]
    return tuple(word for name, _, value in pairs for word in ("-c", f"{name}={value}"))


def _setting(git: Git, name: str, kind: str = "") -> str:
    """Return a value of git's configuration, "" for none."""
    try:
        typed = (f"--type={kind}",) if kind else ()
        return git("config", *typed, "--get", name).decode().strip()
    except Refused as error:
        if error.evidence:
            raise
        return ""


def push(root: Path, remote: str, branch: str, tag: str, objects: Objects) -> tools.Ran:
    """Send the commit and the tag to the remote, both or none; what it says is shown.

    branch: as the remote calls it, "refs/heads/main".
    """
    commit = [f"{objects.commit}:{branch}"] if objects.commit != objects.parent else []
    what = [*commit, f"{objects.tag}:refs/tags/{tag}"]
    argv = ["git", "push", "--atomic", "--no-follow-tags", remote, *what]
    # In English, since the rows of the runbook are found by what git says.
    return tools.run(argv, root, env=dict.fromkeys(STEERING) | {"LC_ALL": "C", "LANGUAGE": "C"})


def land(root: Path, branch: str, tag: str, objects: Objects) -> None:
    """Bring this clone to where the remote is: files and index, then branch and tag together.

    Safe to repeat, whatever was done of it. Raises Refused where that would overwrite somebody's
    changes, or where the branch is elsewhere by now.
    """
    git = Acting(root)
    with undisturbed():
        if objects.commit != objects.parent:
            _stage(git, objects)
            with contextlib.suppress(Refused):  # the next one says why, this one is silent
                git("update-index", "-q", "--refresh", "--unmerged")
            git("read-tree", "-m", "-u", objects.parent, objects.commit)
        lines = f"update refs/tags/{tag} {objects.tag}\n"
        now = git("rev-parse", "--verify", f"refs/heads/{branch}").decode().strip()
        if now != objects.commit:  # else another run, begun in the same second, was here first
            lines += f"update refs/heads/{branch} {objects.commit} {objects.parent}\n"
        git("update-ref", "-m", f"release: {tag}", "--stdin", stdin=lines.encode())


def _stage(git: Git, objects: Objects) -> None:
    """Have the index know the files that are as released already: a run was ended between."""
    top = Acting(Path(git("rev-parse", "--show-toplevel").decode().strip()))
    listed = top("diff-tree", "-r", "-z", "--no-renames", objects.parent, objects.commit)
    words = listed.decode("utf-8", "surrogateescape").split("\0")[:-1]
    for about, path in zip(words[::2], words[1::2]):
        file = top.root / path
        if file.is_file() and not file.is_symlink():
            blob = top("hash-object", f"--path={path}", "--stdin", stdin=file.read_bytes())
            if blob.decode().strip() == about.split(" ")[3]:
                top("update-index", "--add", "--", path)
