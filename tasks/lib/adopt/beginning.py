"""The first time: what a repository is given, and what of its own stays."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Collection, Mapping, NamedTuple

from .. import console, github
from ..errors import Refused
from ..git import Git
from . import answers, locking, needs, pages, parts, style, written
from .answers import Answers, Ask, Given
from .parts import File

if TYPE_CHECKING:
    from .closure import Pair

_INSTEAD = {
    ".github/workflows/": "look at ours and take its jobs into yours",
    "docs/": "ours is left out",
    "scripts/setup": "what `inv` needs is installed by `pip install -r tasks/requirements.txt`",
    "docker-compose": "take the services of ours into it for `inv preaggregate`",
    "prometheus": "take the jobs and rules of ours into it for `inv monitor`",
}


class Begun(NamedTuple):
    """What is committed, and what is said of it. told: by path, on what stays as it is."""

    answers: Answers
    files: dict[str, File]
    record: parts.Record
    told: Mapping[str, str]
    locks: locking.Locks

    def rows(self) -> list[tuple[str, str]]:
        """Return what there is to see of it."""
        own = self.answers
        hosts = ", ".join(name for name, said in own.hosts.items() if said)
        return [
            ("name", own.app),
            ("application", own.where),
            ("run", self.locks.run),
            ("health", own.health),
            ("version", own.version or "asked for nowhere: see invoke.yaml"),
            ("requirements", self.locks.said),
            ("environments", f"sandbox, {hosts}" if hosts else "sandbox"),
            ("released from", self.record.branch),
            ("tests", own.tests or "none found"),
        ]


def begin(pair: Pair, given: Given, ask: Ask | None) -> Begun:
    """Return what is committed; nothing is written before. Raises Refused."""
    _refuse(pair.theirs)
    with tempfile.TemporaryDirectory() as directory:
        # A copy: packages may be built in it, and what git ignores says nothing of the project.
        copy = Path(directory) / pair.target.root.name
        Git(pair.target.root, {"GIT_LFS_SKIP_SMUDGE": "1"})(
            "clone", "--quiet", str(pair.target.root), str(copy)
        )
        title = given.name or _title(copy)
        found = answers.decide(copy, tuple(pair.theirs), title, given, ask)
        slug = github.repository(pair.target.root, "origin").partition("/")[2]
        record = parts.Record(pair.commit, found.app, slug, _branch(pair.target))
        ours = parts.read(pair.recipes, pair.commit)
        brought = {
            path: each
            for path, each in parts.rendered(ours, record).items()
            if not pages.generated(each.data)
        }
        kept = {path for path in brought if _differs(pair, path, brought[path])}
        record = record._replace(kept=tuple(sorted(kept)))
        files = {path: each for path, each in brought.items() if path not in kept}
        console.say("Locking what it needs …")
        locks = locking.lock(pair.recipes.root, copy, found, files)
        if needs.OWN in locks.files:
            record = record._replace(kept=tuple(sorted({*kept, needs.OWN})))
        files |= {**locks.files, **_own(pair, copy, found, locks, record)}
    files[parts.RECORD] = File("100644", record.text().encode())
    return Begun(found, files, record, {path: _stays(path) for path in sorted(kept)}, locks)


def _refuse(theirs: Mapping[str, object]) -> None:
    """Refuse a repository that has tasks of Invoke of its own. Raises Refused."""
    locks = [f"{name}.{end}" for name in (needs.SERVICE, needs.TOOLS) for end in ("in", "txt")]
    for name in ("tasks.py", "tasks/", "invoke.yaml", *locks):
        if any(path == name or (name.endswith("/") and path.startswith(name)) for path in theirs):
            raise Refused(
                f"It has a {name} of its own, where the recipes go: rename it, then run it again.",
                kind="adopt",
            )


def _differs(pair: Pair, path: str, ours: File) -> bool:
    """Tell whether the repository has something else where a file of ours goes. Raises Refused."""
    refuse_clash(pair.theirs, path)
    return path in pair.theirs and pair.file(path) != ours


def refuse_clash(theirs: Collection[str], path: str) -> None:
    """Refuse a file at `path` where `theirs` have a directory, or a file above it: git would take
    those out for it. Raises Refused."""
    above = path.split("/")
    for end in range(1, len(above)):
        if "/".join(above[:end]) in theirs:
            raise Refused(
                f"Its {'/'.join(above[:end])} is a file, and the recipes have a directory there: "
                "rename it, then run it again.",
                kind="adopt",
            )
    if any(each.startswith(f"{path}/") for each in theirs):
        raise Refused(
            f"Its {path}/ is a directory, and the recipes have a file there: rename it, then run "
            "it again.",
            kind="adopt",
        )


def _stays(path: str) -> str:
    instead = next((said for start, said in _INSTEAD.items() if path.startswith(start)), "")
    return f"is yours and stays{f'; {instead}' if instead else ''}"


def _title(copy: Path) -> str:
    """Return what the project calls itself, else what its directory is called."""
    project = needs.toml(copy / "pyproject.toml")
    name = project.get("project", {}).get("name") or project.get("tool", {}).get("poetry", {}).get(
        "name"
    )
    return str(name or re.sub(r"-\d+(\.\d+)*$", "", copy.name))


def _branch(git: Git) -> str:
    """Return the branch that is released from: what the remote has for its own, else the one that
    is checked out, which may be one for this change alone."""
    for ref, remote in (("refs/remotes/origin/HEAD", "origin/"), ("HEAD", "")):
        try:
            return git("symbolic-ref", "--short", ref).decode().strip().removeprefix(remote)
        except Refused:  # there is no such remote, or no branch is checked out
            continue
    return "main"


def _own(
    pair: Pair, copy: Path, found: Answers, locks: locking.Locks, record: parts.Record
) -> dict[str, File]:
    """Return what is written once, and theirs from then on."""
    styled = style.read(copy)
    ours = parts.read(pair.recipes, pair.commit, (".env.example",))
    example = parts.rendered(ours, record)[".env.example"].data.decode()
    texts = {
        "invoke.yaml": written.configuration(
            found._replace(run=locks.run),
            locks.service,
            locks.tools,
            record.branch,
            _releases(copy),
            styled.black,
        ),
        ".gitignore": written.ignored(_text(pair, ".gitignore")),
        ".env.example": written.variables(_text(pair, ".env.example"), example),
        **styled.files,
    }
    return {
        path: File("100644", text.encode("utf-8", "surrogateescape"))
        for path, text in texts.items()
        if pair.theirs.get(path, ("",))[0] != "120000"  # a link leads to what is not ours
    }


def _releases(copy: Path) -> dict[str, object]:
    """Return what invoke.yaml says of releases: where the version and the changelog are."""
    said: dict[str, object] = {}
    if needs.toml(copy / "pyproject.toml").get("project", {}).get("version"):
        said["files"] = {"pyproject.toml": ""}
    if not (copy / "CHANGELOG.md").is_file():
        said["changelog"] = ""
    return said


def _text(pair: Pair, path: str) -> str:
    """Return a file as git has it: checked out its lines may end in another way."""
    own = pair.file(path)
    return own.data.decode("utf-8", "surrogateescape") if own else ""
