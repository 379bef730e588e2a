"""What a deploy rests on, read before anything is decided: configuration, clone and hosts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from invoke.context import Context

from . import ahead, project
from .errors import Refused

if TYPE_CHECKING:
    from .gates.every import Gates
    from .settings import Environment, Settings
    from .source import Source
    from .target import Target


class World(NamedTuple):
    """The configuration, the version in this clone, and the hosts; `without`: those left out.

    gates: what the version has to pass, asked when the first answer is wanted.
    """

    settings: Settings
    environment: Environment
    targets: tuple[Target, ...]
    root: Path
    source: Source
    without: tuple[str, ...] = ()
    release: str = ""
    gates: Gates | None = None


def read(
    c: Context,
    env: str,
    version: str = "",
    watch: str = "",
    without: str = "",
    strategy: str = "",
    git: bool = True,
    past: tuple[bool, str, str] = (False, "", ""),
) -> World:
    """Read the world; what a command line says goes over the configuration, "" being nothing.

    git: whether a version is looked up, to be deployed. past: what it says of gates: whether to go
    past those that refuse, why, and the incidents that are mended. Changes nothing. Raises Refused.
    """
    from . import config, duration, source, target
    from . import strategy as strategies

    root = project.root(c)
    settings = config.load(c)
    environment = settings.environment(env)
    if watch:
        environment = environment.but(watch=duration.parse(watch))
    if strategy:
        environment = environment.but(strategy=strategies.parse(strategy))
    if git:
        strategies.refuse_unfit(environment)
    targets = target.targets(settings, environment, root)
    ahead.load("fabric")  # while git is asked
    left_out = tuple(name for name in without.split(",") if name)
    unknown = sorted(set(left_out) - {each.name for each in targets})
    if unknown or len(set(left_out)) == len(targets):
        names = ", ".join(each.name for each in targets)
        raise Refused(f"--without names some of the hosts of {environment.name}: {names}.")
    targets = tuple(each for each in targets if each.name not in left_out)
    found = source.resolve(root, version) if git else source.Source("", "", "", False, (), "")
    asked = _gates(settings, environment, root, found, past) if git else None
    return World(settings, environment, targets, root, found, left_out, gates=asked)


def _gates(
    settings: Settings,
    environment: Environment,
    root: Path,
    source: Source,
    past: tuple[bool, str, str],
) -> Gates:
    from .gates import about, every

    force, reason, fixes = past
    given = every.Past(force, reason.strip(), _fixes(fixes, root) if fixes else ())
    given.refuse_unfit()
    return every.Gates(about.About(settings, environment, source, root, given.fixes), given)


def _fixes(said: str, root: Path) -> tuple[str, ...]:
    from .gates import incident

    return incident.parse(said, root)
