"""Bringing up what isn't: the stack, the service beside it, and the way from one to the other."""

from __future__ import annotations

import hashlib
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Mapping, cast

from .. import console
from ..developer import serving, stack
from ..developer.compose import Here
from ..errors import NotClosed
from ..telemetry import hops
from ..telemetry.flow import LOCAL, Flow
from . import background, networks, record, relay, showing, validate
from .record import Started
from .world import World

if TYPE_CHECKING:
    from ..developer.compose import Place
    from ..telemetry.remote import There

AGAIN = "inv preaggregate"
SERVICE, RELAY = "service", "relay"
# What each of the stack's programs reads when it starts. Targets and secrets it reads again itself.
FILES = {
    "otel-collector": ("otel-collector-config.yaml",),
    "prometheus": ("prometheus.yml", "prometheus/rules"),
    "alertmanager": ("alertmanager/alertmanager.yml", "alertmanager/templates"),
}
LIMIT = 60.0  # seconds until a service that was started has to answer
PAUSE = 0.2  # seconds between two looks at it


def bring(world: World) -> World:
    """Start what of the stack and the service doesn't run; return the world with what is ours.

    Everything that is started is recorded at once, so that `inv preaggregate.down` finds it
    whatever becomes of us. Raises Refused, NotClosed.
    """
    if (place := world.place) is None:
        return world
    if not isinstance(place, Here):
        from . import away

        away.bring(world, cast("There", place))
        return world
    world = _stack(world, place)
    if world.environment != LOCAL:
        return world
    return _reachable(world if world.serves else _service(world), place)


def started(world: World) -> list[str]:
    """Return what runs that was started here, by this run or one before it."""
    ours = [each.says for each in world.started.processes.values() if background.runs(each)]
    return (["the stack"] if world.started.stack else []) + ours


def _stack(world: World, place: Place) -> World:
    before = stack.services(place)
    up = {each.name for each in before if not each.said}
    files = {name: digest(world.root, read) for name, read in FILES.items()}
    known = world.started.files
    changed = sorted(
        each for each in up & set(files) if known.get(each, files[each]) != files[each]
    )
    if "otel-collector" not in up or "otel-collector" in changed:
        validate.validate(world.root, place)
    world = _note(world, stack=world.started.stack or not before, files=files)
    if changed:  # a file that an editor wrote anew is another one: to be mounted, not only read
        console.say(f"Starting {', '.join(changed)} again: what it reads has changed.")
        place.shown(*place.words, "restart", *changed)
    with showing.services() as told:
        found = stack.start(place, world.settings.preaggregate.start, told, AGAIN)
    console.say("Up: " + ", ".join(each.name for each in found) + ".")
    return world


def _service(world: World) -> World:
    """Start the service with telemetry, and wait until it answers."""
    host, flow = world.settings.host, world.flow
    argv = serving.command(host, host.port, world.root)
    says = f"the service at {flow.service}"
    console.say(f"Starting {says}, with telemetry …")
    begun = background.planned(world.root, SERVICE, says, argv)
    world = _note(world, SERVICE, begun)
    if what := _begin(world, SERVICE, variables(world), lambda: _answers(flow)):
        raise NotClosed(
            f"The service that was started {what}: correct what its log says, then run "
            f"`{AGAIN}` again; the stack runs.",
            kind="service",
            evidence=background.tail(begun),
        )
    return world


def _answers(flow: Flow) -> bool:
    return bool(hops.look(hops.SENDING[0], flow).holds)


def _begin(world: World, name: str, variables: Mapping[str, str], there: Callable[[], bool]) -> str:
    """Begin what the world has planned as `name` and wait until it is there; return "", or what
    became of it. Then it has been ended and is planned no longer."""
    begun = world.started.processes[name]
    background.begin(world.root, begun, variables)
    until = time.monotonic() + LIMIT
    while not there():
        ended = not background.runs(begun)
        if ended or time.monotonic() > until:
            background.end(begun)
            _note(world, name)
            return "ended" if ended else f"didn't answer within {LIMIT:g} s and was ended"
        time.sleep(PAUSE)
    return ""


def variables(world: World) -> dict[str, str]:
    """Return what the service is told, beside .env, to send its telemetry to the stack."""
    return {
        "ENABLE_TELEMETRY": "true",
        "ENVIRONMENT": world.environment,
        "OTEL_SERVICE_NAME": world.flow.job,
        "OTEL_EXPORTER_OTLP_ENDPOINT": world.flow.places.otlp,
        "OTEL_METRIC_EXPORT_INTERVAL": str(int(world.flow.export * 1000)),
        "OTEL_SEMCONV_STABILITY_OPT_IN": "http",
    }


def _reachable(world: World, place: Place) -> World:
    """See that containers reach a service that listens on loopback alone."""
    address, port = stack.reached(place), networks.port(world.root, world.settings.host.port)
    own = world.settings.host.port
    if not address:
        console.say(f"Containers reach the service as host.docker.internal:{own}.")
        if port != own:
            console.warn(f"prometheus/targets/service/ says {port}, the service is at {own}")
        return world
    argv = [sys.executable, "-I", str(Path(relay.__file__)), f"{address}:{port}"]
    argv += [f"127.0.0.1:{own}", *networks.of(place, "prometheus")]
    world = _relayed(world, argv, (address, port))
    alone = ", and nobody else," if RELAY in world.started.processes else ""
    console.say(
        f"Containers{alone} reach the service as host.docker.internal:{port}, which is {address}."
    )
    return world


def _relayed(world: World, argv: list[str], listen: tuple[str, int]) -> World:
    """Have something listen where containers look: the service itself, or else a relay to it."""
    was = world.started.processes.get(RELAY)
    if was and (was.argv != argv or not background.runs(was)):  # to another port, or other networks
        background.end(was)
        world = _note(world, RELAY)
    if _listens(*listen):
        return world
    address, port = listen
    says = f"the way from containers to it ({address}:{port})"
    begun = background.planned(world.root, RELAY, says, argv)
    world = _note(world, RELAY, begun)
    if _begin(world, RELAY, {}, lambda: _listens(*listen)):
        raise NotClosed(
            f"Nothing can listen at {address}:{port}, where containers look for the service: "
            f"see who has that port, then run `{AGAIN}` again.",
            kind="up",
            evidence=background.tail(begun),
        )
    return world


def digest(root: Path, names: tuple[str, ...]) -> str:
    """Return a digest of files, and of those in directories; what isn't there adds nothing."""
    found = hashlib.sha256()
    for name in names:
        place = root / name
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file():
                found.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def _listens(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=1).close()
        return True
    except OSError:
        return False


def _note(
    world: World,
    name: str = "",
    process: Started | None = None,
    *,
    stack: bool | None = None,
    files: Mapping[str, str] | None = None,
) -> World:
    """Record what was started, and return the world with it."""
    was = world.started
    processes = {key: each for key, each in was.processes.items() if key != name}
    if process is not None:
        processes[name] = process
    now = record.Record(
        was.stack if stack is None else stack, processes, was.files if files is None else files
    )
    record.write(world.root, now)
    return world._replace(started=now)
