"""GitHub, as far as a release needs it: where the remote is elsewhere, nothing of it is asked."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import evidence
from ..git import Git
from . import changelog, lineage
from .version import final, parse, versions

if TYPE_CHECKING:
    from .world import World


def github() -> Any:
    """Return the module that asks GitHub, None in a version without it."""
    try:
        return importlib.import_module("..github", __package__)
    except ModuleNotFoundError:
        return None


def repository(root: Path, remote: str) -> str:
    """Return the repository's name on GitHub, "" where the remote is elsewhere."""
    return str(github().repository(root, remote)) if github() else ""


def publish(world: World, tag: str, draft: bool = False) -> str:
    """Publish a release that is on the remote; return its address. Safe to repeat.

    tag: one that is in this clone, too. draft: whether nobody is to see it yet, whatever the
    configuration says. Raises one of our errors where GitHub doesn't take it.
    """
    version, about = parse(tag, world.about.prefix), world.about
    there = versions(world.remote.tags, about.prefix).values()
    told = github().Draft(
        version=tag,
        title=tag,
        notes=notes(world, tag),
        draft=draft or about.draft,
        prerelease=bool(version.prerelease),
        latest=version == final([*there, version]),
        attachments=about.attachments,
    )
    return str(github().publish(world.root, world.repository, told))


def notes(world: World, tag: str) -> str:
    """Return the notes of a release in Markdown: its part of the changelog, else what the tag, one
    of this clone, says."""
    git, about = Git(world.root), world.about
    text = lineage.text(git, world.tags[tag].commit, about.changelog) if about.changelog else ""
    bare = tag.removeprefix(about.prefix)
    for part in changelog.sections(text or ""):
        if part.name == bare:
            return part.text.strip()
    body = git("for-each-ref", "--format=%(contents:body)", f"refs/tags/{tag}").decode().strip()
    return body.rpartition("\n\n")[0] if evidence.trailers(world.root, tag) else body
