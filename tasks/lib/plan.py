"""The plan of a deploy or rollback: what `--plan` prints and what a run then executes, the same
object."""

from __future__ import annotations

import hashlib
import json
import re
import time
from dataclasses import asdict, dataclass, replace
from typing import Any, Collection, Mapping, Sequence

from .checks import limits, reaction
from .hostlist import compact
from .settings import Environment
from .source import Source
from .strategy import ALL, Stages, pause, stages


@dataclass(frozen=True)
class Step:
    """One step: `on` says where ("operator", "first", "all" or the names), `does` what, in words.

    A step that each stage has carries the stage's number: `switch.2`. hosts: those of a stage, ()
    where `on` says. watched: seconds for which a watch goes on.
    """

    name: str
    on: str
    does: str
    hosts: tuple[str, ...] = ()
    watched: float = 0.0

    @property
    def act(self) -> str:
        """What is done, whichever stage's it is."""
        return self.name.partition(".")[0]


@dataclass(frozen=True)
class Plan:
    """Everything that is decided before anything is changed.

    hosts: each host's name and the release that is live there ("" for none). watch: seconds of the
    watch at the end. facts: a hash of what the hosts said; a plan whose hash differs rests on other
    facts. strategy, stages: which hosts switch together, in their order.
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
    strategy: str = ALL
    stages: Stages = ()

    @property
    def watched(self) -> float:
        """For how long hosts are watched in all, in seconds, where all goes well."""
        return sum(step.watched for step in self.steps)

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


VERIFY_FRONTS = "health, release id and smoke requests through each front"
VERIFY = "health, release id and smoke requests through each front, then the URL"


def deploy_steps(environment: Environment, hosts: Sequence[str]) -> tuple[Step, ...]:
    """Return the steps of a deploy in their order (DESIGN.md §5)."""
    hooks = environment.hooks
    once = _commands(("backup", hooks.backup), ("before_start", hooks.before_start))
    groups = stages(environment.strategy, hosts)
    steps = [
        Step("stage", "all", _stage(environment)),
        Step("once", "first", once),
        Step("start", "all", "" if _late(environment, groups) else _start(environment)),
        *(step for index in range(len(groups)) for step in _switching(environment, groups, index)),
        _watch(environment, "switched back"),
        Step("confirm", "all", "from here on a host that is left alone goes forward"),
        Step("close", "all", _close(environment)),
    ]  # fmt: skip
    return tuple(step for step in steps if step.does)


def _switching(environment: Environment, groups: Stages, index: int) -> list[Step]:
    """Return the steps of one stage.

    The after_switch hook comes when all have switched: a cache that it purges would be filled again
    by those that have not. `overlap: drain` stops the old ones of each stage when its new ones have
    been verified, and starts those only then: nowhere do two run for longer than that takes.
    """
    names, last = groups[index], index == len(groups) - 1
    mark, on = (f".{index + 1}", compact(names)) if len(groups) > 1 else ("", "all")
    hosts = names if mark else ()
    hook = environment.hooks.after_switch if last else ""
    drain = environment.overlap == "drain"
    steps = [
        Step("start", on, _start(environment) if _late(environment, groups) else "", hosts),
        Step("switch", on, "point `current` at it", hosts),
        Step("verify", on, VERIFY if last else VERIFY_FRONTS, hosts),
        Step("after_switch", "first", hook),
        Step("drain", on, "stop the old one" if drain else "", hosts),
        Step("watch", "", "") if last else _pause(environment, groups, index),
    ]
    return [replace(step, name=f"{step.name}{mark}") if step.hosts else step for step in steps]


def _late(environment: Environment, groups: Stages) -> bool:
    """Tell whether a release starts with its stage: on hosts that wait, two would run for long."""
    return environment.overlap == "drain" and len(groups) > 1


def _start(environment: Environment) -> str:
    return f"start beside the old one, healthy at {environment.health}"


def _pause(environment: Environment, groups: Stages, index: int) -> Step:
    """Return the watch of all hosts that have switched so far, before the next stage."""
    names = tuple(name for group in groups[: index + 1] for name in group)
    seconds = pause(environment, len(groups))
    does = f"{limits(environment, seconds)}, each through its own front" if seconds else ""
    return Step("watch", compact(names), does, names, seconds)


def rollback_steps(
    environment: Environment, migrated: bool, lacking: Sequence[str] = ()
) -> tuple[Step, ...]:
    """Return the steps of a rollback.

    migrated: a `before_start` ran since the target. lacking: hosts that don't have it.
    """
    whole = "the target is complete and undamaged"
    whole += f"; {compact(lacking)} first gets it from this clone" if lacking else ""
    before = environment.hooks.before_rollback if migrated else ""
    steps = [
        Step("check", "all", whole),
        Step("before_rollback", "first", before),
        Step("start", "all", "the target is healthy before anything is switched"),
        Step("arm", "all", "from here on a host that is left alone goes on to the target"),
        Step("switch", "all", "point `current` at it"),
        Step(
            "verify",
            "all",
            VERIFY,
        ),
        _watch(environment, "told"),
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


def _watch(environment: Environment, then: str) -> Step:
    does = limits(environment, environment.watch)
    does += f"; {then} {reaction(environment)} after it turns bad"
    return Step("watch", "operator", does if environment.watch else "", (), environment.watch)
