"""What pre-aggregate rests on: this commit's tests, the stack, and the service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .. import evidence, project
from ..developer import ports, serving, stack
from ..developer.compose import Place
from ..errors import Refused
from ..release import lineage
from ..telemetry import composed, flows, hops
from ..telemetry.flow import LOCAL, Flow
from ..telemetry.settings import Stack
from . import record
from .record import Record

if TYPE_CHECKING:
    from ..settings import Settings
    from ..telemetry.remote import There


class World(NamedTuple):
    """One look at it.

    environment: whose telemetry it is; "local" is the service on this machine. flow: what is
    proven. place: where the stack is started, None where it runs elsewhere and is only asked.
    tested: why this commit's tests don't count, "" where they do. lacks: what keeps the stack from
    being started. taken: its ports that others hold. serves: whether the service answers.
    unservable: why it can't be started where it doesn't. started: by an earlier run, and still ours
    to end.
    """

    settings: Settings
    root: Path
    environment: str
    flow: Flow
    place: Place | None
    tested: str
    lacks: str
    taken: str
    serves: bool
    unservable: str
    started: Record


def read(settings: Settings, root: Path, env: str, elsewhere: bool) -> World:
    """Look at everything. env: "" is the service on this machine. elsewhere: the stack isn't ours.

    Raises Refused for what keeps it from being seen.
    """
    env = _named(settings, env)
    flow = flows.of(settings, env or LOCAL, root)
    place = None if elsewhere else placed(settings, root, env)
    if isinstance(away := getattr(place, "addresses", None), Stack):
        flow = flow._replace(places=away)  # through the connection to its host
    lacks = stack.missing(place) if place else ""
    serves = bool(hops.look(hops.SENDING[0], flow).holds)
    return World(
        settings=settings,
        root=root,
        environment=env or LOCAL,
        flow=flow,
        place=place,
        tested=_tested(settings, root),
        lacks=lacks,
        taken=stack.taken(place) if place and not lacks else "",
        serves=serves,
        unservable="" if serves or env or elsewhere else _unservable(settings, root),
        started=record.read(root),
    )


def _named(settings: Settings, env: str) -> str:
    """Return the environment, "" for this machine, which `local` names where none is called so."""
    return "" if env == LOCAL and LOCAL not in settings.environments else env


def placed(settings: Settings, root: Path, env: str) -> Place | None:
    """Return where the stack of an environment is started, None where one is only asked."""
    env = _named(settings, env)
    if not env:
        return composed.here(root, settings.stack)
    environment = settings.environment(env)
    own = environment.observability
    if own.host:
        return distant(settings, root, env)
    return None if own.prometheus else composed.here(root, settings.stack)


def _tested(settings: Settings, root: Path) -> str:
    commit = project.commit(root)
    if not commit:
        return "there is no commit here"
    commits = lineage.commits(root, settings.release, commit)
    closed = evidence.here(root, "test", commits).line
    return "" if closed else f"inv test has not closed for {commit[:7]}"


def _unservable(settings: Settings, root: Path) -> str:
    """Return why the service can't be started on this machine, "" where it can."""
    port = settings.host.port
    try:
        serving.command(settings.host, port, root)
        if ports.free(port):
            return ""
    except Refused as error:
        return str(error)
    health = settings.environment("sandbox").health
    return f"port {port} is held by {ports.holder(port)}, which doesn't answer at {health}"


def distant(settings: Settings, root: Path, env: str) -> There:
    """Return an environment's stack on its host, connected to. Raises Refused."""
    from ..telemetry.remote import There

    environment = settings.environment(env)
    if not environment.observability.host:
        raise Refused(
            f"{environment.name} has no stack on a host of its own: name one in invoke.yaml, "
            f"`environments: {environment.name}: observability: host:`."
        )
    return There(settings, environment, root)
