"""What a release will be, decided from the world: version, notes, files, tag. Changes nothing."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any, Callable, Mapping

from .. import console
from ..errors import Refused
from ..git import Git
from . import changelog, files, gates, notes, version
from .world import World

Edit = Callable[[str, str], str]


@dataclass(frozen=True)
class Change:
    """A file that the release commit changes. before: None where it is new."""

    path: str
    before: str | None
    after: str


@dataclass(frozen=True)
class Plan:
    """A release. since: the tag of the last one. notes: in Markdown. subject: of the commit, which
    there is only where files change. message: of the tag. trailers: those at its end, by name."""

    version: str
    tag: str
    since: str
    notes: str
    subject: str
    message: str
    trailers: Mapping[str, str]
    changes: tuple[Change, ...]


def decide(world: World, date: str, edit: Edit | None = None) -> Plan:
    """Return what is released.

    date: as 2026-11-25. edit: given the tag and notes from the commits returns better ones; None
    where there is nobody to ask. Raises Refused.
    """
    about = world.about
    new = version.following(world.asked, _known(world), about.prefix)
    bare, tag = str(new), f"{about.prefix}{new}"
    log = _log(world)
    text = _notes(world, bare, log, edit)
    return Plan(
        bare,
        tag,
        world.since,
        text,
        f"chore(release): {tag}",
        notes.message(bare, text),
        _trailers(world),
        _changes(world, bare, date, log, text),
    )


def _notes(world: World, bare: str, log: str, edit: Edit | None) -> str:
    """Return the notes: what is unreleased, and for a final version what its pre-releases told."""
    if part := _part(world, bare, log):
        return part.text.strip()
    before = notes.candidates(log, bare)
    text = changelog.unreleased(log)
    if not text:
        whole = not world.about.changelog and not version.parse(bare).prerelease
        text = world.said.notes if whole else world.fresh
        if edit and (text or not before):
            text = edit(f"{world.about.prefix}{bare}", text)
    return changelog.merged([part for part in (text, *before) if part.strip()])


def _part(world: World, bare: str, log: str) -> changelog.Section | None:
    """Return what the changelog has of the version already, None for nothing."""
    part = notes.coming(log, world.tags, world.about.prefix)
    return part if part and part.name == bare else None


def _known(world: World) -> version.Known:
    from semver import Version

    remote = world.settings.remote
    taken = {tag: "in this clone" for tag in world.tags}
    taken |= {
        tag: f"here and on {remote}" if tag in world.tags else f"on {remote}"
        for tag in world.remote.tags
    }
    said: dict[str, str] = {
        path: files.read(path, pattern, _text(world, path))
        for path, pattern in world.about.files.items()
    }
    log = _log(world)
    if part := notes.coming(log, world.tags, world.about.prefix):
        said[world.about.changelog] = part.name
    written = {path: Version.parse(each) for path, each in said.items() if Version.is_valid(each)}
    told = world.asked.version or world.asked.bump  # then the commits need not be read
    suggested = "" if told else world.said.suggested
    return version.Known(tuple(world.released.values()), taken, written, suggested)


def _log(world: World) -> str:
    """Return the changelog, "" for none, with line ends as they are here."""
    return (world.texts.get(world.about.changelog) or "").replace("\r\n", "\n")


def _text(world: World, path: str) -> str:
    text = world.texts.get(path)
    if text is None:
        raise Refused(
            f"release.files names {path}, which is not in the repository, or no text: correct it"
            " in invoke.yaml.",
            kind="files",
        )
    return text


def _trailers(world: World) -> dict[str, str]:
    from ..evidence import trailer

    found = {trailer(phase): gates.proof(world, phase) for phase in gates.EVIDENCE}
    found["Reviewed-By"] = world.asked.reviewed_by
    found["Forced"] = world.asked.force
    return {name: " ".join(value.split()) for name, value in found.items() if value.strip()}


def _changes(world: World, bare: str, date: str, log: str, text: str) -> tuple[Change, ...]:
    about = world.about
    after = {
        path: files.written(path, pattern, _text(world, path), bare)
        for path, pattern in about.files.items()
    }
    if about.changelog and not _part(world, bare, log):
        made = changelog.moved(log, bare, date, text, about.prefix)
        windows = "\r\n" in (world.texts.get(about.changelog) or "")
        after[about.changelog] = made.replace("\n", "\r\n") if windows else made
    return tuple(
        Change(path, world.texts.get(path), new)
        for path, new in after.items()
        if new != world.texts.get(path)
    )


def show(world: World, plan: Plan) -> None:
    """Say what would be done: the diff of the files, the tag as it will read, what is pushed."""
    remote, about = world.settings.remote, world.about
    rows = [
        ("version", f"{plan.tag}, after {plan.since or 'no release'}"),
        ("commit", f"{plan.subject} ({_paths(plan)})" if plan.changes else "none: no file changes"),
        ("tag", f"{plan.tag}, annotated{', forced' if 'Forced' in plan.trailers else ''}"),
        ("push", f"git push --atomic {remote} {about.branch} {plan.tag}"),
        ("publish", f"GitHub, {world.repository}" if world.repository else "not on GitHub"),
    ]
    console.table(rows, ("what", f"release of {world.head[:7]}"))
    console.say()
    for line in diff(plan):
        console.say(line)
    console.say()
    console.say(notes.with_trailers(Git(world.root), plan.message, plan.trailers).rstrip())
    console.say()
    console.say("Nothing was changed.")


def _paths(plan: Plan) -> str:
    return ", ".join(change.path for change in plan.changes)


def diff(plan: Plan) -> list[str]:
    """Return the unified diff of the files, as lines."""
    return [
        line.rstrip("\n")
        for change in plan.changes
        for line in difflib.unified_diff(
            (change.before or "").splitlines(keepends=True),
            change.after.splitlines(keepends=True),
            f"a/{change.path}" if change.before is not None else "/dev/null",
            f"b/{change.path}",
        )
    ]


def document(world: World, plan: Plan) -> dict[str, Any]:
    """Return the plan as --json prints it."""
    return {
        "version": plan.tag,
        "since": plan.since,
        "parent": world.head,
        "files": [change.path for change in plan.changes],
        "diff": "\n".join(diff(plan)),
        "notes": plan.notes,
        "message": notes.with_trailers(Git(world.root), plan.message, plan.trailers),
        "push": {"remote": world.settings.remote, "branch": world.about.branch, "tag": plan.tag},
        "publish": world.repository,
    }
