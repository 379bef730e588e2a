"""The plan of a deploy or rollback: what `--plan` prints and what a run then executes, the same
object."""

from __future__ import annotations

import hashlib
import json
import re
import time
from dataclasses import asdict, dataclass
from typing import Any, Collection, Mapping, Sequence

from .duration import show
from .settings import Environment
from .source import Source


@dataclass(frozen=True)
class Step:
    """One step: `on` says where ("operator", "first" or "all" hosts), `does` what, in words."""

    name: str
    on: str
    does: str


@dataclass(frozen=True)
class Plan:
    """Everything that is decided before anything is changed.

    hosts: each host's name and the release that is live there ("" for none). facts: a hash of what
    the hosts said; a plan whose hash differs rests on other facts.
    """

    phase: str
    environment: str
    release: str
    version: str
    commit: str
    tree: str
    hosts: dict[str, str]
    steps: tuple[Step, ...]
    watch: float
    facts: str

    def document(self) -> dict[str, Any]:
        """Return the plan for `--json`."""
        return asdict(self)


def release_id(source: Source, now: float, taken: Collection[str] = ()) -> str:
    """Return `<utc>-<version>-<sha7>` in characters that paths, links and units take; at most 80.

    source: what is released; now: seconds since the epoch; taken: ids that hosts have already, as
    after two deploys within a second: the next second that is free is named instead.
    """
    while True:
        utc = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        version = re.sub(r"[^A-Za-z0-9._-]", "_", source.version)[: 80 - len(utc) - 9]
        found = f"{utc}-{version}-{source.commit[:7]}"
        if found not in taken:
            return found
        now += 1


def fingerprint(facts: Mapping[str, Mapping[str, Any]], *more: object) -> str:
    """Return a short hash of what the hosts said that a plan rests on, and of `more`."""
    kept = ("current", "complete", "closed", "environment", "python", "adapter", "missing")
    rested = {name: {key: fact.get(key) for key in kept} for name, fact in facts.items()}
    text = json.dumps([rested, [str(item) for item in more]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


VERIFY = "health, release id and smoke requests through each front, then the URL"


def deploy_steps(environment: Environment, hosts: Sequence[str]) -> tuple[Step, ...]:
    """Return the steps of a deploy in their order (DESIGN.md §5)."""
    hooks = environment.hooks
    once = _commands(("backup", hooks.backup), ("before_start", hooks.before_start))
    steps = [
        Step("stage", "all", _stage(environment)),
        Step("once", "first", once),
        Step("start", "all", f"start beside the old one, healthy at {environment.health}"),
        Step("switch", "all", "point `current` at it"),
        Step("verify", "all", VERIFY),
        Step("after_switch", "first", hooks.after_switch),
        Step("drain", "all", "stop the old one" if environment.overlap == "drain" else ""),
        Step("watch", "operator", _watch(environment) if environment.watch else ""),
        Step("confirm", "all", "from here on a host that is left alone goes forward"),
        Step("close", "all", _close(environment)),
    ]  # fmt: skip
    return tuple(step for step in steps if step.does)


def rollback_steps(environment: Environment, migrated: bool) -> tuple[Step, ...]:
    """Return the steps of a rollback; `migrated`: a `before_start` ran since the target."""
    before = environment.hooks.before_rollback if migrated else ""
    steps = [
        Step("check", "all", "the target is complete and undamaged"),
        Step("before_rollback", "first", before),
        Step("start", "all", "the target is healthy before anything is switched"),
        Step("arm", "all", "from here on a host that is left alone goes on to the target"),
        Step("switch", "all", "point `current` at it"),
        Step(
            "verify",
            "all",
            VERIFY,
        ),
        Step("watch", "operator", _watch(environment) if environment.watch else ""),
        Step("close", "all", "journal it, drain the one before"),
    ]
    return tuple(step for step in steps if step.does)


def _stage(environment: Environment) -> str:
    parts = ["upload what is lacking", "unpack"]
    parts += [f"link {', '.join(environment.shared_paths)}"] if environment.shared_paths else []
    parts += [f"venv for {environment.requirements}"] if environment.requirements else []
    parts += [f"build: {environment.hooks.build}"] if environment.hooks.build else []
    return ", ".join([*parts, "compile"])


def _close(environment: Environment) -> str:
    hook = environment.hooks.after_close
    more = f", then on the first after_close: {hook}" if hook else ""
    return f"journal it, drain the old one, keep {environment.keep} releases{more}"


def _commands(*named: tuple[str, str]) -> str:
    return ", ".join(f"{name}: {command}" for name, command in named if command)


def _watch(environment: Environment) -> str:
    limits = environment.thresholds
    back = limits.interval * limits.failures
    return (
        f"{show(environment.watch)}: error ratio at most {limits.error_ratio:g}, p95 at most"
        f" {show(limits.p95)}; switched back about {show(back)} after it turns bad"
    )
