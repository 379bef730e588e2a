"""The flow that a walk is about, of the configuration: this machine's, or an environment's."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Iterator

from .. import console, public, target
from ..errors import Refused
from ..settings import Environment, Settings
from .flow import LOCAL, Flow
from .settings import Observability, Stack, places

# What an environment's own stack keeps to itself: it is only reached there.
INSIDE = ("collector", "collector_metrics", "collector_health")


def of(settings: Settings, name: str, root: Path) -> Flow:
    """Return the flow of an environment; "local" is the service on this machine.

    Raises Refused where there is no such environment, or its hosts can't be named.
    """
    if name == LOCAL and LOCAL not in settings.environments:
        return local(settings)
    environment = settings.environment(name)
    own = environment.observability
    return Flow(
        job=settings.app,
        environment=environment.name,
        service=_address(settings, environment, root),
        places=reached(settings.stack, own),
        health=environment.health,
        export=own.export,
        scrape=own.scrape,
    )


@contextmanager
def opened(settings: Settings, name: str, root: Path) -> Iterator[Flow]:
    """Yield the flow of an environment with ways to what listens on loopback on its stack's host,
    for as long as the block lasts. Raises Refused as `of`, and where there is no other way."""
    flow = of(settings, name, root)
    own = Observability()
    if flow.environment in settings.environments:
        own = settings.environment(flow.environment).observability
    with ExitStack() as ways:
        if own.host:
            from .remote import There

            try:
                there = There(settings, settings.environment(flow.environment), root)
                flow = flow._replace(places=ways.enter_context(there).addresses)
            except Refused as error:
                if not own.prometheus:
                    raise
                console.warn(f"{error.message} What invoke.yaml names is asked without it.")
        yield flow


def local(settings: Settings) -> Flow:
    """Return the flow of the service that runs on this machine."""
    usual = settings.environment("sandbox")
    return Flow(
        job=settings.app,
        environment=LOCAL,
        service=f"http://127.0.0.1:{settings.host.port}",
        places=places(settings.stack, Observability()),
        health=usual.health,
        export=usual.observability.export,
        scrape=usual.observability.scrape,
    )


def reached(stack: Stack, own: Observability) -> Stack:
    """Return where an environment's programs are reached from this machine, "" where they aren't.

    The collector on this machine is not that of an environment with a Prometheus of its own.
    """
    found = places(stack, own)
    if not (own.prometheus or own.host):
        return found
    said = {name: getattr(found, name) for name in found.__struct_fields__}
    return Stack(**{**said, **{name: getattr(own, name) for name in INSIDE}})


def reach(settings: Settings, environment: Environment, root: Path) -> Stack:
    """Return where an environment's programs are reached from this machine.

    What runs on its stack's host, and has no address of its own, is reached through SSH from now
    until this process ends. Raises Refused where there is no such way.
    """
    own = environment.observability
    if not own.host or (own.prometheus and own.alertmanager and own.grafana):
        return places(settings.stack, own)
    from .remote import There

    return There(settings, environment, root).addresses  # it closes itself at the end


def _address(settings: Settings, environment: Environment, root: Path) -> str:
    found = public.urls(environment, target.targets(settings, environment, root))
    return found[0].rstrip("/") if found else ""
