"""Step 5, release: version closure."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from .lib.phase import Check, Next, Phase, Row, later, unbuilt

PHASE = Phase(
    number=5,
    name="release",
    closure="Version closure",
    purpose="Give a state of the code that is good enough to deploy a name that never moves.",
    prerequisites=(
        Check("the tests pass", unbuilt, "inv test"),
        Check("the code is reviewed", unbuilt, "gh pr view", required=False),
        Check("CHANGELOG.md has notes for the version", unbuilt, "Write them into CHANGELOG.md."),
    ),
    procedure=(
        "Be on the main branch, as the remote has it: `git switch main && git pull --ff-only`.",
        "Raise the version, where a file holds it, and move the notes in CHANGELOG.md under it.",
        # The page's `git add .` would also commit what just lies about.
        "Commit these files and no others: `git commit --only CHANGELOG.md`.",
        # Each -m would become a paragraph of its own, and a list fall apart: hence the file.
        "Tag it with the notes as the message: `git tag --annotate vX.Y.Z --file NOTES`.",
        "Push both at once or not at all: `git push --atomic origin main vX.Y.Z`.",
        "Publish it, where GitHub is used: `gh release create vX.Y.Z --verify-tag`.",
    ),
    validation=(
        # `git tag -l | grep v1.0.0` would be content with v1.0.01, and with v1x0y0.
        Check("the tag exists here", unbuilt, "git show-ref --verify refs/tags/vX.Y.Z"),
        Check(
            "the remote has the same tag",
            unbuilt,
            "git ls-remote --exit-code origin refs/tags/vX.Y.Z",
        ),
        Check("the tag carries its notes", unbuilt, "git show --no-patch vX.Y.Z", required=False),
    ),
    troubleshooting=(
        Row(
            # The page deletes the tag and makes it again: who has fetched it keeps the old one.
            "The tag exists already",
            "Take the next version; delete only a tag that was never pushed: `git tag -d vX.Y.Z`.",
            output=r"tag '.*' already exists",
        ),
        Row(
            "The push is rejected",
            "Pull first; if it still is, look at the branch's protection rules.",
            output=r"\[(remote )?rejected\]|protected branch",
        ),
        Row(
            "The version is in conflict",
            "It must be unique and follow semantic versioning: `git tag --list 'v*'` shows them.",
            output=r"not a (semantic )?version|version conflict",
        ),
    ),
    next=Next(closed="inv deploy --env=staging", troubled="inv release"),
)


@task(
    default=True,
    help={
        "version": "Version to release, as vX.Y.Z.",
        "check": "Only look whether the phase holds; change nothing.",
    },
)
def release(c: Context, version: str = "", check: bool = False) -> None:
    """Tag a version with its notes and push it."""
    later(PHASE, "git tag --annotate vX.Y.Z && git push --atomic origin main vX.Y.Z")
