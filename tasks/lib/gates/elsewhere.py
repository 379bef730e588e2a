"""The gates that ask elsewhere: `release` the remote, `after` the environment before this one."""

from __future__ import annotations

from ..fleet import Fleet, HostErrors, refusal
from ..source import tag_on_remote
from ..target import targets
from .about import About, Answer


def release(about: About) -> Answer:
    """It is a version that others can find: its tag is on the remote."""
    source, remote = about.source, about.settings.remote
    if not source.tagged:
        return Answer(
            f"{source.version} is not a tag, and {about.environment.name} takes tags only:"
            f" `git tag -a vX.Y.Z {source.commit[:7]}` and `git push {remote} vX.Y.Z`."
        )
    return Answer(tag_on_remote(about.root, remote, source.version), f"its tag is on {remote}")


def after(about: About) -> Answer:
    """The same commit has closed in the environment before, on each of its hosts."""
    settings, source = about.settings, about.source
    before = settings.environment(about.environment.after)
    with Fleet(targets(settings, before, about.root), before) as fleet:
        errors = fleet.connect()
        if errors:
            raise refusal(errors, before.name)
        try:
            facts = fleet.call("facts", before.limits.step)
        except HostErrors as error:
            return Answer(
                f"{before.name} could not be asked whether {source.version} closed there ({error}):"
                f" `inv deploy.status --env={before.name}`."
            )
    lacking = [
        name
        for name, fact in facts.items()
        if not any(e["commit"] == source.commit and not e["left"] for e in fact["closed"])
    ]
    if not lacking:
        return Answer(says=f"it closed on {before.name} ({', '.join(facts)})")
    return Answer(
        f"{source.version} has not closed on {before.name} ({', '.join(lacking)}):"
        f" `inv deploy --env={before.name} --version={source.version}` first."
    )
