"""GitHub, as far as a release needs it: where the remote is elsewhere, nothing of it is asked."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from .. import evidence, github, reviews
from ..git import Git
from . import changelog, lineage
from .version import final, parse, versions

if TYPE_CHECKING:
    from .world import World


def missing(world: World) -> str:
    """Return what keeps GitHub from being asked, "" for nothing."""
    return github.missing(world.root, world.repository)


def unreviewed(world: World) -> list[str]:
    """Return what nobody has approved of since the last release, in words. Raises Refused."""
    exempt = partial(lineage.naming, world.root, world.about)
    return reviews.unreviewed(world.root, world.repository, world.since, world.head, exempt)


def lacking(world: World, tag: str) -> str:
    """Return what is wrong with the published release, "" for nothing. Raises Refused."""
    draft = world.about.draft or world.asked.draft
    return github.lacking(world.root, world.repository, tag, draft)


def publish(world: World, tag: str, again: bool = False) -> github.Release:
    """Publish a release that is on the remote; return it as GitHub has it. Safe to repeat.

    tag: one that is in this clone, too. again: leave what is published as it is, which somebody may
    have edited there. Raises one of our errors where GitHub doesn't take it.
    """
    root, repository = world.root, world.repository
    shown = github.published(root, repository, tag) if again else None
    return shown or github.publish(root, repository, _draft(world, tag))


def _draft(world: World, tag: str) -> github.Draft:
    version, about = parse(tag, world.about.prefix), world.about
    there = versions([*world.tags, *world.remote.tags], about.prefix).values()
    return github.Draft(
        version=tag,
        title=tag,
        notes=notes(world, tag),
        draft=world.asked.draft or about.draft,
        prerelease=bool(version.prerelease),
        latest=version == final([*there, version]),
        attachments=about.attachments,
    )


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
