"""What a release must pass before anything is changed, and what must hold when it is out: one
probe each, "" or what is wrong. Nothing is asked of a release that only has to be finished."""

from __future__ import annotations

from functools import wraps
from typing import Callable

from .. import evidence, github
from ..git import Git
from ..source import tag_on_remote
from . import files, hub, lineage, notes
from .version import versions
from .world import World

Probe = Callable[[World], str]
EVIDENCE = ("lint", "test")


def _new(probe: Probe) -> Probe:
    """Ask only where a new release is to be made."""

    @wraps(probe)
    def asked(world: World) -> str:
        return "" if world.over else probe(world)

    return asked


@_new
def on_branch(world: World) -> str:
    """The release branch is checked out."""
    if not world.head:
        return "there is no commit yet"
    if world.branch == world.about.branch:
        return ""
    return f"this is {world.branch or 'no branch (a detached HEAD)'}, not {world.about.branch}"


@_new
def settled(world: World) -> str:
    """No merge or the like is under way."""
    return f"{world.under_way} is under way" if world.under_way else ""


@_new
def clean(world: World) -> str:
    """The tree is the commit: what is released is what was tested."""
    if not world.dirty:
        return ""
    more = f" and {len(world.dirty) - 5} more" if len(world.dirty) > 5 else ""
    return f"{', '.join(world.dirty[:5])}{more} differ from the commit"


@_new
def level(world: World) -> str:
    """The branch is where its upstream is, as the remote itself says it."""
    name, remote = world.settings.remote, world.remote
    if not world.head or world.branch != world.about.branch:
        return ""  # said already
    if remote.error:
        return f"the remote {name} could not be asked ({remote.error})"
    if not world.upstream:
        return f"{world.branch} follows no branch of {name}"
    if remote.tip == world.head:
        return ""
    if not remote.tip:
        return f"{name} has no such branch"
    return f"{name} is at {remote.tip[:7]}, this clone at {world.head[:7]}"


@_new
def whole(world: World) -> str:
    """The history is here: it is what notes, next version and pre-releases are read from."""
    return "this is a shallow clone" if world.shallow else ""


@_new
def same_tags(world: World) -> str:
    """The releases that this clone knows are those of the remote."""
    if world.remote.error or world.shallow:
        return ""
    name, there = world.settings.remote, world.remote.tags
    for tag in reversed(versions(there, world.about.prefix)):
        if tag not in world.tags:
            return f"the tag {tag} exists already on {name}, but not here"
        if world.tags[tag] != there[tag]:
            return f"the tag {tag} exists already on {name}, and is another one here"
    own = [tag for tag in world.released if tag not in there]
    asked = world.looked if world.asked.version else ""
    own += [tag for tag in (asked,) if tag in world.tags and tag not in there and tag not in own]
    return f"the tag {own[-1]} exists already, but only here" if own else ""


@_new
def known(world: World) -> str:
    """Git knows in whose name to commit and tag."""
    return f"git says: {world.nobody}" if world.nobody else ""


@_new
def proved(world: World) -> str:
    """Lint and test closed for this commit, by the journal or by a tag; --force goes on without."""
    if world.asked.force or not world.head:
        return ""
    lacking = [phase for phase in EVIDENCE if not proof(world, phase)]
    if not lacking:
        return ""
    return f"{' and '.join(lacking)} did not close for {world.head[:7]}"


def proof(world: World, phase: str) -> str:
    """Return what proves that a phase closed for HEAD: commit and time; "" without any."""
    here = evidence.here(world.root, phase, world.row)
    if line := here.line:
        return f"{line['commit']} {line.get('at', '')}".strip()
    tags = [tag for tag, each in world.tags.items() if each.commit in world.row]
    said = evidence.carried(world.root, phase, tags, here.failed)
    return said.split(",")[0]


@_new
def reviewed(world: World) -> str:
    """Somebody else has looked at what changed since the last release."""
    if not world.about.review or world.asked.force:
        return ""
    if not world.repository:
        if world.asked.reviewed_by:
            return ""
        return f"{world.settings.remote} is not on GitHub, and --reviewed-by names nobody"
    if world.asked.reviewed_by:
        return "on GitHub its own reviews count: leave out --reviewed-by"
    if not world.head:
        return ""
    if why := hub.missing(world):
        return why
    found = hub.unreviewed(world)
    more = [f"and {len(found) - 5} more"] if len(found) > 5 else []
    return "; ".join([*found[:5], *more])


@_new
def noted(world: World) -> str:
    """There is something to tell of the version."""
    if not world.head or world.shallow or notes.editable():
        return ""
    text = world.texts.get(world.about.changelog) or ""
    if notes.there(text, world.tags, world.about.prefix) or world.fresh:
        return ""
    place = world.about.changelog or "the commits"
    return f"nothing stands under Unreleased in {place}, and no commit since says what changed"


@_new
def attachable(world: World) -> str:
    """What is published with it is there, before the tag is."""
    if not world.repository:
        return ""
    github.attachments(world.root, world.about.attachments)  # or refused, with what is wrong
    return ""


# The validation.


def here(world: World) -> str:
    """The tag is in this clone."""
    if not world.looked:
        return "nothing is released yet"
    return "" if world.looked in world.tags else f"{world.looked} is not in this clone"


def there(world: World) -> str:
    """The remote has the same."""
    if not world.looked:
        return "nothing is released yet"
    return tag_on_remote(world.root, world.settings.remote, world.looked).removesuffix(".")


def told(world: World) -> str:
    """The tag has notes of its own."""
    tag = world.tags.get(world.looked)
    if tag is None:
        return ""
    if tag.object == tag.commit:
        return f"{world.looked} is not annotated"
    form = "--format=%(contents:body)"
    body = Git(world.root)("for-each-ref", form, f"refs/tags/{world.looked}").strip()
    return "" if body else f"{world.looked} says no more than its title"


def written(world: World) -> str:
    """The files at the tag hold its version."""
    tag = world.tags.get(world.looked)
    bare = world.looked.removeprefix(world.about.prefix)
    git = Git(world.root)
    wrong = []
    for path, pattern in world.about.files.items() if tag else ():
        text = lineage.text(git, tag.commit if tag else "", path)
        said = files.read(path, pattern, text) if text else "nothing"
        wrong += [f"{path} says {said}"] if said != bare else []
    return f"at {world.looked} {', '.join(wrong)}" if wrong else ""


def published(world: World) -> str:
    """GitHub has the release, where the remote is there and it could be published."""
    if not (world.repository and world.looked) or world.unpublished:
        return ""
    return hub.missing(world) or hub.lacking(world, world.looked)
