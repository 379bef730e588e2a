"""What a deploy must pass before anything is changed: one small function a gate, "" or the sentence
that refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

from .fleet import Fleet, HostErrors, refusal
from .settings import Environment, Settings
from .source import Source, tag_on_remote
from .target import targets

DISK = 100 * 1024 * 1024  # bytes that a release needs at the least
OLDEST = (3, 9)


def tagged(settings: Settings, environment: Environment, source: Source, root: Path) -> str:
    """A version that others can find: its tag is on the remote.

    Not in the sandbox.
    """
    if not environment.require_tag or (environment.untagged and not source.tagged):
        return ""
    if not source.tagged:
        return (
            f"{source.version} is not a tag, and {environment.name} takes tags only:"
            f" `git tag -a vX.Y.Z {source.commit[:7]}` and `git push {settings.remote} vX.Y.Z`."
        )
    return tag_on_remote(root, settings.remote, source.version)


def closed_before(settings: Settings, environment: Environment, source: Source, root: Path) -> str:
    """`after:`: the same commit has closed in the environment before, on each of its hosts."""
    if not environment.after:
        return ""
    before = settings.environment(environment.after)
    with Fleet(targets(settings, before, root), before) as fleet:
        errors = fleet.connect()
        if errors:
            raise refusal(errors, before.name)
        try:
            facts = fleet.call("facts", before.limits.step)
        except HostErrors as error:
            return (
                f"{before.name} could not be asked whether {source.version} closed there: {error}."
            )
    lacking = [
        name
        for name, fact in facts.items()
        if not any(e["commit"] == source.commit and not e["left"] for e in fact["closed"])
    ]
    if not lacking:
        return ""
    return (
        f"{source.version} has not closed on {before.name} ({', '.join(lacking)}):"
        f" `inv deploy --env={before.name} --version={source.version}` first."
    )


Gate = Callable[[Settings, Environment, Source, Path], str]
BEFORE: tuple[Gate, ...] = (tagged, closed_before)


def host_gates(environment: Environment, facts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What keeps the hosts from taking a release, by what they said; every reason, not the
    first."""
    found: list[str] = []
    for name, fact in facts.items():
        version = tuple(int(part) for part in fact["python"].split(".")[:2])
        wants = sorted(set(environment.required) - set(fact["environment"]))
        # A standby that doesn't run yet may be starting at the same time.
        instances = 2 if fact["standby"] and fact["standby"] not in fact["running"] else 1
        memory, needed = fact["memory_available"], instances * fact["service_memory"]
        reasons: Sequence[tuple[bool, str]] = (
            (version < OLDEST, f"python {fact['python']} is too old, 3.9 is the oldest"),
            (not fact["git"], "git is missing; `apt install git`"),
            (not fact["writable"], f"{environment.path} can't be written by this user"),
            (fact["disk_free"] < DISK, f"only {fact['disk_free'] >> 20} MiB of disk are free"),
            (
                memory is not None and memory < needed,
                f"{_more(instances)} {needed >> 20} MiB of memory,"
                f" {(memory or 0) >> 20} are free",
            ),
            (
                bool(wants),
                f"the environment lacks {', '.join(wants)};"
                f" `inv deploy.env --env={environment.name} --push=FILE`",
            ),
        )
        found += [f"{name}: {said}" for wrong, said in reasons if wrong]
    return found


def _more(instances: int) -> str:
    return "a second instance needs" if instances == 1 else "a second instance and a standby need"
