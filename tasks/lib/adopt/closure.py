"""`inv circle.adopt`: read both repositories, decide, write one commit or nothing."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import NamedTuple

from .. import console
from ..declare import Outcome
from ..errors import NotClosed, Refused
from ..git import Git, shown
from . import beginning, merging, needs, pages, parts
from .answers import Ask, Given


class Pair(NamedTuple):
    """The clone of the recipes and the repository that takes them.

    commit: that of the recipes. head: that of the repository. theirs: its files, as
    `parts.everything` has them.
    """

    recipes: Git
    commit: str
    target: Git
    head: str
    theirs: dict[str, tuple[str, str]]

    def file(self, path: str) -> parts.File | None:
        """Return what the repository has at `path`."""
        if path not in self.theirs:
            return None
        mode, name = self.theirs[path]
        if mode == "160000":
            return parts.File(mode, b"")
        return parts.File(mode, parts.blobs(self.target, [name])[name])


def adopt(root: Path, directory: str, given: Given, ask: Ask | None, plan: bool) -> Outcome:
    """Bring the recipes of the clone at `root` into a repository, or update them there.

    directory: the repository's. given, ask: see `answers`. plan: say what would be written, and
    write nothing. Raises Refused where nothing was changed, NotClosed for conflicts of an update.
    """
    pair = look(root, directory)
    if parts.RECORD in pair.theirs:
        _refuse_given(given)
        return _update(pair, plan)
    made = beginning.begin(pair, given, ask)
    return _begun(pair, made, plan)


def _refuse_given(given: Given) -> None:
    """Refuse what an update doesn't go by. Raises Refused."""
    said = {**given._asdict(), **given.hosts}
    del said["hosts"]
    if names := [f"--{name}" for name, value in said.items() if value]:
        raise Refused(
            f"The recipes are there already, and {', '.join(names)} counts the first time alone: "
            "say it in its invoke.yaml, and update without.",
            kind="adopt",
        )


def ask(question: str, usual: str) -> str:
    """Ask whoever is at the terminal; Enter takes what is usual."""
    shown = f" [{usual}]" if usual else ""
    print(f"{question}{shown}: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() or usual


def look(root: Path, directory: str) -> Pair:
    """Return both repositories as they are. Raises Refused for what keeps one from being used."""
    recipes = Git(root)
    commit = recipes("rev-parse", "--verify", "HEAD").decode().strip()
    if (root / parts.RECORD).is_file():
        raise Refused(
            "These recipes were adopted themselves: run it in the clone that they came from.",
            kind="adopt",
        )
    if recipes.changed():
        console.warn("what is not committed here doesn't go over")
    place = Path(directory).expanduser().resolve()
    if not place.is_dir():
        raise Refused(f"{directory} is no directory: name a repository's.", kind="adopt")
    target = Git(place)
    if target("rev-parse", "--is-inside-work-tree").strip() != b"true":
        raise Refused(f"{directory} has no files of its own: name a clone of it.", kind="adopt")
    top = Path(target("rev-parse", "--show-toplevel").decode().strip())
    if top.resolve() != place:
        raise Refused(f"{directory} is a part of {top}: name that.", kind="adopt")
    if top.samefile(root):
        raise Refused("These are the recipes themselves: name another repository.", kind="adopt")
    head = _head(target, directory)
    if dirty := target.changed():
        names = ", ".join(map(shown, dirty[:3])) + (", …" if len(dirty) > 3 else "")
        raise Refused(
            f"{directory} has changes that are not committed ({names}): commit them or put them "
            "away, then run it again.",
            kind="adopt",
        )
    _somebody(target, directory)
    return Pair(recipes, commit, target, head, parts.everything(target, head))


def _head(target: Git, directory: str) -> str:
    try:
        return target("rev-parse", "--verify", "HEAD").decode().strip()
    except Refused:
        raise Refused(
            f"{directory} has no commit yet: `git add .` and `git commit` there first.",
            kind="adopt",
        ) from None


def _somebody(target: Git, directory: str) -> None:
    try:
        for who in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"):
            target("var", who)
    except Refused:
        raise Refused(
            f"git doesn't know who commits in {directory}: `git config user.name` and "
            "`git config user.email` there first.",
            kind="adopt",
        ) from None


def _begun(pair: Pair, made: beginning.Begun, plan: bool) -> Outcome:
    console.table(made.rows(), ("what", "as found or said"))
    for path, said in made.told.items():
        console.warn(f"{path} {said}")
    detail = {"recipes": pair.commit, "files": len(made.files), "kept": list(made.record.kept)}
    if plan:
        console.say(f"{len(made.files)} files would be committed; nothing was changed.")
        return Outcome(detail=detail)
    _commit(pair, made.files, "Adopt the recipes of the Circle of Closure")
    console.say(
        f"{len(made.files)} files were committed; `git reset --hard HEAD~` takes them back."
    )
    return Outcome(
        detail=detail, next=_next(pair, "scripts/setup --dev && .venv/bin/inv circle.status")
    )


def _next(pair: Pair, command: str) -> str:
    return f"cd {shlex.quote(str(pair.target.root))} && {command}"


def _commit(pair: Pair, files: merging.Changes, subject: str) -> None:
    tree = _tree(pair, files)
    said = f"They are those of commit {pair.commit}; {parts.RECORD} says so, too."
    message = f"{subject}\n\n{said}\n"
    merging.take(pair.target, merging.commit(pair.target, tree, pair.head, message))


def _tree(pair: Pair, files: merging.Changes) -> str:
    """Return the tree with `files`, and the pages that the recipes there generate; a page that
    somebody wrote stays."""
    tree = merging.tree(pair.target, pair.head, files)
    made = pages.made(pair.target, tree)
    there = {name: pair.file(name) for name in made}
    own = [name for name, each in there.items() if each and not pages.generated(each.data)]
    for name in own:
        console.warn(f"{name} is yours and stays: `inv circle.runbook` would write that name")
    new = {name: each for name, each in made.items() if name not in own}
    return merging.tree(pair.target, pair.head, {**files, **new})


def _update(pair: Pair, plan: bool) -> Outcome:
    own = pair.file(parts.RECORD)
    assert own is not None
    before = parts.record(own.data)
    # Who has taken a file of theirs away has the recipes' after all.
    still = tuple(path for path in before.kept if path in pair.theirs)
    after = before._replace(commit=pair.commit, kept=still)
    base, new = _version(pair, before), _version(pair, after)
    result = merging.decide(base, new, pair.file, merging.merged)
    _refuse_clashes(pair, result.files)
    for path, said in result.told.items():
        console.warn(f"{path} {said}")
    kept = {path for path in result.told if path not in base}
    after = after._replace(kept=tuple(sorted({*still, *kept})))
    if needs.OWN in before.kept and needs.ASKED in result.files:
        console.warn(f"{needs.OWN} fits your service and stays; lock it again: {_again()}")
    detail = {"recipes": pair.commit, "files": len(result.files), "from": before.commit}
    detail["conflicts"] = list(result.conflicts)
    if not result.files and after.kept == before.kept:
        console.say("There is nothing to do: the recipes there are as these.")
        return Outcome(detail=detail, next=_next(pair, "inv circle.status"))
    console.table([(path, _done(pair, result, path)) for path in result.files], ("file", "what"))
    if plan:
        console.say(f"{len(result.files)} files would change; nothing was changed.")
        return Outcome(detail=detail)
    files = {**result.files, parts.RECORD: parts.File("100644", after.text().encode())}
    if result.conflicts:
        _lay_out(pair, result, files)
    _commit(pair, files, "Update the recipes of the Circle of Closure")
    console.say(f"{len(result.files)} files were updated, with what was changed here kept.")
    return Outcome(
        detail=detail, next=_next(pair, "scripts/setup --dev && .venv/bin/inv circle.status")
    )


def _refuse_clashes(pair: Pair, files: merging.Changes) -> None:
    """Refuse an update that has a file where the repository has a directory, or the other way
    round. Raises Refused."""
    removed = {path for path, each in files.items() if each is None}
    left = pair.theirs.keys() - removed
    for path in files.keys() - removed - left:
        beginning.refuse_clash(left, path)


def _again() -> str:
    base = needs.ASKED.removesuffix(".in")
    return needs.command((), base, (f"{needs.SERVICE}.txt",), ())


def _version(pair: Pair, record: parts.Record) -> dict[str, parts.File]:
    """Return the recipes of a record's commit as they were put there. Raises Refused."""
    try:
        files = parts.read(pair.recipes, f"{record.commit}^{{commit}}")
    except Refused:
        raise Refused(
            f"This clone has no commit {record.commit[:12]}, of which the recipes there are: "
            "`git fetch --unshallow` or `git fetch --all` here, then run it again.",
            kind="adopt",
        ) from None
    return {
        path: each
        for path, each in parts.rendered(files, record).items()
        if path not in record.kept and not pages.generated(each.data)
    }


def _done(pair: Pair, result: merging.Merged, path: str) -> str:
    if path in result.conflicts:
        return "CONFLICT"
    if path not in pair.theirs:
        return "new"
    return "removed" if result.files[path] is None else "updated"


def _lay_out(pair: Pair, result: merging.Merged, files: merging.Changes) -> None:
    merging.refuse_loss(pair.target, files.keys() - pair.theirs.keys())
    tree = merging.tree(pair.target, pair.head, files)  # it may not run before it is mended
    merging.lay_out(pair.target, pair.head, tree, result.conflicts)
    names = ", ".join(result.conflicts)
    raise NotClosed(
        f"Both changed the same lines of {names}: mend the marked places, then `git add` and "
        "`git commit`; `git reset --hard` goes back.",
        kind="conflict",
        next=_next(pair, "git status"),
    )
