"""Step 5, release: version closure."""

from __future__ import annotations

from functools import partial
from typing import Any

from invoke.context import Context
from invoke.tasks import task

from .lib import project
from .lib.phase import Check, Next, Outcome, Phase, Row, probe, run

_gate = partial(probe, "release.gates")

PHASE = Phase(
    number=5,
    name="release",
    closure="Version closure",
    purpose="Give a state of the code that is good enough to deploy a name that never moves.",
    prerequisites=(
        Check("the release branch", _gate("on_branch"), "git switch main"),
        Check("nothing under way", _gate("settled"), "git status"),
        Check("a clean tree", _gate("clean"), "git status"),
        Check(
            "the branch as its upstream",
            _gate("level"),
            "`git pull --ff-only`; what is ahead: `git push --set-upstream origin main`.",
        ),
        Check("the whole history", _gate("whole"), "git fetch --unshallow --tags"),
        Check(
            "the remote's releases",
            _gate("same_tags"),
            "`git fetch --tags --force`; a tag that was never pushed: `git tag -d vX.Y.Z`.",
        ),
        Check("a name to commit in", _gate("known"), "git config user.email YOU@EXAMPLE.COM"),
        Check("lint and test closed", _gate("proved"), "inv lint test"),
        Check(
            "the code reviewed",
            _gate("reviewed"),
            "have it approved on GitHub; elsewhere: `inv release --reviewed-by=NAME`, or"
            " `release: review: false` in invoke.yaml.",
        ),
        Check("notes for the version", _gate("noted"), "write them under Unreleased."),
        Check("what is attached", _gate("attachable"), "build it, or correct invoke.yaml."),
    ),
    procedure=(
        "Be on the main branch, as the remote has it: `git switch main && git pull --ff-only`.",
        "Choose the version: `--version`, `--bump`, `--pre`, or what the commits say.",
        "Raise the version, where a file holds it, and move the notes in CHANGELOG.md under it.",
        # The page's `git add .` would also commit what just lies about.
        "Commit these files and no others.",
        # Each -m would become a paragraph of its own, and a list fall apart: hence one text.
        "Tag it with the notes, and with what proves it, as the message; signed where git signs.",
        "Push both at once or not at all: `git push --atomic origin main vX.Y.Z`.",
        # `gh release create` makes a tag where there is none, and shows a release half attached.
        "Publish it, where GitHub is used: a draft of that very tag, its attachments, all shown at"
        " once.",
    ),
    validation=(
        # `git tag -l | grep v1.0.0` would be content with v1.0.01, and with v1x0y0.
        Check("the tag exists here", _gate("here"), "git fetch --tags"),
        Check("the remote has the same tag", _gate("there"), "inv release"),
        Check("the files hold its version", _gate("written"), "inv release --bump=patch"),
        Check("the tag carries its notes", _gate("told"), "git show --no-patch vX.Y.Z", False),
        Check(
            "it is published, where that is on GitHub", _gate("published"), "inv release.publish"
        ),
    ),
    troubleshooting=(
        Row(
            # The page deletes the tag and makes it again: who has fetched it keeps the old one.
            "The tag exists already",
            "Take the next version; delete only a tag that was never pushed: `git tag -d vX.Y.Z`.",
            kinds=("taken",),
            output=r"exists already|tag already exists|\(already exists\)",
        ),
        Row(
            "The push is rejected",
            "Pull first; if it still is, look at the branch's protection rules.",
            kinds=("rejected",),
            output=r"\[(remote )?rejected\]|protected branch",
        ),
        Row(
            "The version is in conflict",
            "It must be unique and follow semantic versioning: `git tag --list 'v*'` shows them.",
            kinds=("version", "taken"),
            output=r"not a semantic version",
        ),
    ),
    next=Next(closed="inv deploy --env=staging", troubled="inv release --check"),
)


@task(
    default=True,
    help={
        "version": "Version to release, as vX.Y.Z (default: what the commits since the last say).",
        "bump": "Which part to raise instead: major, minor or patch.",
        "pre": "Release a candidate of it: rc makes vX.Y.Z-rc.1, then rc.2.",
        "force": "Reason to go on without lint, test or review; it is written into the tag.",
        "reviewed_by": "Who has looked at the changes, where the remote is not on GitHub.",
        "draft": "Publish it on GitHub for the repository's own people only, for now.",
        "plan": "Show all of it, with the files' diff; change nothing.",
        "check": "Only look whether the phase holds; change nothing.",
        "json": "Print one JSON document on standard output, everything else on standard error.",
    },
)
def release(
    c: Context,
    version: str = "",
    bump: str = "",
    pre: str = "",
    force: str = "",
    reviewed_by: str = "",
    draft: bool = False,
    plan: bool = False,
    check: bool = False,
    json: bool = False,
) -> None:
    """Give the code a version: changelog, commit, tag, all pushed at once.

    Example: inv release --bump=minor --plan
    """
    from .lib import config
    from .lib.release import closure
    from .lib.release.version import Asked
    from .lib.release.world import World, read

    seen: list[World] = []

    def world() -> World:
        asked = Asked(version, bump, pre, force, reviewed_by, draft)
        seen.append(read(config.load(c), project.root(c), asked))
        return seen[0]

    def procedure() -> Outcome:
        return closure.planned(seen[0]) if plan else closure.release(seen[0])

    options: dict[str, Any] = {"validate": not plan, "record": not plan}
    run(PHASE, c, procedure, world=world, check=check, as_json=json, **options)


@task(
    help={
        "version": "Version to publish, as vX.Y.Z (default: the last release).",
        "draft": "Leave it a draft, for the repository's own people only, where it is not shown.",
        "json": "Print one JSON document on standard output, everything else on standard error.",
    },
)
def publish(c: Context, version: str = "", draft: bool = False, json: bool = False) -> None:
    """Publish a release on GitHub, or finish that; it can be repeated.

    Example: inv release.publish --version=v1.4.0
    """
    from .lib import config
    from .lib.release import closure
    from .lib.release.version import Asked
    from .lib.release.world import World, read

    seen: list[World] = []

    def world() -> World:
        seen.append(read(config.load(c), project.root(c), Asked(version, draft=draft)))
        return seen[0]

    own = PHASE.part("publish", validation=PHASE.validation[-1:])
    run(own, c, lambda: closure.publish(seen[0]), world=world, as_json=json)
