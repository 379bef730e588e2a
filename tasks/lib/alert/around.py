"""What is around the phase alert: it fails as the phase does, with the same rows of the runbook."""

from __future__ import annotations

from typing import Callable

from invoke.context import Context

from ..declare import Check, Outcome, Phase
from ..phase import run
from . import world as worlds
from .world import World


def alone(
    phase: Phase,
    c: Context,
    name: str,
    act: Callable[[], Outcome],
    json: bool,
    record: bool = False,
) -> None:
    """Do what needs neither Prometheus nor Alertmanager. record: whether it is journalled."""
    own = phase.part(name)
    run(own, c, act, as_json=json, validate=False, record=record)


def asking(
    phase: Phase,
    c: Context,
    name: str,
    env: str,
    act: Callable[[World], Outcome],
    json: bool,
    record: bool = False,
    needs: tuple[str, ...] = ("monitoring is active", "Alertmanager answers"),
) -> None:
    """Do what asks both, which are read first. needs: those of the phase's prerequisites, by name,
    that it has, too."""
    seen: list[World] = []

    def world() -> World:
        seen.append(worlds.read(c, env))
        return seen[0]

    checks: tuple[Check, ...] = tuple(each for each in phase.prerequisites if each.name in needs)
    own = phase.part(name, prerequisites=checks)
    run(own, c, lambda: act(seen[0]), world=world, as_json=json, validate=False, record=record)
