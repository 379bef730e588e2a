"""The procedure of `inv release`: decide, make, push, put in place, publish."""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from typing import Any, Iterator, Mapping

from .. import console
from ..declare import Outcome
from ..errors import Interrupted, NotClosed, Refused, Trouble
from ..git import Git
from . import acting, hub, notes, plan
from .acting import Objects
from .version import Asked
from .world import World, read


def planned(world: World) -> Outcome:
    """Show what would be done, and change nothing."""
    if world.over:
        console.say(f"{_state(world)} Nothing was changed.")
        return Outcome(next="inv release", document={"version": world.over, "files": []})
    decided = plan.decide(world, _today())
    plan.show(world, decided)
    return Outcome(next=_same(world, decided), document=plan.document(world, decided))


def release(world: World) -> Outcome:
    """Release a version, or finish what an earlier run has begun."""
    if world.over:
        return _finish(world)
    decided, objects = _made(world)
    detail = _detail(world, decided, objects)
    interrupted = _push(world, decided, objects)
    try:
        _land(world, decided.tag, objects, detail)
    except KeyboardInterrupt:
        interrupted = True
    if interrupted:
        raise Interrupted(
            f"Interrupted when {world.settings.remote} had taken {decided.tag} already, which is"
            " in place here, too: run `inv release` to finish it.",
            detail=detail,
        )
    return _closed(world, decided.tag, detail)


def _made(world: World) -> tuple[plan.Plan, Objects]:
    """Decide, and make the objects, which nothing refers to: nothing has changed so far."""
    edit = partial(notes.edited, Git(world.root)) if notes.editable() else None
    try:
        decided = plan.decide(world, _today(), edit)
        console.say(f"Releasing {decided.tag}, after {decided.since or 'no release'}")
        return decided, acting.build(world.root, world.head, decided)
    except KeyboardInterrupt:
        raise Interrupted("Interrupted; nothing has changed: run `inv release`.") from None


def _same(world: World, decided: plan.Plan) -> str:
    """Return the command that releases what was shown, whatever is tagged meanwhile."""
    asked = {"reviewed-by": world.asked.reviewed_by, "force": world.asked.force}
    words = [f"--{name}={value}" for name, value in asked.items() if value]
    return shlex.join(["inv", "release", f"--version={decided.tag}", *words])


def _today() -> str:
    return datetime.now(timezone.utc).date().isoformat()


def _state(world: World) -> str:
    if world.landed:
        return f"{world.over} is released, and nothing has changed since."
    return f"{world.over} is on {world.settings.remote} already; this clone is not there yet."


def _finish(world: World) -> Outcome:
    console.say(_state(world))
    there = world.remote.tags[world.over]
    objects = Objects(world.remote.tip, world.head, there.object)
    detail: dict[str, Any] = {"version": world.over, "commit": objects.commit, "again": True}
    if not world.landed:
        _land(world, world.over, objects, detail)
    asked = world.asked.version
    if asked and f"{world.about.prefix}{asked.removeprefix(world.about.prefix)}" != world.over:
        console.warn(f"that was {world.over}; for {asked} run `inv release --version={asked}`")
    return _closed(world, world.over, detail)


def _push(world: World, decided: plan.Plan, objects: Objects) -> bool:
    """Push both, and return whether somebody pressed Ctrl-C meanwhile.

    What the remote has afterwards decides, whatever was said. Raises NotClosed or Interrupted where
    it doesn't have them: then nothing has changed, here or there.
    """
    remote, code, output = world.settings.remote, -1, ""
    try:
        ran = acting.push(world.root, remote, world.upstream, decided.tag, objects)
        code, output = ran.code, ran.output
    except KeyboardInterrupt:
        pass
    if code == 0:
        return False
    after = read(world.settings, world.root, world.asked).remote
    if after.error:
        raise NotClosed(
            f"Whether {remote} has taken {decided.tag} is not known ({after.error}); this clone is"
            " as it was: when the remote answers again, run `inv release`, which goes on.",
            kind="remote",
        )
    if tag := after.tags.get(decided.tag):
        if tag.object == objects.tag:
            return code < 0
    if code < 0:
        raise Interrupted(
            f"Interrupted before {remote} had taken {decided.tag}: nothing has changed, here or"
            " there; run `inv release`."
        )
    raise NotClosed(
        f"{remote} did not take {decided.tag}; nothing has changed, here or there: see what it says"
        " below, then run `inv release`.",
        kind="rejected",
        evidence=output.strip(),
        detail={"version": decided.tag},
    )


def _land(world: World, tag: str, objects: Objects, detail: Mapping[str, Any]) -> None:
    try:
        acting.land(world.root, world.about.branch, tag, objects)
    except Refused as error:
        raise NotClosed(
            f"{tag} is on {world.settings.remote}, but this clone could not follow, as git says"
            " below: put away what is in its way, then run `inv release`, which finishes it.",
            kind="land",
            evidence=error.evidence,
            detail=detail,
            next="inv release",
        ) from None


def _detail(world: World, decided: plan.Plan, objects: Objects) -> dict[str, Any]:
    found: dict[str, Any] = {
        "version": decided.tag,
        "since": decided.since,
        "commit": objects.commit,
        "parent": objects.parent,
        "tag": objects.tag,
        "files": [change.path for change in decided.changes],
        "trailers": dict(decided.trailers),
    }
    if world.asked.force:
        found["forced"] = world.asked.force
    return found


def _closed(world: World, tag: str, detail: dict[str, Any]) -> Outcome:
    after = read(world.settings, world.root, Asked(version=tag, draft=world.asked.draft))
    console.say(f"{tag} is on {world.settings.remote}: {str(detail['commit'])[:7]}")
    with _unfinished(tag, detail):
        if why := _unpublished(world):
            console.say(f"It is not published: {why}")
        else:
            _publish(after, tag, detail)
    after = replace(after, unpublished=bool(why))
    return Outcome(detail, _following(world, tag), world=after)


def publish(world: World) -> Outcome:
    """Publish what is released already, or bring what is published to what the release says."""
    tag = world.looked
    if not tag:
        raise Refused("Nothing is released yet: run `inv release`.")
    if tag not in world.tags:
        raise Refused(f"{tag} is not in this clone: `git fetch --tags`, or `inv release`.")
    if why := _unpublished(world):
        raise Refused(f"{tag} can't be published: {why}")
    detail: dict[str, Any] = {"version": tag}
    with _unfinished(tag, detail):
        _publish(world, tag, detail)
    return Outcome(detail, _following(world, tag))


def _following(world: World, tag: str) -> str:
    """Return the deploy that comes next: to staging, where there is one."""
    settings = world.settings
    name = "staging" if "staging" in settings.environments else settings.default_environment
    return f"inv deploy --env={name} --version={tag}"


def _unpublished(world: World) -> str:
    """Return why GitHub gets nothing of it, "" where it does."""
    if not world.repository:
        return f"{world.settings.remote} is not on GitHub."
    if why := hub.missing(world):
        return f"{why}; then run `inv release.publish`."
    return ""


@contextmanager
def _unfinished(tag: str, detail: Mapping[str, Any]) -> Iterator[None]:
    """Say after Ctrl-C that all is done but the publishing."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(
            f"Interrupted when {tag} was released, but not published yet: run"
            " `inv release.publish`, which can be repeated.",
            detail=detail,
            next=f"inv release.publish --version={tag}",
        ) from None


def _publish(world: World, tag: str, detail: dict[str, Any]) -> None:
    """Publish it, say so, and have the detail know where."""
    try:
        shown = hub.publish(world, tag, again="again" in detail)
    except Trouble as error:
        raise NotClosed(
            f"{tag} is released, but not published on GitHub ({str(error).removesuffix('.')}): then"
            " run `inv release.publish`, which can be repeated.",
            kind="publish",
            evidence=error.evidence,
            detail=detail,
            next=f"inv release.publish --version={tag}",
        ) from None
    detail["published"] = shown.html_url
    state = "is a draft, which only its own people see" if shown.draft else "is published"
    console.say(f"On GitHub {tag} {state}: {shown.html_url}")
