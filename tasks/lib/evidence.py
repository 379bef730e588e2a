"""What of the journal counts for a commit.

A phase has closed for a commit only if the working tree was that commit, from the phase's beginning
to its end, and if it looked at all of it. Anything else is written down, too, and proves nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable, Mapping, NamedTuple, Sequence

from . import journal, project
from .errors import Refused
from .moment import known

PAGES = "docs/incidents"  # see incident.record.DIRECTORY, which is not imported for a word


class State(NamedTuple):
    """A working tree at one moment.

    commit: HEAD's full hash, "" outside of a repository and before the first commit. changed:
    whether anything differs from it that git doesn't ignore, files that it doesn't know included;
    but for the pages of incidents: nothing that is proved of a commit looks at them, and a rollback
    drafts one just before what mends the trouble is to be proved.
    """

    commit: str
    changed: bool


def state(root: Path) -> State:
    """Return the state of the working tree around `root`; nothing is refused here."""
    commit = project.commit(root)
    if not commit:
        return State("", False)
    from .git import Git

    try:
        return State(commit, bool(Git(root).changed(without=PAGES)))
    except Refused:
        return State(commit, True)  # what can't be seen isn't known to be the same


def mark(before: State, after: State) -> dict[str, Any]:
    """Return what a journal line says of the tree that a phase saw: {"dirty": True}, or nothing.

    Where there is no commit the line has none, which says enough.
    """
    same = before == after and not after.changed
    return {} if same or not after.commit else {"dirty": True}


def lacking(before: State, marks: Mapping[str, Any], detail: Mapping[str, Any]) -> str:
    """Return why what a phase found counts for no commit, and what to do; "" where it does.

    before: the tree as it began. marks: of its journal line. detail: of its outcome.
    """
    if not before.commit:
        return "there is none here; `git init` and commit"
    if marks.get("dirty"):
        return "the working tree differs from it; commit"
    return "only a part was looked at; leave the choice out" if detail.get("partial") else ""


def closed(
    entries: Sequence[Mapping[str, Any]], phase: str, commit: str
) -> Mapping[str, Any] | None:
    """Return the journal line that proves that `phase` closed for `commit`, None without one.

    entries: the oldest first. The newest line that says anything of that commit decides, so that a
    failure takes back what an earlier success proved. Lines of a dirty tree, of a part of it (a
    `partial` in their detail) and of a phase that refused to start say nothing.
    """
    return inherited(entries, phase, (commit,))


def inherited(
    entries: Sequence[Mapping[str, Any]], phase: str, commits: Iterable[str]
) -> Mapping[str, Any] | None:
    """Return the line that proves that `phase` closed for the first of `commits`, None without one.

    commits: that commit and, nearest first, those before it that it shares its code with: a commit
    that only gives a version its name needs no proof of its own (see `release.lineage`). The
    nearest that the journal says anything of decides.
    """
    found = _nearest(entries, phase, commits)
    return found if found and found.get("outcome") == "closed" else None


class Here(NamedTuple):
    """What this clone's journal says last of a phase. line: that which proves that it closed, None
    without one. failed: when it did not close (RFC 3339), "" where it doesn't say that."""

    line: Mapping[str, Any] | None = None
    failed: str = ""


def here(root: Path, phase: str, commits: Sequence[str]) -> Here:
    """Return what `inherited` goes by, of the journal of the clone at `root`, of which only the
    lines that mention one of `commits` are read."""
    lines = journal.content(journal.where(root), commits).entries if commits else ()
    found = _nearest(lines, phase, commits)
    if not found:
        return Here()
    return Here(found) if found.get("outcome") == "closed" else Here(failed=str(found.get("at")))


def _nearest(
    entries: Sequence[Mapping[str, Any]], phase: str, commits: Iterable[str]
) -> Mapping[str, Any] | None:
    """Return the newest line of the first of `commits` that any says anything of."""
    found = (_telling(entries, phase, commit) for commit in commits)
    return next((each for each in found if each), None)


def _telling(
    entries: Iterable[Mapping[str, Any]], phase: str, commit: str
) -> Mapping[str, Any] | None:
    """Return the newest line that says anything of whether `phase` closed for `commit`."""
    found = None
    for entry in entries:
        about = (entry.get("phase"), entry.get("commit")) == (phase, commit) and bool(commit)
        if about and tells(entry):
            found = entry
    return found


def tells(entry: Mapping[str, Any]) -> bool:
    """Tell whether a line says anything of its commit: not of a dirty tree, a part, a refusal."""
    partial = detail(entry).get("partial")
    return not (entry.get("dirty") or partial or entry.get("outcome") == "refused")


def detail(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the detail of a line, empty where it has none: anybody can write to the file."""
    found = entry.get("detail")
    return found if isinstance(found, Mapping) else {}


def environment(entry: Mapping[str, Any]) -> str:
    """Return the environment that a line is about, "" for none."""
    return str(entry.get("environment") or detail(entry).get("environment") or "")


def trailer(phase: str) -> str:
    """Return the name of the trailer by which a tag says that `phase` closed: `Lint-Closed`."""
    return f"{phase.capitalize()}-Closed"


def trailers(root: Path, tag: str) -> dict[str, str]:
    """Return the trailers of a tag's message, by name, as git reads them; none for another tag.

    A signature is no part of the message. Raises Refused.
    """
    from .git import Git

    git = Git(root)
    form = "--format=%(objecttype)%0a%(contents:subject)%0a%0a%(contents:body)"
    kind, _, text = git("for-each-ref", form, f"refs/tags/{tag}").partition(b"\n")
    if kind != b"tag":  # a light one would show its commit's message
        return {}
    said = git("interpret-trailers", "--parse", "--no-divider", stdin=text).decode(
        "utf-8", "replace"
    )
    pairs = (line.partition(": ") for line in said.splitlines())
    return {name: value.strip() for name, _, value in pairs}


def carried(root: Path, phase: str, tags: Iterable[str], since: str = "") -> str:
    """Return what one of the tags says of `phase` having closed, "" where none does: that is how a
    machine without the journal of the release sees it.

    tags: those on the commit, or on one before it that it shares its code with. since: when it
    `failed` here, which takes back what closed before that; "" for never.
    """
    for tag in tags:
        value = trailers(root, tag).get(trailer(phase), "")
        if value and (not since or (known(value.partition(" ")[2]) or 0) > (known(since) or 0)):
            return f"{value}, as {tag} says"
    return ""
