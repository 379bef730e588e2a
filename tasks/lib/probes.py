"""What a deploy and a rollback look at, each as a probe: "" where it holds, else what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Protocol

    from .gates.every import Gates
    from .settings import Environment
    from .target import Target

    class Served(Protocol):
        """An environment, its hosts, and the release that it should serve, "" for any."""

        @property
        def environment(self) -> Environment: ...
        @property
        def targets(self) -> tuple[Target, ...]: ...
        @property
        def release(self) -> str: ...

    class Coming(Served, Protocol):
        """A version that is about to be served there."""

        @property
        def gates(self) -> Gates | None: ...


def gate(name: str, world: Coming) -> str:
    """The gate of that name lets the version pass (see `gates.every`)."""
    return world.gates.refused(name) if world.gates else ""


def watchable(world: Served) -> str:
    """There is an address to watch, where watching is wanted."""
    from . import public

    if world.environment.watch and not public.urls(world.environment, world.targets):
        return f"environments.{world.environment.name} has no url to watch"
    if world.environment.observability.watch:
        from .telemetry import watched

        return watched.too_short(world.environment)
    return ""


def prometheus(world: Served) -> str:
    """The Prometheus that the watch will ask answers."""
    if not world.environment.observability.watch:
        return ""
    from .telemetry import watched

    return watched.away(world.environment)


def health(world: Served) -> str:
    """The public health check answers."""
    return _public(world, "health")


def version(world: Served) -> str:
    """The public address names the release, where none is given that which the hosts serve."""
    return _public(world, "version")


def smoke(world: Served) -> str:
    """The configured smoke requests are answered as they should be."""
    return _public(world, "smoke")


def same(world: Served) -> str:
    """Every host answers and serves the same release, which runs."""
    from . import inspect

    return inspect.drift(world.targets, world.environment)


def _public(world: Served, kind: str) -> str:
    from . import inspect, public

    name, release = world.environment.name, world.release
    places = public.urls(world.environment, world.targets)
    if not places:
        return f"environments.{name} has no url to ask"
    if kind == "version" and not release:
        said, _ = inspect.facts(world.targets, world.environment)
        live = {fact["current"] for fact in said.values()}
        release = live.pop() if len(live) == 1 else ""
    return public.wrong(world.environment, places, release, kind)
