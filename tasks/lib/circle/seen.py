"""What `inv circle.status` rests on, read before anything is decided."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from pathlib import Path
from typing import Callable, ContextManager, Mapping, NamedTuple, Sequence

from .. import source
from ..evidence import state
from ..incident import record
from ..settings import Settings
from .asked import UNSET, ask
from .following import About, chain
from .places import Place, over, place
from .standing import Stand, stands

Waiting = Callable[[Sequence[str]], ContextManager[None]]


def _silently(names: Sequence[str]) -> ContextManager[None]:
    return contextlib.nullcontext()


class World(NamedTuple):
    """What is known. at: Unix time. newer: lines of the journal that this version can't read."""

    about: About
    source: source.Source
    found: Mapping[str, Stand]
    places: Mapping[str, Place]
    incidents: tuple[record.Incident, ...]
    newer: int
    at: float


def read(
    settings: Settings, root: Path, version: str, env: str, waiting: Waiting = _silently
) -> World:
    """Return what journals, tags, hosts and pages say of a version.

    version: a tag, branch or commit, "" for HEAD. env: the only environment to look at, "" for all.
    waiting: what is entered with their names while the hosts are asked.
    Raises Refused where there is no such version or environment.
    """
    if env and env not in settings.environments:
        settings.environment(env)  # refuses, with those that there are
    of = source.resolve(root, version)
    if of.dirty and not state(root).changed:
        of = replace(of, dirty=())  # what differs keeps nothing from counting
    known = stands(root, of.commit, settings.release)
    names = [env] if env else list(settings.environments)
    with waiting(names):
        asked = ask(settings, root, names)
    found = over(known.stands, asked, of.commit)
    if env:
        found = {phase: _only(stand, env) for phase, stand in found.items()}
    head = source.resolve(root).commit == of.commit if version else True
    after = {name: _after(settings, name) for name in settings.environments}
    usable = [name for name, each in asked.items() if each.state != UNSET]
    about = About(of.version, head, (env,) if env else _chain(settings, after, usable))
    incidents = tuple(i for i in record.every(root) if env in ("", i.environment))
    places = {name: place(each, of.commit) for name, each in asked.items()}
    return World(about, of, found, places, incidents, known.newer, time.time())


def _only(stand: Stand, env: str) -> Stand:
    """Return what is known of one environment; of what has none, all of it."""
    if not stand.environments:
        return stand
    own = stand.environments.get(env)
    return own._replace(environments={env: own}) if own else Stand()


def _after(settings: Settings, name: str) -> str:
    return str(settings.environments[name].get("after") or "")


def _chain(settings: Settings, after: Mapping[str, str], usable: list[str]) -> tuple[str, ...]:
    return chain(after, usable, settings.default_environment)
